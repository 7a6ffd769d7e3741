"""``manage.py nightly``: everything that a night needs, for cron."""

import logging
import sys
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, OutputWrapper
from django.db import Error
from django.utils.translation import gettext, gettext_lazy

from analytics.alerts.own_rules.kind import broken_rules
from analytics.management.commands.ingest import LOCK as INGEST_LOCK
from analytics.nights.ledger import (
    ALERTS,
    DONE,
    FAILED,
    IMPORT,
    SKIPPED,
    STEPS,
    WARNED,
    NightLog,
    NightStep,
    night_log,
    steps_now,
)
from customers.audit.trail import user_name
from customers.core.database_errors import first_line
from customers.core.sql import limit_parallelism
from customers.feeds.declarations import FEEDS
from customers.feeds.drop_folder import is_folder
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.inbox.spool import set_aside_in_words
from customers.jobs.commands import EXIT_BUSY, EXIT_FAILED, AuditedCommand, usage_error
from customers.jobs.lock import LockHeld, job_lock, job_lock_within
from customers.management.commands.import_csvs import not_archived, report
from customers.text.say import english, in_english, say

logger = logging.getLogger(__name__)

AFTER_IMPORT = tuple(step.name for step in STEPS if step.only_if is None)
INGEST = "ingest"
DELIVER = "deliver"
INGEST_SECONDS = 60
"""An ingest that is going on has so long to end."""


class Command(AuditedCommand):
    """Run the steps in turn, hold back what depends on a failed one, and note each in the ledger."""

    busy = gettext_lazy("Another nightly run is going on; nothing was done.")
    about = gettext_lazy(
        "Load what the product reported, import, score, forecast, send alerts, play playbooks, export, send reports, "
        "push, and remove what is kept no longer. A required feed that was refused makes it skip scoring, forecasts, "
        "playbooks, export and reports: the pages stay as they are and say why, and the alert about it is sent. "
        "Exit code: 0 all done, 1 a step failed or has a warning, 2 usage, 75 another import or run is going on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dir", type=Path, default=settings.CSV_DIR, help=gettext("the drop folder (default: CSV_DIR)")
        )

    def handle(self, *, dir: Path, **options: object) -> None:
        if not is_folder(dir):
            raise usage_error(say("{folder} is not a folder; name one with --dir or CSV_DIR.", folder=str(dir)))
        try:
            with (
                job_lock("nightly"),
                job_lock_within(INGEST_SECONDS, INGEST_LOCK),
                night_log(user_name()) as night,
                in_english(),  # What the steps say last is stored.
            ):
                limit_parallelism()
                results = {**self._ingest(night), **self._run(dir, night)}
        except (Error, OSError) as error:
            self.stderr.write(say("The database cannot be used: {error}", error=str(error)))
            results = {IMPORT: FAILED, **dict.fromkeys(AFTER_IMPORT, SKIPPED)}
        else:
            self._deliver()
        every = ", ".join(f"{step} {result}" for step, result in results.items())
        self.stdout.write(english(f"Nightly: {every}."))
        if any(result != DONE for result in results.values()):
            sys.exit(EXIT_FAILED)

    def _ingest(self, night: NightLog) -> dict[str, str]:
        """Load what the product reported, if anything; a failure has a warning, and holds nothing back."""
        said = _LastLine(self.stdout)
        try:
            call_command(INGEST, in_night=True, stdout=said, stderr=self.stderr)
        except Exception as error:
            logger.exception("%s failed", INGEST)
            self.stderr.write(f"{INGEST}: {error}")
            night.add(INGEST, WARNED, str(error))
            return {INGEST: WARNED}
        aside = set_aside_in_words()
        if not said.line and not aside:
            return {}
        result = WARNED if aside else DONE
        night.add(INGEST, result, aside or said.line)
        return {INGEST: result}

    def _deliver(self) -> None:
        """Send webhooks what the night told; it is over by then, and what fails is tried again by the timer."""
        try:
            call_command(DELIVER, stdout=self.stdout, stderr=self.stderr)
        except Exception as error:
            logger.exception("%s failed", DELIVER)
            self.stderr.write(f"{DELIVER}: {error}")

    def _run(self, folder: Path, night: NightLog) -> dict[str, str]:
        try:
            outcomes = import_folder(folder, None, Options(started_by=user_name()))
        except LockHeld:
            night.add(IMPORT, FAILED, english("Another import was running."))
            self._skip(night, *AFTER_IMPORT)
            raise CommandError(gettext("Another import is running; nothing was done."), returncode=EXIT_BUSY) from None
        except (Error, OSError) as error:
            self.stderr.write(say("The database cannot be used: {error}", error=str(error)))
            night.add(IMPORT, FAILED, english(f"The database could not be used: {error}"))
            self._skip(night, *AFTER_IMPORT)
            return {IMPORT: FAILED, **dict.fromkeys(AFTER_IMPORT, SKIPPED)}
        said = _LastLine(self.stdout)
        report(said.write_line, outcomes)
        lost = [outcome for outcome in outcomes if not outcome.loaded]
        result = FAILED if lost else WARNED if not_archived(outcomes) else DONE
        reasons = "; ".join(f"{outcome.file} {outcome.status}: {outcome.reason}" for outcome in lost)
        night.add(IMPORT, result, reasons or said.line)
        named = result
        if lost:
            named += f" ({', '.join(outcome.file for outcome in lost)})"
        elif result == WARNED:
            named += english(f" (not archived: {not_archived(outcomes)})")
        is_whole = not any(FEEDS[outcome.feed].required for outcome in lost)
        return {IMPORT: named, **self._after_import(night, is_whole=is_whole)}

    def _after_import(self, night: NightLog, *, is_whole: bool) -> dict[str, str]:
        """Run the other steps; what would make the pages differ from the feeds is skipped without a whole import."""
        results: dict[str, str] = {}
        for step in steps_now():
            if step.after and (not is_whole if step.after == IMPORT else results[step.after] != DONE):
                self._skip(night, step.name)
                results[step.name] = SKIPPED
            else:
                results[step.name] = self._step(night, step)
        return results

    def _step(self, night: NightLog, step: NightStep) -> str:
        """Run a step's command; where alerts are done, but a rule is not understood, they have a warning."""
        name, command = step.name, step.command
        said = _LastLine(self.stdout)
        try:
            call_command(command, *step.options, stdout=said, stderr=self.stderr)
        except Exception as error:
            cause = error.__cause__ if isinstance(error.__cause__, Error) else error
            if isinstance(cause, CommandError):
                self.stderr.write(f"{command}: {error}")
                night.add(name, FAILED, str(error))
                return FAILED
            # Whatever it was, the last line still says what the night did.
            logger.exception("%s failed", command)
            night.add(name, FAILED, f"{type(cause).__name__}: {first_line(cause)}")
            return FAILED
        warnings = " ".join(broken_rules()) if name == ALERTS else ""
        result = WARNED if warnings else DONE
        night.add(name, result, warnings or said.line)
        return result

    def _skip(self, night: NightLog, *names: str) -> None:
        for name in names:
            night.add(name, SKIPPED)


class _LastLine:
    """Passes on what a step says, and keeps the last line of it for the ledger."""

    def __init__(self, out: OutputWrapper) -> None:
        self._out = out
        self.line = ""

    def write(self, text: str) -> None:
        self.line = next((line for line in reversed(text.splitlines()) if line.strip()), self.line)
        self._out.write(text, ending="")

    def write_line(self, text: str) -> None:
        self.write(f"{text}\n")

    def __getattr__(self, name: str) -> object:
        return getattr(self._out, name)
