"""``manage.py import_csvs``: load the night's CSV files."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from json import dumps
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from customers.audit.trail import user_name
from customers.core.database_errors import first_line
from customers.feeds.declarations import FEEDS
from customers.feeds.drop_folder import is_folder
from customers.imports.folder import import_folder
from customers.imports.interface import Options, Outcome
from customers.jobs.commands import EXIT_FAILED, EXIT_USAGE, AuditedCommand, usage_error
from customers.jobs.progress import Progress
from customers.text.counts import counts_in_words
from customers.uploads import store

SHOWN_PROBLEMS = 10


class Command(AuditedCommand):
    """Translates the command line to ``import_folder`` and its outcomes to text or JSON."""

    busy = "Another import is running; nothing was done."
    help = (
        "Load the CSV feeds of a folder: the three required ones, and the optional ones that are there. "
        "Exit code: 0 loaded (quarantined rows are reported), 1 a feed was refused or failed, or its file could not "
        "be archived, 2 usage, 75 another import is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dir", type=Path, default=settings.CSV_DIR, help="the drop folder (default: CSV_DIR)")
        parser.add_argument(
            "--feed", action="append", choices=list(FEEDS), help="only this feed; may be given several times"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")
        parser.add_argument("--strict", action="store_true", help="any quarantined row refuses its feed")
        parser.add_argument("--force", action="store_true", help="let the guardrails pass; the run records who did")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output, nothing else")

    def execute(self, *args: object, **options: Any) -> str | None:
        """Run the command; where an import cannot even begin, standard output has its one object, too."""
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            if options["json"] and error.returncode != EXIT_USAGE:
                self._write_json([])
            raise

    def handle(
        self, *, dir: Path, feed: list[str] | None, dry_run: bool, json: bool, strict: bool, force: bool, **_: object
    ) -> None:
        """Run the import; exit as the contract says."""
        if not is_folder(dir):
            raise usage_error(f"{dir} is not a folder; name one with --dir or CSV_DIR.")
        progress = _progress_bar if sys.stderr.isatty() else None
        how = Options(started_by=user_name(), strict=strict, force=force, progress=progress)
        out = self.stderr if json else self.stdout
        out.ending = "\n"
        try:
            outcomes = import_folder(dir, feed, how, dry_run=dry_run)
            if not dry_run:
                store.expire_uploads()
        except OSError as error:
            raise CommandError(f"The database cannot be used: {first_line(error)}") from error
        if json:
            self._write_json(outcomes)
        report(out.write, outcomes, dry_run=dry_run)
        if not all(outcome.loaded and outcome.not_archived is None for outcome in outcomes):
            sys.exit(EXIT_FAILED)

    def _write_json(self, outcomes: list[Outcome]) -> None:
        self.stdout.write(dumps({"feeds": [outcome.as_dict() for outcome in outcomes]}))


def _progress_bar(path: Path) -> Progress:
    bar = tqdm(
        total=path.stat().st_size if path.is_file() else None,
        desc=path.name,
        unit="B",
        unit_scale=True,
        leave=False,
        file=sys.stderr,
        delay=0.5,
    )

    def advance(count: int) -> None:
        bar.update(count)
        if not count:
            bar.close()

    return advance


def report(write: Callable[[str], object], outcomes: list[Outcome], *, dry_run: bool = False) -> None:
    """Print what became of each feed; the last line is a summary."""
    for outcome in outcomes:
        _report(write, outcome)
    write(_summary(outcomes, dry_run))


def _report(write: Callable[[str], object], outcome: Outcome) -> None:
    if outcome.loaded:
        write(
            f"{outcome.file}: loaded {counts_in_words({'rows': outcome.rows})}: "
            f"{outcome.created:,} created, {outcome.updated:,} updated, "
            f"{outcome.unchanged:,} unchanged, {outcome.quarantined:,} quarantined"
            + (f"; {outcome.retried:,} retried from quarantine" if outcome.retried else "")
            + (f"; {outcome.missing:,} newly missing from the file" if outcome.missing else "")
            + (f"; {outcome.returned:,} back in the file" if outcome.returned else "")
        )
    else:
        write(f"{outcome.file}: {outcome.status}: {outcome.reason}")
    for warning in outcome.warnings:
        write(f"  warning: {warning}")
    for problem in outcome.problems[:SHOWN_PROBLEMS]:
        write(f"  line {problem['line']}: {'; '.join(problem['reasons'])}")
    if outcome.problems and outcome.quarantined > SHOWN_PROBLEMS:
        write(f"  and {outcome.quarantined - SHOWN_PROBLEMS:,} more quarantined rows, all in the admin")


def _summary(outcomes: list[Outcome], dry_run: bool) -> str:
    loaded = [outcome for outcome in outcomes if outcome.loaded]
    counts = ", ".join(
        f"{sum(getattr(outcome, state) for outcome in loaded):,} {state}"
        for state in ("created", "updated", "unchanged", "quarantined")
    )
    beginning = "Dry run, nothing was changed: " if dry_run else ""
    gone = "".join(f"; {outcome.missing:,} newly missing from {outcome.file}" for outcome in loaded if outcome.missing)
    pairs = [
        f"customer {pair['former']} → customer {pair['customer']}"
        for outcome in loaded
        for pair in outcome.key_changes
    ]
    more = f" and {len(pairs) - SHOWN_PROBLEMS} more" if len(pairs) > SHOWN_PROBLEMS else ""
    keys = f" Keys that seem to have changed: {', '.join(pairs[:SHOWN_PROBLEMS])}{more}." if pairs else ""
    lost = not_archived(outcomes)
    end = f" Not archived: {lost}." if lost else ""
    return f"{beginning}{len(loaded)} of {len(outcomes)} feeds loaded: {counts}{gone}.{keys}{end}"


def not_archived(outcomes: list[Outcome]) -> str:
    """Return which files could not be archived, and why; '' where all were."""
    files: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.not_archived is not None:
            files.setdefault(outcome.not_archived, []).append(outcome.file)
    return "; ".join(f"{', '.join(names)} ({why})" for why, names in files.items())
