"""``manage.py`` that sends itself a signal as the n-th call of a function begins.

    python -m tests.support.signalled SIGKILL customers.imports.load:merge 2 import_csvs --dir drop

Three rows count as many, so that a small file too is loaded with its table's indexes taken off.
"""

import os
import signal
import sys
from pkgutil import resolve_name
from typing import Any

import django
from django.core.management import execute_from_command_line


def send_at(name: str, function: str, nth: int) -> None:
    """Send this process the signal ``name`` when the ``nth`` call of ``function`` (``module:path``) begins."""
    place, _separator, attribute = function.replace(":", ".").rpartition(".")
    owner = resolve_name(place)
    original = getattr(owner, attribute)
    calls = 0

    def signalling(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.Signals[name])
        return original(*arguments, **named)

    setattr(owner, attribute, signalling)


def main() -> None:
    name, function, nth, *command = sys.argv[1:]
    django.setup()
    if name == "SIGKILL":
        resolve_name("customers.imports.merge").MANY_ROWS = 3
    send_at(name, function, int(nth))
    # The shell has none to skip.
    execute_from_command_line(["manage.py", *command, *([] if command[0] == "shell" else ["--skip-checks"])])


if __name__ == "__main__":
    main()
