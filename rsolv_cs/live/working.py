"""A process beside the sockets that does within seconds what waits: ``manage.py ingest`` and ``deliver``.

It is there all the time, because a command that is started anew takes longer than people are to wait, and it is a
process of its own, so that what a large ingest takes keeps no socket waiting. The two have a thread each: a slow
receiver of webhooks keeps no event of the product waiting.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from io import StringIO

import django
from django.core.management import CommandError, call_command
from django.db import Error, connection

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
BUSY_SECONDS = 5.0
"""Before it is tried again while an import or a night is going on."""
FAILED_SECONDS = 60.0
"""As the timer of every minute does, so that a fault fills neither the ledger nor the log."""


def load_what_waits() -> float:
    """Load the events of the product that wait, if any do; return for how many seconds to rest."""
    # Once the project is set up, which nobody else does for this process.
    from customers.inbox.ingest import has_work

    return _done("ingest", has_work)


def deliver_what_waits() -> float:
    """Send what waits for webhooks, if anything does; return for how many seconds to rest."""
    from analytics.webhooks.deliver import has_work

    return _done("deliver", has_work)


def _done(command: str, has_work: Callable[[], bool]) -> float:
    """Run a command where it has work; return for how many seconds to rest."""
    from customers.jobs.commands import EXIT_BUSY

    try:
        if has_work():
            call_command(command, stdout=StringIO(), stderr=StringIO())
    except CommandError as error:
        if error.returncode == EXIT_BUSY:
            return BUSY_SECONDS
        logger.warning("%s failed: %s", command, error)
        return FAILED_SECONDS
    except Error as error:
        logger.warning("%s cannot be looked for: %s", command, type(error).__name__)
        return FAILED_SECONDS
    finally:
        connection.close()
    return LOOK_SECONDS


def keep_doing(turn: Callable[[], float], parent: int) -> None:
    """Take one turn after another, as long as the process lives that started this one."""
    while os.getppid() == parent:
        until = time.monotonic() + turn()
        while time.monotonic() < until and os.getppid() == parent:
            time.sleep(LOOK_SECONDS)


def main() -> None:
    """Do what waits, as long as the process lives that started this one."""
    parent = os.getppid()
    django.setup()
    # It ends with the process: what it was sending then, a later run sends again.
    threading.Thread(target=keep_doing, args=(deliver_what_waits, parent), daemon=True, name="deliver").start()
    keep_doing(load_what_waits, parent)


if __name__ == "__main__":
    main()
