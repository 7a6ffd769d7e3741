"""One loader for every way in: stage -> check -> classify -> merge, one transaction a feed, one ImportRun.

Every data row of a file ends as created, updated, unchanged or quarantined. Rows stream into a temporary table;
what needs other rows (duplicates, unknown customers) is found there by SQL, and only the difference is written.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from django.db import Error, transaction
from django.db.models import QuerySet
from django.utils import timezone

from customers.archive import files as archive
from customers.archive.erased import ErasedIds
from customers.audit import trail
from customers.core import log_context
from customers.core.dry_run import taken_back
from customers.core.signals import run_loaded
from customers.core.sql import analyze, copy_lines, copy_rows, drop_temporary, execute, fetch, work_in_memory
from customers.feeds.cell_types import Value
from customers.feeds.declarations import CUSTOMERS, FEEDS, Feed, Header
from customers.feeds.fast_path import compile_line_pattern
from customers.feeds.manifest import MANIFEST, vouches_for
from customers.feeds.reader import CsvReader, Record, Refused, files_like, find_file
from customers.feeds.rows import begins_as, in_batches, read_header, row_cells
from customers.imports import corrections, key_changes, onboarding
from customers.imports.deliveries import old_delivery
from customers.imports.erased_rows import drop_erased, warning
from customers.imports.fixes import Fixes, fixes_of, has_fixed_line
from customers.imports.journal import save_after
from customers.imports.merge import mark_found, mark_missing, merge
from customers.imports.misread import Misread, find_misread
from customers.imports.problems import find_problems, keys_alike
from customers.imports.quarantine import count_quarantined, examples, quarantine_problems, quarantined_row, supersede
from customers.imports.retry import retry, try_again
from customers.imports.stage import PROBLEM, STAGE, create_stage
from customers.imports.strategies import append
from customers.imports.strategies.diff import CannotShortcut, FileDiff, find_differences
from customers.jobs.lock import JobLock, LockHeld, job_lock
from customers.models import FeedName, ImportRun, QuarantinedRow
from customers.models.key_change import KeyChange
from customers.text.quoted import quoted

logger = logging.getLogger(__name__)

GUARDED_ROWS = 20
MAX_QUARANTINED_SHARE = 0.10
MIN_KEPT_SHARE = 0.5
MOST_QUARANTINED = 10_000
"""With more bad rows than this a file ends early, however many others it has; unless it is forced."""
MOST_QUARANTINED_TEXT = 64 * 2**20
"""So many characters of bad rows are as bad."""
NAMED_COLUMNS = 20
NAMED_ROWS = NAMED_FILES = 3

_COUNTS = ("rows", "created", "updated", "unchanged", "quarantined", "retried", "missing", "returned")

Progress = Callable[[int], object]


@dataclass(frozen=True)
class Options:
    """How to load; ``force`` lets the guardrails pass, ``strict`` refuses a feed with any quarantined row.

    ``corrections``: a file with the columns of our downloads from the quarantine is one, not all that a feed says.
    ``bounded``: even by ``force`` no more than ``MOST_QUARANTINED`` rows come into quarantine.
    ``insist`` loads text that is the old text misread; ``force`` does so, too.
    """

    started_by: str
    strict: bool = False
    force: bool = False
    corrections: bool = False
    bounded: bool = False
    insist: bool = False
    progress: Callable[[Path], Progress] | None = None

    @property
    def insists(self) -> bool:
        """Whether text is loaded that looks misread."""
        return self.force or self.insist


def _missing(folder: Path, feed: Feed) -> str:
    """That a feed's file is not there, and which one may be meant for it."""
    like = files_like(folder, feed.file_name)
    left = len(like) - NAMED_FILES
    more = f" and {left} more" if left > 0 else ""
    found = ", ".join(quoted(name)[1:-1] for name in like[:NAMED_FILES])
    return f"{feed.file_name} is missing" + (f"; found {found}{more}" if like else "")


@dataclass
class Outcome:
    """What became of one feed, as ``import_csvs --json`` prints it; the counts are 0 unless it was loaded.

    ``not_archived`` says what kept the file out of the archive.
    """

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
    missing: int = 0
    returned: int = 0
    key_changes: list[dict[str, str]] = field(default_factory=list)
    not_archived: str | None = None

    @property
    def loaded(self) -> bool:
        """Whether the feed's rows are in the database."""
        return self.status == ImportRun.Status.LOADED

    def as_dict(self) -> dict[str, Any]:
        """The outcome as plain values; ``not_archived`` is among the warnings."""
        values = asdict(self)
        del values["not_archived"]
        return values


