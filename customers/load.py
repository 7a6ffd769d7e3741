"""One loader for every way in: stage -> check -> classify -> merge, one transaction a feed, one ImportRun.

Every data row of a file ends as created, updated, unchanged or quarantined. Rows stream into a temporary table;
what needs other rows (duplicates, unknown customers) is found there by SQL, and only the difference is written.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from django.db import Error, transaction
from django.utils import timezone

from customers import onboarding
from customers.cells import plain_cell
from customers.feeds import FEEDS, Feed, Header, Value, match_header, shown
from customers.lock import job_lock
from customers.models import Customer, FeedName, ImportRun, QuarantinedRow
from customers.read import Record, Refused, Source, find_file
from customers.signals import data_changed
from customers.staging import analyze, copy_rows, create_temporary, drop_temporary, execute, fetch, table_of

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
MANIFEST_GENERATOR = "rsolv-customer-success"
BATCH = 5_000
GUARDED_ROWS = 20
MAX_QUARANTINED_SHARE = 0.10
MIN_KEPT_SHARE = 0.5
NAMED_LINES = 20

_STAGE = "stage"
_DELTA = "delta"
_PROBLEM = "problem"
_DUPLICATE, _UNKNOWN_CUSTOMER, _SEMANTIC, _SECOND_ROW = range(4)

_COUNTS = ("rows", "created", "updated", "unchanged", "quarantined", "retried")

Progress = Callable[[int], object]


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
        self.repeated = 0

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
        unquote = self._is_our_export(path)
        self._create_stage()
        progress = self.options.progress(path) if self.options.progress else None
        with Source(path, progress) as source:
            try:
                self._stage_file(source, unquote)
            finally:
                source.read_out()
                run.sha256, run.size = source.sha256, source.size
            self._find_problems()
            run.quarantined = self._count_quarantined()
            self._check_guardrails(source)
            self._quarantine_problems(path, unquote)
        if feed.one_row_per_customer:
            run.warnings += onboarding.derive_days(_STAGE)
        run.warnings += self._keys_alike()
        staged = self._count(_STAGE)
        run.created, run.updated = self._merge(f"{int(run.pk)}", "d.line")
        run.unchanged = staged - run.created - run.updated + self.repeated
        if feed.full:
            self._mark_missing()
        self._supersede()
        for name in self.also_retry:
            run.retried += _Load(FEEDS[name], run, self.options)._retry()
        if FeedName.ONBOARDING in {feed.name, *self.also_retry}:
            onboarding.record_sightings(run)
        for name in (_STAGE, _DELTA, _PROBLEM):
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
            copy_rows(_STAGE, ["line", *self.feed.column_names], rows)
        create_temporary("retried", f"SELECT line FROM {_STAGE}")
        self._find_problems()
        execute(f"DELETE FROM {_STAGE} WHERE line IN (SELECT line FROM {_PROBLEM})")
        execute(f"DELETE FROM retried WHERE line IN (SELECT line FROM {_PROBLEM})")
        if self.feed.one_row_per_customer:
            onboarding.derive_days(_STAGE)
        quarantine = table_of(QuarantinedRow)
        created, updated = self._merge(
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
        self.repeated = 0
        create_temporary(_STAGE, f"SELECT CAST(0 AS bigint) AS line, {self.columns} FROM {self.table} WHERE 1 = 0")
        create_temporary(
            _PROBLEM, "SELECT CAST(0 AS bigint) AS line, 0 AS kind, CAST('' AS text) AS message WHERE 1 = 0"
        )

    def _stage_file(self, source: Source, unquote: bool) -> None:
        records = source.records()
        header = self._header(source, records)
        if header.unknown:
            self.run.warnings.append(f"unknown columns are ignored: {', '.join(header.unknown)}")
        while batch := list(islice(records, BATCH)):
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
            copy_rows(_STAGE, ["line", *self.feed.column_names], good)
            QuarantinedRow.objects.bulk_create(bad, batch_size=500)
        if self.feed.full:
            execute(f"CREATE INDEX stage_id ON {_STAGE} (id)")
        analyze(_STAGE)

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

    # --- Checks that need other rows -----------------------------------------------------------------------------

    def _find_problems(self) -> None:
        """Fill the table of problems, and fold identical rows into one."""
        self._find_repeated_keys()
        if self.feed.of_customers:
            self._find_unknown_customers()
        if self.feed.one_row_per_customer:
            self._add_problems(_SEMANTIC, onboarding.completed_before_signup(_STAGE))
            copy_rows(
                _PROBLEM,
                ["line", "kind", "message"],
                [(line, _SEMANTIC, text) for line, text in onboarding.quarantined_before_signup(self.run)],
            )
            self._add_problems(
                _SECOND_ROW,
                f"""
                SELECT every_row.line, 'customer_id: ' || every_row.customer_id || ' has a row already, on line '
                    || CAST(taken.line AS text) AS message
                FROM (SELECT line, customer_id FROM {_STAGE}
                      UNION ALL SELECT line, customer_key FROM ({self._bad_rows}) bad) every_row
                JOIN (SELECT customer_id, MIN(line) AS line FROM {_STAGE}
                      WHERE line NOT IN (SELECT line FROM {_PROBLEM}) GROUP BY customer_id) taken
                    ON taken.customer_id = every_row.customer_id
                WHERE every_row.line > taken.line""",
            )

    def _add_problems(self, kind: int, select: str) -> None:
        execute(f"INSERT INTO {_PROBLEM} SELECT found.line, {kind}, found.message FROM ({select}) found")

    def _find_repeated_keys(self) -> None:
        """Identical rows of a key fold into the first one; of rows that differ, every one is a problem."""
        create_temporary(
            "repeated",
            f"""
            SELECT id FROM (
                SELECT id FROM {_STAGE} UNION ALL SELECT key FROM ({self._bad_rows}) bad WHERE key <> '') every_key
            GROUP BY id HAVING COUNT(*) > 1""",
        )
        create_temporary(
            "variant",
            f"""
            SELECT id, line, ROW_NUMBER() OVER (PARTITION BY {self.columns} ORDER BY line) AS nth
            FROM {_STAGE} WHERE id IN (SELECT id FROM repeated)
            UNION ALL
            SELECT key, line, ROW_NUMBER() OVER (PARTITION BY key, CAST(cells AS text) ORDER BY line)
            FROM ({self._bad_rows}) bad WHERE key IN (SELECT id FROM repeated)""",
        )
        rows = fetch(
            """
            SELECT id, line FROM variant
            WHERE id IN (SELECT id FROM variant WHERE nth = 1 GROUP BY id HAVING COUNT(*) > 1) ORDER BY id, line"""
        )
        copy_rows(_PROBLEM, ["line", "kind", "message"], _duplicate_problems(rows))
        again = f"line IN (SELECT line FROM variant WHERE nth > 1 AND line NOT IN (SELECT line FROM {_PROBLEM}))"
        self.repeated = execute(f"DELETE FROM {_STAGE} WHERE {again}")
        self.repeated += execute(f"DELETE FROM {table_of(QuarantinedRow)} WHERE {self._of_this_file} AND {again}")
        for name in ("repeated", "variant"):
            drop_temporary(name)

    @property
    def _of_this_file(self) -> str:
        return f"run_id = {int(self.run.pk)} AND feed = '{self.feed.name.value}'"

    @property
    def _bad_rows(self) -> str:
        """SQL for this file's rows that are in quarantine for what they say themselves."""
        return f"SELECT line, key, customer_key, cells FROM {table_of(QuarantinedRow)} WHERE {self._of_this_file}"

    def _find_unknown_customers(self) -> None:
        known = table_of(Customer)
        unknown = "'customer_id: there is no customer ' || {0} AS message"
        self._add_problems(
            _UNKNOWN_CUSTOMER,
            f"""
            SELECT s.line, {unknown.format("s.customer_id")} FROM {_STAGE} s
            LEFT JOIN {known} c ON c.id = s.customer_id WHERE c.id IS NULL""",
        )
        self._add_problems(
            _UNKNOWN_CUSTOMER,
            f"""
            SELECT q.line, {unknown.format("q.customer_key")} FROM ({self._bad_rows}) q
            LEFT JOIN {known} c ON c.id = q.customer_key WHERE q.customer_key <> '' AND c.id IS NULL""",
        )

    def _count_quarantined(self) -> int:
        lines = f"""
            SELECT line FROM {_PROBLEM}
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
        for line, message in fetch(f"SELECT line, message FROM {_PROBLEM} ORDER BY line, kind LIMIT 3"):
            found.setdefault(line, message)
        return "; ".join(f"line {line}: {found[line]}" for line in sorted(found)[:3])

    # --- Quarantine ------------------------------------------------------------------------------------------------

    def _quarantine_problems(self, path: Path, unquote: bool) -> None:
        """Move the rows with problems out of the stage; their raw text is read from the file once more."""
        problems = fetch(f"SELECT line, kind, message FROM {_PROBLEM} ORDER BY line, kind, message")
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
        rows = self._read_again(path, unquote, reasons)
        while batch := list(islice(rows, BATCH)):
            QuarantinedRow.objects.bulk_create(batch, batch_size=500)
        execute(f"DELETE FROM {_STAGE} WHERE line IN (SELECT line FROM {_PROBLEM})")

    def _read_again(
        self, path: Path, unquote: bool, reasons: dict[int, list[tuple[int, str]]]
    ) -> Iterator[QuarantinedRow]:
        if not reasons:
            return
        left = dict(reasons)
        staged = dict(fetch(f"SELECT line, id FROM {_STAGE} WHERE line IN (SELECT line FROM {_PROBLEM})"))
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
                row.waits_for_customer = [kind for kind, _text in found] == [_UNKNOWN_CUSTOMER]
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
            f"key IN (SELECT id FROM {_STAGE} UNION ALL SELECT key {of_this_run} AND key <> '')",
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

    # --- Merge -----------------------------------------------------------------------------------------------------

    def _merge(self, run: str, line: str) -> tuple[int, int]:
        """Write the difference between stage and table; return how many rows were created and updated.

        ``run`` and ``line`` are SQL for where a row ``d`` of the difference comes from.
        """
        columns = self.feed.column_names
        target = ", ".join([*columns, "run_id", "line"])
        source = ", ".join([*(f"d.{name}" for name in columns), run, line])
        if not fetch(f"SELECT 1 FROM {self.table} LIMIT 1"):
            # PostgreSQL would join into an empty table by a nested loop, for minutes.
            return execute(f"INSERT INTO {self.table} ({target}) SELECT {source} FROM {_STAGE} d"), 0
        one_row = self.feed.one_row_per_customer
        key = "customer_id" if one_row else "id"
        differs = " OR ".join(f"t.{name} IS DISTINCT FROM s.{name}" for name in columns if name != key)
        known = f"OR EXISTS (SELECT 1 FROM {self.table} x WHERE x.id = s.id)" if one_row else ""
        create_temporary(
            _DELTA,
            f"""
            SELECT s.*, CASE WHEN t.id IS NOT NULL {known} THEN 0 ELSE 1 END AS is_new
            FROM {_STAGE} s LEFT JOIN {self.table} t ON t.{key} = s.{key}
            WHERE t.id IS NULL OR {differs}""",
        )
        analyze(_DELTA)
        created, updated = fetch(
            f"SELECT COALESCE(SUM(is_new), 0), COUNT(*) - COALESCE(SUM(is_new), 0) FROM {_DELTA}"
        )[0]
        insert = f"INSERT INTO {self.table} ({target}) SELECT {source} FROM {_DELTA} d"
        if one_row:
            execute(
                f"""
                DELETE FROM {self.table} WHERE id IN (SELECT id FROM {_DELTA})
                OR customer_id IN (SELECT customer_id FROM {_DELTA})"""
            )
            execute(insert)
        else:
            assignments = ", ".join(f"{name} = d.{name}" for name in columns if name != "id")
            if updated:
                execute(
                    f"""
                    UPDATE {self.table} SET {assignments}, run_id = {run}, line = {line}
                    FROM {_DELTA} d WHERE {self.table}.id = d.id AND d.is_new = 0"""
                )
            if created:
                execute(f"{insert} WHERE d.is_new = 1")
        return int(created), int(updated)

    def _mark_missing(self) -> None:
        """A full feed's rows that are gone from the file are kept, and marked since which run."""
        in_file = f"""(
            EXISTS (SELECT 1 FROM {_STAGE} s WHERE s.id = {self.table}.id)
            OR EXISTS (SELECT 1 FROM {table_of(QuarantinedRow)} q
                       WHERE q.run_id = %s AND q.key = {self.table}.id))"""
        execute(
            f"UPDATE {self.table} SET missing_since_id = %s WHERE missing_since_id IS NULL AND NOT {in_file}",
            [self.run.pk, self.run.pk],
        )
        execute(
            f"UPDATE {self.table} SET missing_since_id = NULL WHERE missing_since_id IS NOT NULL AND {in_file}",
            [self.run.pk],
        )

    def _keys_alike(self) -> list[str]:
        """A warning where keys differ from one another in case alone."""
        mixed = " UNION ALL ".join(
            f"SELECT 1 FROM (SELECT 1 FROM {table} WHERE id <> LOWER(id) LIMIT 1) {alias}"
            for table, alias in ((_STAGE, "a"), (self.table, "b"))
        )
        if not fetch(mixed):
            return []
        groups = fetch(
            f"""
            SELECT MIN(id), MAX(id) FROM (SELECT id FROM {_STAGE} UNION SELECT id FROM {self.table}) keys
            GROUP BY LOWER(id) HAVING COUNT(*) > 1 ORDER BY 1"""
        )
        if not groups:
            return []
        examples = ", ".join(f"{lower} and {upper}" for lower, upper in groups[:5])
        more = f" and {len(groups) - 5} more" if len(groups) > 5 else ""
        return [f"ids differ in case alone and are kept apart: {examples}{more}"]

    def _is_our_export(self, path: Path) -> bool:
        """Whether the file is one that the manifest beside it names, with its very bytes."""
        try:
            manifest = json.loads((path.parent / MANIFEST).read_bytes())
            if manifest["generator"] != MANIFEST_GENERATOR:
                return False
            expected = manifest["files"][path.name]["sha256"]
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError, KeyError, TypeError):
            return False
        if sha256 == expected:
            return True
        self.run.warnings.append(
            f"{shown(path.name)} is not the file that {MANIFEST} names (another SHA-256); "
            "its cells are taken as they stand, a ' before a formula included"
        )
        return False


def _duplicate_problems(rows: Iterable[tuple[str, int]]) -> Iterator[tuple[int, int, str]]:
    """For each key's rows ``(key, line)`` a problem that names the other lines."""
    for key, group in groupby(rows, key=lambda row: row[0]):
        lines = [line for _key, line in group]
        for line in lines:
            others = [str(other) for other in lines[: NAMED_LINES + 1] if other != line][:NAMED_LINES]
            left = len(lines) - 1 - len(others)
            more = f" and {left} more" if left else ""
            yield line, _DUPLICATE, f"id: {key} is also on line {', '.join(others)}{more}, with other values"
