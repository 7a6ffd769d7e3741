"""``manage.py live``: keep the sockets of open pages, which tell them that the state has changed."""

import os
import signal
import sys
from argparse import ArgumentParser
from contextlib import suppress

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy

from customers.jobs.commands import EXIT_BUSY, SpokenCommand
from rsolv_cs.live.handover import AlreadyKept
from rsolv_cs.live.server import keep_sockets
from rsolv_cs.monitoring import shared

NICE = 10
"""By so much, as a night does, it gives way to pages."""


class Command(SpokenCommand):
    """Runs the process of the sockets beside the web server."""

    about = gettext_lazy(
        "Keep the sockets of open pages, which the web server hands over, and tell them when anything has changed. "
        "Without it pages ask every minute. Exit code: 0 with LIVE=0, or told to stop, 75 another process does it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--with-parent", action="store_true", help=gettext("end when the process that started it ends")
        )

    def handle(self, *, with_parent: bool, **_options: object) -> None:
        if not settings.LIVE:
            self.stdout.write(gettext("LIVE=0: pages ask every minute by themselves."))
            return
        shared.be(shared.LIVE)
        # Pages go first where the processors are all busy: what is told here is not missed a moment later.
        os.nice(NICE)
        # The server ends as it should, and then passes the signal on.
        signal.signal(signal.SIGTERM, lambda *_signal: sys.exit())
        try:
            with suppress(KeyboardInterrupt):
                keep_sockets(settings.LIVE_SOCKET, os.getppid() if with_parent else None)
        except AlreadyKept:
            raise CommandError(
                gettext("Another process keeps the sockets; nothing was done."), returncode=EXIT_BUSY
            ) from None