def import_folder(
    folder: Path, names: Sequence[str] | None, options: Options, *, dry_run: bool = False
) -> list[Outcome]:
    """Load the feeds of ``folder`` in key order: those of ``names``, or the required and the optional ones there.

    Raises ``LockHeld`` while another import runs. A refused or failed feed does not stop the others.
    With ``dry_run`` all feeds are loaded, one on the other, and that is taken back.
    """
    with job_lock("import") as lock:
        if dry_run:
            with taken_back():
                return _load_all(folder, names, options, lock, keep=False)
        outcomes = _load_all(folder, names, options, lock, keep=True)
        archive.expire()
        return outcomes


def load_file(feed: Feed, path: Path, name: str, options: Options, lock: JobLock, *, keep: bool) -> ImportRun:
    """Load one file, called ``name`` in the ledger, and return its run; the caller holds ``lock``, the import's.

    Where ``keep`` is false, the caller looks at what the run did, and rolls it back.
    """
    _date_sightings()
    run = ImportRun(feed=feed.name, file=name, started_by=options.started_by)
    others = [other for other in FEEDS if other != feed.name] if feed is CUSTOMERS else []
    _Load(feed, run, options, lock, others).from_one_file(path, keep=keep)
    _date_sightings()
    return run


def replay(rows: QuerySet[QuarantinedRow], started_by: str) -> list[Outcome]:
    """Try open rows of the quarantine again, a run for each feed among them; closed ones are passed over.

    Rows that pass are loaded, rows that do not have their new reasons; a row is superseded where a later file has
    given its key a newer one. Raises ``LockHeld`` while an import runs.
    """
    with job_lock("import") as lock:
        return replay_locked(rows, started_by, lock)


def replay_locked(rows: QuerySet[QuarantinedRow], started_by: str, lock: JobLock) -> list[Outcome]:
    """The same, for who has the import's lock and gives what it yields."""
    chosen = QuarantinedRow.objects.filter(pk__in=rows.order_by().values("pk"), status=QuarantinedRow.Status.OPEN)
    feeds = set(chosen.order_by().values_list("feed", flat=True).distinct())
    outcomes = []
    for name, feed in FEEDS.items():
        if name in feeds:
            run = ImportRun(
                feed=name, file=f"replay by {started_by}", started_by=started_by, scope=ImportRun.Scope.REPLAY
            )
            others = [other for other in FEEDS if other != name] if feed is CUSTOMERS else []
            load = _Load(feed, run, Options(started_by), lock, others)
            outcomes.append(load.from_quarantine(chosen.filter(feed=name)))
    _date_sightings()
    return outcomes


def _load_all(
    folder: Path, names: Sequence[str] | None, options: Options, lock: JobLock, *, keep: bool
) -> list[Outcome]:
    wanted = [feed for name, feed in FEEDS.items() if names is None or name in names]
    files: list[tuple[Feed, Path | None, str]] = []
    passed_over = []
    for feed in wanted:
        path, reason = None, ""
        try:
            path = find_file(folder, feed.file_name)
        except Refused as refusal:
            reason = str(refusal)
        missing = "" if path or reason else _missing(folder, feed)
        if path or reason or feed.required or names is not None:
            files.append((feed, path, reason or missing))
        elif "; found " in missing:
            passed_over.append(f"{missing}, which is not read")
    loading = {feed.name for feed, path, _reason in files if path}
    _date_sightings()
    loads, outcomes = [], []
    for feed, path, reason in files:
        run = ImportRun(feed=feed.name, file=path.name if path else feed.file_name, started_by=options.started_by)
        run.warnings, passed_over = passed_over, []
        # The customers' run also retries the rows of those feeds that do not come with this import.
        others = [name for name in FEEDS if name not in loading] if feed.name == FeedName.CUSTOMERS else []
        loads.append(_Load(feed, run, options, lock, others))
        outcomes.append(loads[-1].from_file(path, reason, keep=keep))
    if outcomes and outcomes[0].loaded and outcomes[0].feed == FeedName.CUSTOMERS:
        refused = [outcome.feed for outcome in outcomes if not outcome.loaded and outcome.feed in loading]
        outcomes[0].retried = loads[0].retry_refused(refused)
    _date_sightings()
    return outcomes


