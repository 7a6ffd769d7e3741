"""A process beside the sockets that loads what the product reports within seconds: see ``manage.py ingest``.

It is there all the time, because a command that is started anew takes longer than people are to wait, and it is a
process of its own, so that what a large ingest takes keeps no socket waiting.
"""

import logging
import os
import time
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
    """Load the events that wait, if any do; return for how many seconds to rest."""
    # Once the project is set up, which nobody else does for this process.
    from customers.inbox.ingest import has_work
    from customers.jobs.commands import EXIT_BUSY

    try:
        if has_work():
            call_command("ingest", stdout=StringIO())
    except CommandError as error:
        if error.returncode == EXIT_BUSY:
            return BUSY_SECONDS
        logger.warning("What the product reported could not be loaded: %s", error)
        return FAILED_SECONDS
    except Error as error:
        logger.warning("What the product reported cannot be looked for: %s", type(error).__name__)
        return FAILED_SECONDS
    finally:
        connection.close()
    return LOOK_SECONDS


def main() -> None:
    """Load what waits, as long as the process lives that started this one."""
    parent = os.getppid()
    django.setup()
    while os.getppid() == parent:
        until = time.monotonic() + load_what_waits()
        while time.monotonic() < until and os.getppid() == parent:
            time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
