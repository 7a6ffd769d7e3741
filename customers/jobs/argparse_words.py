"""The words of argparse, and of Django's own options, in the language that a command speaks."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext, gettext_noop

ARGPARSE = (
    gettext_noop("usage: "),
    gettext_noop("positional arguments"),
    gettext_noop("options"),
    gettext_noop("show this help message and exit"),
    gettext_noop("%(prog)s: error: %(message)s\n"),
    gettext_noop("argument %(argument_name)s: %(message)s"),
    gettext_noop("the following arguments are required: %s"),
    gettext_noop("one of the arguments %s is required"),
    gettext_noop("unrecognized arguments: %s"),
    gettext_noop("not allowed with argument %s"),
    gettext_noop("ignored explicit argument %r"),
    gettext_noop("expected one argument"),
    gettext_noop("expected at most one argument"),
    gettext_noop("expected at least one argument"),
    gettext_noop("ambiguous option: %(option)s could match %(matches)s"),
    gettext_noop("invalid %(type)s value: %(value)r"),
    gettext_noop("invalid choice: %(value)r (choose from %(choices)s)"),
)
"""What is shown of a command line and its faults; the others are for programmers."""
OF_DJANGO = {
    "version": gettext_noop("Show program's version number and exit."),
    "verbosity": gettext_noop(
        "Verbosity level; 0=minimal output, 1=normal output, 2=verbose output, 3=very verbose output"
    ),
    "settings": gettext_noop(
        'The Python path to a settings module, e.g. "myproject.settings.main". If this isn\'t provided, the '
        "DJANGO_SETTINGS_MODULE environment variable will be used."
    ),
    "pythonpath": gettext_noop("A directory to add to the Python path."),
    "traceback": gettext_noop("Display a full stack trace on CommandError exceptions."),
    "no_color": gettext_noop("Don't colorize the command output."),
    "force_color": gettext_noop("Force colorization of the command output."),
    "skip_checks": gettext_noop("Skip system checks."),
}
"""What the help says of the options that Django gives each command, by the name of their values."""


@contextmanager
def speaking() -> Iterator[None]:
    """Let argparse speak the language of now: by itself it asks catalogues of the machine, which nobody has."""
    before = argparse._  # type: ignore[attr-defined]  # the function that it translates by
    argparse._ = gettext  # type: ignore[attr-defined]
    try:
        yield
    finally:
        argparse._ = before  # type: ignore[attr-defined]


def translate_options(parser: argparse.ArgumentParser) -> None:
    """Put the help of Django's own options into the language of now."""
    for action in parser._actions:
        if action.dest in OF_DJANGO:
            action.help = gettext(OF_DJANGO[action.dest])