def _date_sightings() -> None:
    try:
        onboarding.date_sightings()
    except Error:
        logger.exception("The newly seen steps could not be dated; the next import tries again")


def _in_words(run: ImportRun) -> str:
    """What became of a run, for the audit."""
    counts = ", ".join(f"{getattr(run, name)} {name}" for name in _COUNTS)
    parts = [f"{run.get_feed_display()}: {run.get_status_display()}", counts]
    parts += [f"SHA-256 {run.sha256}"] if run.sha256 else []
    parts += [f"guardrails forced by {run.forced_by}"] if run.forced_by else []
    parts += [run.reason] if run.reason else []
    return "\n".join(parts)


class _Way(Enum):
    """How much of a file is judged: all of it, what follows the last file, or the lines that the last one has not."""

    WHOLE = "whole"
    TAIL = "tail"
    DIFFERENCES = "differences"


class _Load:
    """One feed's run."""

    def __init__(
        self,
        feed: Feed,
        run: ImportRun,
        options: Options,
        lock: JobLock,
        also_retry: Sequence[str] = (),
    ) -> None:
        self.feed = feed
        self.run = run
        self.options = options
        self.lock = lock
        self.also_retry = also_retry
        self.today = timezone.localdate()
        self.fixes: Fixes = {}
        self.extends: ImportRun | None = None
        self.erased: set[str] | None = None
        self.key_changes: list[KeyChange] = []
        self.misread: list[list[Misread]] = []
        self.recognised = False
        self.not_archived: str | None = None

    def from_file(self, path: Path | None, missing: str, *, keep: bool) -> Outcome:
        """Load the file, or say why not; ``keep`` is false where the caller will roll all of it back."""

        def load() -> list[dict[str, Any]]:
            if path is None:
                raise Refused(missing)
            self._load(path)
            return list(self.run.quarantined_rows.order_by("line").values("line", "reasons")[:MOST_QUARANTINED])

        problems = self._attempt(load)
        if keep and path:
            self._archive(path)
        return self._outcome(problems, keep=keep)

    def from_one_file(self, path: Path, *, keep: bool) -> None:
        """Load the file, or note in the run why not; its problems are not gathered."""

        def load() -> list[dict[str, Any]]:
            self._load(path)
            return []

        self._attempt(load)
        if keep:
            self._archive(path)

    def from_quarantine(self, rows: QuerySet[QuarantinedRow]) -> Outcome:
        """Load the feed's open rows of these, or say why not; the ``problems`` of those that stay are not told."""

        def load() -> list[dict[str, Any]]:
            self._replay(rows)
            return []

        return self._outcome(self._attempt(load), keep=True)

    def _archive(self, path: Path) -> None:
        """Keep the file, unless it may be anything: a feed is what has a feed's columns."""
        if self.run.sha256 and (self.recognised or begins_as(self.feed, path)):
            self.not_archived = archive.store(path, self.run, self.extends, self.erased) or None

    def _attempt(self, load: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """Do the run's work, which returns its problems, in a transaction; what ends it early is noted in the run."""
        run = self.run
        with ExitStack() as noted:
            try:
                run.save()
                noted.enter_context(log_context.about(run=run.pk))
                self.lock.renew()
                with transaction.atomic():
                    problems = load()
                    self._finish(ImportRun.Status.LOADED)
                    # Robust, because what a listener breaks does not undo the load.
                    transaction.on_commit(lambda: run_loaded.send(sender=ImportRun, run=run), robust=True)
                return problems
            except Refused as refusal:
                self._stop(ImportRun.Status.REFUSED, str(refusal))
            except Exception as error:
                logger.exception("Run %s of %s failed", run.pk, run.file)
                summary = str(error).strip().split("\n")[0]
                self._stop(ImportRun.Status.FAILED, f"{type(error).__name__}: {summary}")
        return []

    def _outcome(self, problems: list[dict[str, Any]], *, keep: bool) -> Outcome:
        run = self.run
        return Outcome(
            feed=self.feed.name.value,
            file=run.file,
            sha256=run.sha256 or None,
            status=run.status.value,
            reason=run.reason or None,
            run=run.pk if keep else None,
            problems=problems,
            key_changes=[{"former": pair.former_id, "customer": pair.customer_id} for pair in self.key_changes],
            not_archived=self.not_archived,
            **{name: getattr(run, name) for name in (*_COUNTS, "warnings")},
        )

    def retry_refused(self, names: Sequence[str]) -> int:
        """Try the waiting rows of feeds whose files were refused; return how many rows the run retried in all."""
        before = self.run.retried
        try:
            self.lock.renew()
            with transaction.atomic():
                self.retry_others(names)
                self.run.save()
                if more := self.run.retried - before:
                    trail.record(trail.Action.REPLAY, self.run, detail=f"{more} waiting rows of other feeds")
        except (Error, LockHeld):
            logger.exception("Rows of %s could not be retried; the next import tries again", ", ".join(names))
            self.run.retried = before
        return self.run.retried

    def _stop(self, status: ImportRun.Status, reason: str) -> None:
        run = self.run
        self.erased = None
        for name in (*_COUNTS, "left_out"):
            setattr(run, name, 0)
        run.forced_by = ""
        self.key_changes = []
        run.reason = reason
        try:
            self._finish(status)
        except Error:
            logger.exception("The end of run %s could not be written", run.pk)

    def _finish(self, status: ImportRun.Status) -> None:
        run = self.run
        run.status = status
        run.finished_at = timezone.now()
        action = trail.Action.REPLAY if run.scope == ImportRun.Scope.REPLAY else trail.Action.IMPORT
        with transaction.atomic():
            run.save()
            trail.record(action, run, actor=run.started_by, detail=_in_words(run))

    # --- The steps, in their order ------------------------------------------------------------------------------

    def _load(self, path: Path) -> None:
        run, feed = self.run, self.feed
        work_in_memory()
        run.retried = retry(feed, run, self.today)
        ours = vouches_for(path)
        if ours is False:
            run.warnings.append(
                f"{quoted(path.name)} is not the file that {MANIFEST} names (another SHA-256); "
                "its cells are taken as they stand, a ' before a formula included"
            )
        unquote = bool(ours)
        self.fixes = fixes_of(feed)
        run.rules = append.rules(feed, self.fixes, unquote=unquote)
        whole = self.options.force or self.options.corrections
        last = None if whole else append.last_to_extend(feed, path, run.rules)
        self._load_by_any_way(path, unquote, last)
        if run.scope == ImportRun.Scope.CORRECTIONS:
            corrections.remember(feed, run)
        supersede(feed, run, self.fixes)
        save_after(run, feed.model)
        self.key_changes = key_changes.notice(feed, run)
        if feed.name == FeedName.ONBOARDING:
            onboarding.record_sightings(run)
        self.retry_others(self.also_retry)
        for name in (STAGE, PROBLEM):
            drop_temporary(name)

    def _replay(self, rows: QuerySet[QuarantinedRow]) -> None:
        run, feed = self.run, self.feed
        tried = try_again(feed, run, rows, self.today)
        save_after(run, feed.model)
        self.key_changes = key_changes.notice(feed, run)
        run.rows, run.quarantined = tried.rows, tried.refused
        run.created, run.updated, run.unchanged = tried.created, tried.updated, tried.unchanged
        run.left_out = tried.left_out
        if tried.left_out:
            run.warnings.append(warning(tried.left_out))
        if tried.superseded:
            run.warnings.append(
                f"{tried.superseded} superseded: what is loaded for the key is from a later file, and stays"
            )
        if feed.name == FeedName.ONBOARDING:
            onboarding.record_sightings(run)
        self.retry_others(self.also_retry)
        for name in (STAGE, PROBLEM):
            drop_temporary(name)

    def retry_others(self, names: Sequence[str]) -> None:
        """Try the waiting rows of other feeds, in the name of this run."""
        for name in names:
            self.run.retried += retry(FEEDS[name], self.run, self.today)
            save_after(self.run, FEEDS[name].model)
        if FeedName.ONBOARDING in names:
            onboarding.record_sightings(self.run)

    def _load_by_any_way(self, path: Path, unquote: bool, last: ImportRun | None) -> None:
        """Load the file by the fastest way that leaves no doubt beside that of ``last``."""
        warnings = list(self.run.warnings)
        if last:
            for way in (_Way.TAIL, _Way.DIFFERENCES):
                try:
                    self._load_from(path, unquote, way, last)
                    return
                except CannotShortcut as doubt:
                    logger.debug("Run %s is not loaded by its %s: %s", self.run.pk, way.value, doubt)
                self.run.quarantined_rows.all().delete()
                self.run.warnings = list(warnings)
        self._load_from(path, unquote, _Way.WHOLE, None)

    def _load_from(self, path: Path, unquote: bool, way: _Way, last: ImportRun | None) -> None:
        """Load the file, or what is not in that of ``last``; raises ``CannotShortcut`` where that cannot be told."""
        run, feed = self.run, self.feed
        create_stage(feed)
        self.bad_rows = self.bad_text = 0
        self.misread.clear()
        progress = self.options.progress(path) if self.options.progress else None
        differences = None
        with CsvReader(path, progress) as source:
            known = last.rows if last else 0
            if last and way is _Way.TAIL and source.skip(last.size) != last.sha256:
                raise CannotShortcut("another beginning")
            if last and way is _Way.DIFFERENCES:
                if last.repeats:
                    raise CannotShortcut("a key was there twice")
                differences = find_differences(source, last, self.fixes)
                known -= len(differences.gone)
            run.rows = known
            try:
                header = self._stage_file(source, path, unquote, differences)
            finally:
                source.read_out()
                run.sha256, run.size, run.content_sha256 = source.sha256, source.size, source.content_sha256
            self._leave_out(header)
            if last:
                gone = differences.keys_gone(feed, header, self.fixes, unquote=unquote) if differences else ()
                if not differences and run.quarantined_rows.exists():
                    raise CannotShortcut("a bad row in the tail")
                if append.repeats_known_keys(feed, run, gone):
                    raise CannotShortcut("a known key")
            repeated = find_problems(feed, run, self._end_early)
            find_misread(feed, run, self.misread, insist=self.options.insists)
            run.quarantined = count_quarantined(run)
            self._check_guardrails(source)
            records = differences.records() if differences else None
            quarantine_problems(feed, run, path, self.today, self.fixes, unquote=unquote, records=records)
        run.repeats = bool(repeated or (last and last.repeats))
        if feed.one_row_per_customer:
            run.warnings += onboarding.derive_days(STAGE)
        run.warnings += keys_alike(feed, run, known_are_lower=bool(last and append.known_are_lower(feed, last)))
        staged = fetch(f"SELECT COUNT(*) FROM {STAGE}")[0][0]
        # Of a tail it is known by now that it repeats no key.
        run.created, run.updated = merge(feed, run, all_new=way is _Way.TAIL)
        run.unchanged = known + staged - run.created - run.updated + repeated + run.left_out
        if feed.full:
            mark = mark_missing if run.scope == ImportRun.Scope.WHOLE else mark_found
            run.missing, run.returned = mark(feed, run)
        self.extends = last if way is _Way.TAIL else None

    def _leave_out(self, header: Header) -> None:
        """Let no row of an erased customer go further, to the data or to the quarantine."""
        run, erased = self.run, ErasedIds()
        self.erased = drop_erased(self.feed, run, header, erased) if erased else set()
        if self.erased:
            run.warnings.append(warning(run.left_out))

    def _stage_file(self, source: CsvReader, path: Path, unquote: bool, differences: FileDiff | None) -> Header:
        items = source.blocks()
        if source.size:
            with CsvReader(path) as beginning:
                header = read_header(self.feed, beginning, beginning.blocks())
        else:
            header = read_header(self.feed, source, items, corrections=self.options.corrections)
        self.recognised = True
        if header.unknown:
            left = len(header.unknown) - NAMED_COLUMNS
            more = f" and {left:,} more" if left > 0 else ""
            named = ", ".join(header.unknown[:NAMED_COLUMNS])
            self.run.warnings.append(f"unknown columns are ignored: {named}{more}")
        self.run.scope = ImportRun.Scope.CORRECTIONS if header.corrections else ImportRun.Scope.WHOLE
        if header.corrections:
            corrections.create()
        source.line_pattern = compile_line_pattern(self.feed, header, self.today)
        fixed = 0
        if differences:
            items = differences.blocks(source.line_pattern)
            fixed = differences.fixed
        for batch in in_batches(items):
            runs, records = [], []
            for item in batch:
                if isinstance(item, Record):
                    records.append(item)
                elif has_fixed_line(item, self.fixes):
                    records.extend(item.records())
                else:
                    runs.append(item)
            if runs:
                copy_lines(STAGE, header.columns(self.feed), [(run.line, run.raw) for run in runs])
            fixed += sum(record.raw in self.fixes for record in records) if self.fixes else 0
            self.run.rows += len(records) + sum(run.rows for run in runs)
            self._stage_records(records, header, unquote=unquote)
        if fixed:
            self.run.warnings.append(
                f"{fixed} row{'s' if fixed > 1 else ''} read as fixed in quarantine, not as written"
            )
        if self.feed.full:
            execute(f"CREATE INDEX stage_id ON {STAGE} (id)")
        analyze(STAGE)
        return header

    def _stage_records(self, records: Sequence[Record], header: Header, *, unquote: bool) -> None:
        """Stage the good ones of some records, and quarantine the others."""
        good, bad, corrected = [], [], []
        held = corrections.held(self.feed, header, records)
        self.misread.extend(kept.misread for kept in held.values() if kept.misread)
        for record in records:
            kept = held.get(record.line)
            if kept and not (kept.misread and self.options.insists):
                bad.append(kept.again(self.run, record.line))
                continue
            cells, reasons = row_cells(record, header, self.fixes, unquote=unquote)
            values: list[Value] = []
            if cells:
                values, reasons = self.feed.parse(cells, self.today)
                # A misreading is never remembered, not even where somebody insists.
                corrected.extend(() if kept else corrections.of_record(header, record, cells))
            if reasons:
                bad.append(quarantined_row(self.feed, self.run, header, record, cells, reasons))
            else:
                good.append((record.line, *values))
        copy_rows(STAGE, ["line", *self.feed.column_names], good)
        self.bad_rows += len(bad)
        self.bad_text += sum(len(row.raw) for row in bad)
        self._end_early(self.bad_rows, bad)
        QuarantinedRow.objects.bulk_create(bad, batch_size=500)
        corrections.note(corrected)

    # --- Guardrails ------------------------------------------------------------------------------------------------

    def _end_early(self, bad: int, newest: Sequence[QuarantinedRow] = ()) -> None:
        """Refuse a file that has this many bad rows, found so far, before more work goes into it."""
        if self.options.force and not self.options.bounded:
            return
        if bad > MOST_QUARANTINED:
            what = f"{MOST_QUARANTINED:,} rows"
        elif self.bad_text > MOST_QUARANTINED_TEXT:
            what = f"{MOST_QUARANTINED_TEXT >> 20} MB of text"
        else:
            return
        # What is named is there, and goes with the rest.
        QuarantinedRow.objects.bulk_create(newest[:NAMED_ROWS])
        self.run.over_limit = True
        raise Refused(f"more than {what} would be quarantined: {examples(self.run)}")

    def _check_guardrails(self, source: CsvReader) -> None:
        """Refuse a file that looks wrong as a whole; ``force`` notes it instead, with who forced it."""
        run, rows, bad = self.run, self.run.rows, self.run.quarantined
        if self.options.strict and bad:
            raise Refused(f"{bad} of {rows} rows would be quarantined, and --strict allows none: {examples(run)}")
        self._end_early(bad)
        alarms = []
        if bad > MOST_QUARANTINED:
            alarms.append(f"{bad} rows would be quarantined, more than {MOST_QUARANTINED:,}")
        whole = run.scope == ImportRun.Scope.WHOLE
        if whole and rows >= GUARDED_ROWS and bad > rows * MAX_QUARANTINED_SHARE:
            alarms.append(f"{bad} of {rows} rows would be quarantined, more than 10 %: {examples(run)}")
        if whole and self.feed.full:
            last = (
                ImportRun.objects.accepted()
                .filter(feed=self.feed.name)
                .order_by("-pk")
                .values_list("rows", flat=True)
                .first()
            )
            if last and last >= GUARDED_ROWS and rows < last * MIN_KEPT_SHARE:
                alarms.append(f"the file has {rows} rows, the last one had {last}: more than half are gone")
        if whole and (old := old_delivery(run)):
            if self.feed.full:
                alarms.append(old)
            else:
                run.warnings.append(f"an old delivery: {old}")
        if source.changed:
            alarms.append("the file changed while it was read; import it again once it is complete")
        if not alarms:
            return
        if not self.options.force:
            raise Refused("; ".join(alarms))
        run.forced_by = self.options.started_by
        run.warnings += [f"forced by {run.forced_by}: {alarm}" for alarm in alarms]
