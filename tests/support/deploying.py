"""What files of ``deploy/`` and of the containers start."""

import json
import re
import shlex
import sys

from django.core.management import BaseCommand, get_commands, load_command_class

from tests.support import ROOT

SERVED = {"HOST", "PORT", "WORKERS", "THREADS"}
"""What the web server reads of the environment, beside the settings."""


def commands_in(text: str) -> list[list[str]]:
    """The words after each ``manage.py`` of a text."""
    return [shlex.split(found) for found in re.findall(r"manage\.py ([a-z][^&|>;\"\\\n]+)", text)]


def is_real(words: list[str]) -> bool:
    """Whether Django has the command, and it knows its options."""
    name, *rest = words
    if name not in get_commands():
        return False
    app = get_commands()[name]
    command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
    known = command.create_parser("manage.py", name).format_help()
    return all(option.partition("=")[0] in known for option in rest if option.startswith("--"))


def health_check() -> list[str]:
    """The container's HEALTHCHECK, with this Python."""
    [found] = re.findall(r"^\s+CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return [sys.executable, *json.loads(found)[1:]]
