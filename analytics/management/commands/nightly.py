"""``manage.py nightly``: everything that a night needs, for cron."""

import logging
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import Error

from customers.audit import user_name
from customers.commands import AuditedCommand
from customers.feeds import FEEDS
from customers.load import Options, import_folder
from customers.lock import Busy
from customers.management.commands.import_csvs import report
from customers.read import is_folder

logger = logging.getLogger(__name__)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUSY = 75
_HELD_BACK = "held back"


class Command(AuditedCommand):
    """Runs the steps in turn and holds back what depends on a failed one."""

    help = (
        "Import, score, send alerts, export and send reports. A required feed that was refused holds back scoring, "
        "export and reports: the pages stay as they are and say why, and the alert about it is sent. "
        "Exit code: 0 all done, 1 a step failed, 2 usage, 75 another import is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--dir", type=Path, default=settings.CSV_DIR, help="the drop folder (default: CSV_DIR)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the steps; the last line says how each ended."""
        if not is_folder(options["dir"]):
            raise CommandError(
                f"{options['dir']} is not a folder; name one with --dir or CSV_DIR.", returncode=EXIT_USAGE
            )
        results = self._run(options["dir"])
        self.stdout.write(f"Nightly: {', '.join(f'{step} {result}' for step, result in results.items())}.")
        if any(result != "done" for result in results.values()):
            sys.exit(EXIT_FAILED)

    def _run(self, folder: Path) -> dict[str, str]:
        try:
            outcomes = import_folder(folder, None, Options(started_by=user_name()))
        except Busy:
            raise CommandError("Another import is running; nothing was done.", returncode=EXIT_BUSY) from None
        except (Error, OSError) as error:
            self.stderr.write(f"The database cannot be used: {error}")
            return {"import": "failed", **dict.fromkeys(("score", "alerts", "export", "reports"), _HELD_BACK)}
        report(self.stdout.write, outcomes)
        lost = [outcome.file for outcome in outcomes if not outcome.loaded]
        results = {"import": f"failed ({', '.join(lost)})" if lost else "done"}
        refused = any(not outcome.loaded and FEEDS[outcome.feed].required for outcome in outcomes)
        results["score"] = _HELD_BACK if refused else self._step("score")
        # Whatever went wrong before is what somebody must be told of.
        results["alerts"] = self._step("send_alerts")
        for step, command in (("export", "export_metrics"), ("reports", "send_reports")):
            results[step] = self._step(command) if results["score"] == "done" else _HELD_BACK
        return results

    def _step(self, command: str) -> str:
        try:
            call_command(command, stdout=self.stdout, stderr=self.stderr)
        except CommandError as error:
            self.stderr.write(f"{command}: {error}")
            return "failed"
        except Exception:
            # Whatever it was, the last line still says what the night did.
            logger.exception("%s failed", command)
            return "failed"
        return "done"
