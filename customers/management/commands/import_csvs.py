"""``manage.py import_csvs``: load the night's CSV files."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from json import dumps
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy
from tqdm import tqdm

from customers.audit.trail import user_name
from customers.core.database_errors import first_line
from customers.feeds.declarations import FEEDS
from customers.feeds.drop_folder import is_folder
from customers.imports.folder import import_folder
from customers.imports.interface import Options, Outcome
from customers.jobs.commands import EXIT_FAILED, EXIT_USAGE, AuditedCommand, usage_error
from customers.jobs.progress import Progress
from customers.text.say import Value, say, say_n
from customers.uploads import store

SHOWN_PROBLEMS = 10


class Command(AuditedCommand):
    """Translates the command line to ``import_folder`` and its outcomes to text or JSON."""

    busy = gettext_lazy("Another import is running; nothing was done.")
    about = gettext_lazy(
        "Load the CSV feeds of a folder: the three required ones, and the optional ones that are there. "
        "Exit code: 0 loaded (quarantined rows are reported), 1 a feed was refused or failed, or its file could not "
        "be archived, 2 usage, 75 another import is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dir", type=Path, default=settings.CSV_DIR, help=gettext("the drop folder (default: CSV_DIR)")
        )
        parser.add_argument(
            "--feed", action="append", choices=list(FEEDS), help=gettext("only this feed; may be given several times")
        )
        for option, meaning in (
            ("--dry-run", gettext("say what would happen, and change nothing")),
            ("--strict", gettext("any quarantined row refuses its feed")),
            ("--force", gettext("let the guardrails pass; the run records who did")),
            ("--json", gettext("one JSON object on standard output, nothing else")),
        ):
            parser.add_argument(option, action="store_true", help=meaning)

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
            raise usage_error(say("{folder} is not a folder; name one with --dir or CSV_DIR.", folder=str(dir)))
        progress = _progress_bar if sys.stderr.isatty() else None
        how = Options(started_by=user_name(), strict=strict, force=force, progress=progress)
        out = self.stderr if json else self.stdout
        out.ending = "\n"
        try:
            outcomes = import_folder(dir, feed, how, dry_run=dry_run)
            if not dry_run:
                store.expire_uploads()
        except OSError as error:
            raise CommandError(say("The database cannot be used: {error}", error=first_line(error))) from error
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
        write(f"{outcome.file}: {'; '.join(_loaded(outcome))}")
    else:
        write(f"{outcome.file}: {outcome.status}: {outcome.reason}")
    for warning in outcome.warnings:
        write(say("  warning: {warning}", warning=warning))
    for problem in outcome.problems[:SHOWN_PROBLEMS]:
        reasons = "; ".join(problem["reasons"])
        write(say("  line {line}: {reasons}", line=str(problem["line"]), reasons=reasons))
    if outcome.problems and outcome.quarantined > SHOWN_PROBLEMS:
        more = outcome.quarantined - SHOWN_PROBLEMS
        write(
            say_n(
                "  and {number} more quarantined row, all in the admin",
                "  and {number} more quarantined rows, all in the admin",
                more,
            )
        )


def _loaded(outcome: Outcome) -> Iterator[str]:
    yield say_n(
        "loaded {number} row: {created} created, {updated} updated, {unchanged} unchanged, {quarantined} quarantined",
        "loaded {number} rows: {created} created, {updated} updated, {unchanged} unchanged, {quarantined} quarantined",
        outcome.rows,
        created=outcome.created,
        updated=outcome.updated,
        unchanged=outcome.unchanged,
        quarantined=outcome.quarantined,
    )
    if outcome.retried:
        yield say("{count} retried from quarantine", count=outcome.retried)
    if outcome.missing:
        yield say("{count} newly missing from the file", count=outcome.missing)
    if outcome.returned:
        yield say("{count} back in the file", count=outcome.returned)


def _summary(outcomes: list[Outcome], dry_run: bool) -> str:
    loaded = [outcome for outcome in outcomes if outcome.loaded]
    state = {
        name: sum(getattr(outcome, name) for outcome in loaded)
        for name in ("created", "updated", "unchanged", "quarantined")
    }
    counts = "; ".join(
        [
            say("{created} created, {updated} updated, {unchanged} unchanged, {quarantined} quarantined", **state),
            *(
                say("{count} newly missing from {file}", count=outcome.missing, file=outcome.file)
                for outcome in loaded
                if outcome.missing
            ),
        ]
    )
    feeds: dict[str, Value] = {"loaded": len(loaded), "feeds": len(outcomes), "counts": counts}
    if dry_run:
        said = [say("Dry run, nothing was changed: {loaded} of {feeds} feeds loaded: {counts}.", **feeds)]
    else:
        said = [say("{loaded} of {feeds} feeds loaded: {counts}.", **feeds)]
    pairs = [
        say("customer {former} → customer {customer}", former=pair["former"], customer=pair["customer"])
        for outcome in loaded
        for pair in outcome.key_changes
    ]
    if pairs:
        named, left = ", ".join(pairs[:SHOWN_PROBLEMS]), len(pairs) - SHOWN_PROBLEMS
        keys = say("{pairs} and {number} more", pairs=named, number=left) if left > 0 else named
        said.append(say("Keys that seem to have changed: {keys}.", keys=keys))
    if lost := not_archived(outcomes):
        said.append(say("Not archived: {files}.", files=lost))
    return " ".join(said)


def not_archived(outcomes: list[Outcome]) -> str:
    """Return which files could not be archived, and why; '' where all were."""
    files: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.not_archived is not None:
            files.setdefault(outcome.not_archived, []).append(outcome.file)
    return "; ".join(f"{', '.join(names)} ({why})" for why, names in files.items())
