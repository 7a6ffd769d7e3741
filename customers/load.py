"""One loader for every way in: stage -> check -> classify -> merge, one transaction a feed, one ImportRun.

Every data row of a file ends as created, updated, unchanged or quarantined. Rows stream into a temporary table;
what needs other rows (duplicates, unknown customers) is found there by SQL, and only the difference is written.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TypeVar

from django.db import Error, transaction
from django.utils import timezone

from customers import onboarding
from customers.cells import plain_cell
from customers.feeds import FEEDS, Feed, Header, Value, match_header, shown
from customers.lock import job_lock
from customers.manifest import MANIFEST, vouches_for
from customers.merge import mark_missing, merge
from customers.models import Customer, FeedName, ImportRun, QuarantinedRow
from customers.problems import UNKNOWN_CUSTOMER, find_problems, keys_alike
from customers.read import Record, Refused, Source, find_file
from customers.signals import data_changed
from customers.staging import (
    PROBLEM,
    STAGE,
    analyze,
    copy_rows,
    create_temporary,
    drop_temporary,
    execute,
    fetch,
    table_of,
)

logger = logging.getLogger(__name__)

BATCH = 5_000
BATCH_CHARACTERS = 16 * 1024 * 1024
GUARDED_ROWS = 20
MAX_QUARANTINED_SHARE = 0.10
MIN_KEPT_SHARE = 0.5

_COUNTS = ("rows", "created", "updated", "unchanged", "quarantined", "retried")

Progress = Callable[[int], object]
_Raw = TypeVar("_Raw", Record, QuarantinedRow)


@dataclass(frozen=True)
class Options:
    """How to load; ``force`` lets the guardrails pass, ``strict`` refuses a feed with any quarantined row."""

    started_by: str
    strict: bool = False
    force: bool = False
    progress: Callable[[Path], Progress] | None = None


@dataclass
class Outcome:
    """What became of one feed, as ``import_csvs --json`` prints it; the counts are 0 unless it was loaded."""

    feed: str
    file: str
    sha256: str | None = None
    status: str = ImportRun.Status.LOADED.value
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    retried: int = 0
    warnings: list[str] = field(default_factory=list)
    reason: str | None = None
    run: int | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)

    @property
    def loaded(self) -> bool:
        """Whether the feed's rows are in the database."""
        return self.status == ImportRun.Status.LOADED

    def as_dict(self) -> dict[str, Any]:
        """The outcome as plain values."""
        return asdict(self)


def import_folder(
    folder: Path, names: Sequence[str] | None, options: Options, *, dry_run: bool = False
) -> list[Outcome]:
    """Load the feeds of ``folder`` in key order: those of ``names``, or the required and the optional ones there.

    Raises ``Busy`` while another import runs. A refused or failed feed does not stop the others.
    With ``dry_run`` all feeds are loaded in one transaction that is rolled back.
    """
    with job_lock("import"):
        if dry_run:
            with transaction.atomic():
                outcomes = _load_all(folder, names, options, keep=False)
                transaction.set_rollback(True)
            return outcomes
        ImportRun.objects.filter(status=ImportRun.Status.RUNNING).update(
            status=ImportRun.Status.INTERRUPTED,
            reason="the process ended before the run did; nothing of it was loaded",
            finished_at=timezone.now(),
        )
        return _load_all(folder, names, options, keep=True)


def _load_all(folder: Path, names: Sequence[str] | None, options: Options, *, keep: bool) -> list[Outcome]:
    wanted = [feed for name, feed in FEEDS.items() if names is None or name in names]
    files: list[tuple[Feed, Path | None, str]] = []
    for feed in wanted:
        path, reason = None, ""
        try:
            path = find_file(folder, feed.file_name)
        except Refused as refusal:
            reason = str(refusal)
        if path or reason or feed.required or names is not None:
            files.append((feed, path, reason or f"{feed.file_name} is missing"))
    loading = {feed.name for feed, path, _reason in files if path}
    _date_sightings()
    outcomes = []
    for feed, path, reason in files:
        run = ImportRun(feed=feed.name, file=path.name if path else feed.file_name, started_by=options.started_by)
        # The customers' run also retries the rows of those feeds that do not come with this import.
        others = [name for name in FEEDS if name not in loading] if feed.name == FeedName.CUSTOMERS else []
        outcomes.append(_Load(feed, run, options, others).from_file(path, reason, keep=keep))
    _date_sightings()
    return outcomes


def _date_sightings() -> None:
    try:
        onboarding.date_sightings()
    except Error:
        logger.exception("The newly seen steps could not be dated; the next import tries again")


class _Load:
    """One feed's run."""

    def __init__(self, feed: Feed, run: ImportRun, options: Options, also_retry: Sequence[str] = ()) -> None:
        self.feed = feed
        self.run = run
        self.options = options
        self.also_retry = also_retry
        self.today = timezone.localdate()
        self.columns = ", ".join(feed.column_names)
        self.table = table_of(feed.model)

    def from_file(self, path: Path | None, missing: str, *, keep: bool) -> Outcome:
        """Load the file, or say why not; ``keep`` is false where the caller will roll all of it back."""
        run = self.run
        problems: list[dict[str, Any]] = []
        try:
            run.save()
            if path is None:
                raise Refused(missing)
            with transaction.atomic():
                self._load(path)
                self._finish(ImportRun.Status.LOADED)
                problems = list(run.quarantined_rows.order_by("line").values("line", "reasons"))
                if run.created or run.updated or run.retried:
                    # Robust, because what a listener breaks does not undo the load.
                    transaction.on_commit(lambda: data_changed.send(sender=ImportRun, run=run), robust=True)
        except Refused as refusal:
            self._stop(ImportRun.Status.REFUSED, str(refusal))
        except Exception as error:
            logger.exception("Run %s of %s failed", run.pk, run.file)
            summary = str(error).strip().split("\n")[0]
            self._stop(ImportRun.Status.FAILED, f"{type(error).__name__}: {summary}")
        return Outcome(
            feed=self.feed.name.value,
            file=run.file,
            sha256=run.sha256 or None,
            status=run.status.value,
            reason=run.reason or None,
            run=run.pk if keep else None,
            problems=problems if run.status == ImportRun.Status.LOADED else [],
            **{name: getattr(run, name) for name in (*_COUNTS, "warnings")},
        )

    def _stop(self, status: ImportRun.Status, reason: str) -> None:
        run = self.run
        for name in _COUNTS:
            setattr(run, name, 0)
        run.forced_by = ""
        run.reason = reason
        try:
            self._finish(status)
        except Error:
            logger.exception("The end of run %s could not be written", run.pk)

    def _finish(self, status: ImportRun.Status) -> None:
        self.run.status = status
        self.run.finished_at = timezone.now()
        self.run.save()

    # --- The steps, in their order ------------------------------------------------------------------------------

    def _load(self, path: Path) -> None:
        run, feed = self.run, self.feed
        run.retried = self._retry()
        ours = vouches_for(path)
        if ours is False:
            run.warnings.append(
                f"{shown(path.name)} is not the file that {MANIFEST} names (another SHA-256); "
                "its cells are taken as they stand, a ' before a formula included"
            )
        unquote = bool(ours)
        self._create_stage()
        progress = self.options.progress(path) if self.options.progress else None
        with Source(path, progress) as source:
            try:
                self._stage_file(source, unquote)
            finally:
                source.read_out()
                run.sha256, run.size = source.sha256, source.size
            repeated = find_problems(feed, run)
            run.quarantined = self._count_quarantined()
            self._check_guardrails(source)
            self._quarantine_problems(path, unquote)
        if feed.one_row_per_customer:
            run.warnings += onboarding.derive_days(STAGE)
        run.warnings += keys_alike(feed)
        staged = self._count(STAGE)
        run.created, run.updated = merge(feed, f"{int(run.pk)}", "d.line")
        run.unchanged = staged - run.created - run.updated + repeated
        if feed.full:
            mark_missing(feed, run)
        self._supersede()
        for name in self.also_retry:
            run.retried += _Load(FEEDS[name], run, self.options)._retry()
        if FeedName.ONBOARDING in {feed.name, *self.also_retry}:
            onboarding.record_sightings(run)
        for name in (STAGE, PROBLEM):
            drop_temporary(name)

    def _retry(self) -> int:
        """Load the feed's quarantined rows whose customer is known by now; return how many were taken."""
        if not self.feed.of_customers:
            return 0
        waiting = QuarantinedRow.objects.filter(
            feed=self.feed.name, status=QuarantinedRow.Status.OPEN, waits_for_customer=True
        )
        ready = waiting.filter(customer_key__in=Customer.objects.values("pk")).order_by("pk")
        if not ready.exists():
            return 0
        same = "t.id = q.key" + (" OR t.customer_id = q.customer_key" if self.feed.one_row_per_customer else "")
        execute(
            f"""
            UPDATE {table_of(QuarantinedRow)} AS q SET status = 'superseded', resolved_by_id = %s
            WHERE feed = %s AND status = 'open' AND waits_for_customer
              AND EXISTS (SELECT 1 FROM {self.table} t WHERE {same})""",
            [self.run.pk, self.feed.name.value],
        )
        self._create_stage()
        batches = iter(ready.values_list("pk", "cells").iterator(chunk_size=BATCH))
        while batch := list(islice(batches, BATCH)):
            whole = [(pk, cells) for pk, cells in batch if len(cells) == len(self.feed.columns)]
            parsed = ((pk, self.feed.parse(cells, self.today)) for pk, cells in whole)
            rows = [(pk, *values) for pk, (values, reasons) in parsed if not reasons]
            copy_rows(STAGE, ["line", *self.feed.column_names], rows)
        create_temporary("retried", f"SELECT line FROM {STAGE}")
        find_problems(self.feed, self.run)
        execute(f"DELETE FROM {STAGE} WHERE line IN (SELECT line FROM {PROBLEM})")
        execute(f"DELETE FROM retried WHERE line IN (SELECT line FROM {PROBLEM})")
        if self.feed.one_row_per_customer:
            onboarding.derive_days(STAGE)
        quarantine = table_of(QuarantinedRow)
        created, updated = merge(
            self.feed,
            f"(SELECT q.run_id FROM {quarantine} q WHERE q.id = d.line)",
            f"(SELECT q.line FROM {quarantine} q WHERE q.id = d.line)",
        )
        execute(
            f"""
            UPDATE {quarantine} SET status = 'loaded', resolved_by_id = %s
            WHERE id IN (SELECT line FROM retried)""",
            [self.run.pk],
        )
        drop_temporary("retried")
        return created + updated

    def _create_stage(self) -> None:
        create_temporary(STAGE, f"SELECT CAST(0 AS bigint) AS line, {self.columns} FROM {self.table} WHERE 1 = 0")
        create_temporary(
            PROBLEM, "SELECT CAST(0 AS bigint) AS line, 0 AS kind, CAST('' AS text) AS message WHERE 1 = 0"
        )

    def _stage_file(self, source: Source, unquote: bool) -> None:
        records = source.records()
        header = self._header(source, records)
        if header.unknown:
            self.run.warnings.append(f"unknown columns are ignored: {', '.join(header.unknown)}")
        for batch in _batches(records):
            self.run.rows += len(batch)
            good, bad = [], []
            for record in batch:
                cells, reasons = self._cells(record, header, unquote)
                values: list[Value] = []
                if cells:
                    values, reasons = self.feed.parse(cells, self.today)
                if reasons:
                    bad.append(self._quarantined(record, cells, reasons))
                else:
                    good.append((record.line, *values))
            copy_rows(STAGE, ["line", *self.feed.column_names], good)
            QuarantinedRow.objects.bulk_create(bad, batch_size=500)
        if self.feed.full:
            execute(f"CREATE INDEX stage_id ON {STAGE} (id)")
        analyze(STAGE)

    def _header(self, source: Source, records: Iterator[Record]) -> Header:
        first = next(records, None)
        if first is None:
            raise Refused("the file is empty" if not source.size else "the file has no header")
        try:
            header = match_header(self.feed, first.cells)
        except ValueError as error:
            raise Refused(f"line {first.line}: {error}") from error
        if first.fault:
            raise Refused(f"line {first.line}: the header cannot be read: {first.fault}")
        return header

    @staticmethod
    def _cells(record: Record, header: Header, unquote: bool) -> tuple[list[str] | None, list[str]]:
        """A row's cells in the order of the feed's columns, or None and why they cannot be told apart."""
        reasons = [record.fault] if record.fault else []
        if record.cells and len(record.cells) != header.width:
            hint = ": is there a comma in a text without quotes?" if len(record.cells) > header.width else ""
            reasons.append(f"row: has {len(record.cells)} cells, the header has {header.width}{hint}")
        if reasons:
            return None, reasons
        cells = header.cells(record.cells)
        return [plain_cell(cell) for cell in cells] if unquote else cells, []

    def _quarantined(self, record: Record, cells: list[str] | None, reasons: list[str]) -> QuarantinedRow:
        return QuarantinedRow(
            run=self.run,
            feed=self.feed.name,
            line=record.line,
            raw=record.raw,
            cells=cells,
            key=self.feed.valid_key(cells) if cells else "",
            customer_key=self.feed.valid_key(cells, "customer_id") if cells else "",
            reasons=reasons,
        )

    # --- Guardrails ------------------------------------------------------------------------------------------------

    def _count_quarantined(self) -> int:
        lines = f"""
            SELECT line FROM {PROBLEM}
            UNION SELECT line FROM {table_of(QuarantinedRow)} WHERE run_id = {int(self.run.pk)}"""
        return self._count(f"({lines}) every_line")

    @staticmethod
    def _count(table: str) -> int:
        return fetch(f"SELECT COUNT(*) FROM {table}")[0][0]

    def _check_guardrails(self, source: Source) -> None:
        """Refuse a file that looks wrong as a whole; ``force`` notes it instead, with who forced it."""
        run, rows, bad = self.run, self.run.rows, self.run.quarantined
        if self.options.strict and bad:
            raise Refused(f"{bad} of {rows} rows would be quarantined, and --strict allows none: {self._examples()}")
        alarms = []
        if rows >= GUARDED_ROWS and bad > rows * MAX_QUARANTINED_SHARE:
            alarms.append(f"{bad} of {rows} rows would be quarantined, more than 10 %: {self._examples()}")
        if self.feed.full:
            last = (
                ImportRun.objects.filter(feed=self.feed.name, status=ImportRun.Status.LOADED)
                .order_by("-pk")
                .values_list("rows", flat=True)
                .first()
            )
            if last and last >= GUARDED_ROWS and rows < last * MIN_KEPT_SHARE:
                alarms.append(f"the file has {rows} rows, the last one had {last}: more than half are gone")
        if source.changed:
            alarms.append("the file changed while it was read; import it again once it is complete")
        if not alarms:
            return
        if not self.options.force:
            raise Refused("; ".join(alarms))
        run.forced_by = self.options.started_by
        run.warnings += [f"forced by {run.forced_by}: {alarm}" for alarm in alarms]

    def _examples(self) -> str:
        """The first three quarantined lines with a reason each, for a refusal's text."""
        found: dict[int, str] = {
            line: reasons[0]
            for line, reasons in self.run.quarantined_rows.order_by("line").values_list("line", "reasons")[:3]
        }
        for line, message in fetch(f"SELECT line, message FROM {PROBLEM} ORDER BY line, kind LIMIT 3"):
            found.setdefault(line, message)
        return "; ".join(f"line {line}: {found[line]}" for line in sorted(found)[:3])

    # --- Quarantine ------------------------------------------------------------------------------------------------

    def _quarantine_problems(self, path: Path, unquote: bool) -> None:
        """Move the rows with problems out of the stage; their raw text is read from the file once more."""
        problems = fetch(f"SELECT line, kind, message FROM {PROBLEM} ORDER BY line, kind, message")
        if not problems:
            return
        reasons = {
            line: [(kind, text) for _line, kind, text in rows]
            for line, rows in groupby(problems, key=lambda problem: problem[0])
        }
        there = [row for row in self.run.quarantined_rows.iterator() if row.line in reasons]
        for row in there:
            row.reasons = row.reasons + [text for _kind, text in reasons.pop(row.line)]
        QuarantinedRow.objects.bulk_update(there, ["reasons"], batch_size=500)
        for batch in _batches(self._read_again(path, unquote, reasons)):
            QuarantinedRow.objects.bulk_create(batch, batch_size=500)
        execute(f"DELETE FROM {STAGE} WHERE line IN (SELECT line FROM {PROBLEM})")

    def _read_again(
        self, path: Path, unquote: bool, reasons: dict[int, list[tuple[int, str]]]
    ) -> Iterator[QuarantinedRow]:
        if not reasons:
            return
        left = dict(reasons)
        staged = dict(fetch(f"SELECT line, id FROM {STAGE} WHERE line IN (SELECT line FROM {PROBLEM})"))
        with Source(path) as source:
            records = source.records()
            header = self._header(source, records)
            for record in records:
                if record.line not in left:
                    continue
                cells, _reasons = self._cells(record, header, unquote)
                if not cells or self.feed.valid_key(cells) != staged[record.line]:
                    break
                found = left.pop(record.line)
                row = self._quarantined(record, cells, [text for _kind, text in found])
                row.waits_for_customer = [kind for kind, _text in found] == [UNKNOWN_CUSTOMER]
                yield row
                if not left:
                    return
        raise Refused("the file changed while it was read; import it again once it is complete")

    def _supersede(self) -> None:
        """Close what a newer file makes obsolete: earlier quarantined rows with its keys or its very text."""
        quarantine = table_of(QuarantinedRow)
        earlier = QuarantinedRow.objects.filter(
            feed=self.feed.name, status=QuarantinedRow.Status.OPEN, run__lt=self.run.pk
        )
        if not earlier.exists():
            return
        of_this_run = f"FROM {quarantine} WHERE run_id = {int(self.run.pk)}"
        conditions = [
            f"key IN (SELECT id FROM {STAGE} UNION ALL SELECT key {of_this_run} AND key <> '')",
            f"raw IN (SELECT raw {of_this_run})",
        ]
        if self.feed.full:
            conditions.append("NOT waits_for_customer")
        # One statement each: a database can use a hash for such an IN, but not for two of them joined by OR.
        for condition in conditions:
            execute(
                f"""
                UPDATE {quarantine} SET status = 'superseded', resolved_by_id = %s
                WHERE feed = %s AND status = 'open' AND run_id < %s AND {condition}""",
                [self.run.pk, self.feed.name.value, self.run.pk],
            )


def _batches(rows: Iterable[_Raw]) -> Iterator[list[_Raw]]:
    """Rows in lists that are short enough to be held in memory, however long a row is."""
    batch: list[_Raw] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.raw)
        if len(batch) >= BATCH or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
