"""One loader for every way in: stage, check, merge; one transaction and one ``ImportRun`` for each file.

Every data row of a file ends as created, updated, unchanged or quarantined. Rows stream into a temporary table, by
one of the ``strategies``; what needs other rows (duplicates, unknown customers) is found there by SQL, and only the
difference is written.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from pathlib import Path

from django.db import Error, transaction
from django.db.models import QuerySet
from django.utils import timezone

from customers.archive import files as archive
from customers.audit import trail
from customers.clock import program_today
from customers.core import log_context
from customers.core.signals import run_ended, run_loaded
from customers.core.sql import drop_temporary, unguarded, work_in_memory
from customers.feeds.declarations import CUSTOMERS, FEEDS, Feed
from customers.feeds.manifest import MANIFEST, vouches_for
from customers.feeds.reader import CsvReader, Refused
from customers.feeds.rows import begins_as
from customers.imports import corrections, key_changes, onboarding
from customers.imports.checks.cross_row import find_problems, keys_alike
from customers.imports.checks.guardrails import MAX_QUARANTINED
from customers.imports.checks.misread import find_misread
from customers.imports.erased_rows import suppressed_warning
from customers.imports.fixes import fixes_of
from customers.imports.interface import COUNTS, Options, Outcome, RowProblems, details
from customers.imports.journal import save_after
from customers.imports.merge import mark_found, mark_missing, merge
from customers.imports.provisional import supersede_provisional
from customers.imports.quarantine import count_quarantined, quarantine_problems, read_again, supersede
from customers.imports.retry import load_quarantined, retry_waiting
from customers.imports.stage import PROBLEM, STAGE
from customers.imports.strategies.base import CannotShortcut, LoadStrategy
from customers.imports.strategies.base_run import rules_fingerprint
from customers.imports.strategies.file_load import FileLoad
from customers.imports.strategies.order import strategies_for
from customers.imports.strategies.partial import load_partial
from customers.imports.strategies.stager import Stager
from customers.jobs.lock import JobLock, LockHeld, job_lock
from customers.jobs.progress import Progress, noted
from customers.models import FeedName, ImportRun, KeyChange, QuarantinedRow
from customers.text.quoted import quoted
from customers.text.say import english, in_english

logger = logging.getLogger(__name__)


def load_file(feed: Feed, path: Path, name: str, options: Options, lock: JobLock, *, keep: bool) -> ImportRun:
    """Load one file, called ``name`` in the ledger, and return its run; the caller holds ``lock``, the import's.

    Where ``keep`` is false, the caller looks at what the run did, and rolls it back.
    """
    onboarding.date_sightings()
    run = ImportRun(feed=feed.name, file=name, started_by=options.started_by)
    FeedRun(feed, run, lock, feeds_to_retry(feed)).load(path, options, keep=keep)
    onboarding.date_sightings()
    return run


def load_rows(
    feed: Feed, rows: Sequence[tuple[int, Sequence[str]]], *, name: str, started_by: str, lock: JobLock
) -> tuple[ImportRun, dict[int, str]]:
    """Load rows that come without a file; each is a number, and cells of the feed's columns. Nobody goes missing.

    The caller holds ``lock``. Return the run, and by number what became of each row: created, updated, unchanged,
    quarantined, or refused where its customer was erased; nothing of a run that is not loaded.
    """
    onboarding.date_sightings()
    run = ImportRun(feed=feed.name, file=name, started_by=started_by, scope=ImportRun.Scope.PARTIAL)
    states: dict[int, str] = {}
    FeedRun(feed, run, lock, feeds_to_retry(feed)).carry_out(lambda: states.update(load_partial(feed, run, rows)))
    onboarding.date_sightings()
    return run, states if run.status == ImportRun.Status.LOADED else {}


def replay_chosen(rows: QuerySet[QuarantinedRow], started_by: str) -> list[Outcome]:
    """Replay the open rows that a person chose, a run for each feed among them; closed rows are skipped.

    Rows that pass are loaded, rows that do not have their new reasons; a row is superseded where a later file has
    given its key a newer one. Raises ``LockHeld`` while an import runs.
    """
    with job_lock("import") as lock:
        return replay_under_lock(rows, started_by, lock)


def replay_under_lock(rows: QuerySet[QuarantinedRow], started_by: str, lock: JobLock) -> list[Outcome]:
    """Replay rows as ``replay_chosen`` does, for a caller who holds ``lock``, the import's."""
    of_files = QuarantinedRow.objects.of_files()
    chosen = of_files.filter(pk__in=rows.order_by().values("pk"), status=QuarantinedRow.Status.OPEN)
    feeds = set(chosen.order_by().values_list("feed", flat=True).distinct())
    outcomes = []
    for name, feed in FEEDS.items():
        if name in feeds:
            run = ImportRun(feed=name, started_by=started_by, scope=ImportRun.Scope.REPLAY)
            run.file = english(f"replay by {started_by}")
            feed_run = FeedRun(feed, run, lock, feeds_to_retry(feed))
            feed_run.replay(chosen.filter(feed=name))
            outcomes.append(feed_run.outcome(keep=True))
    onboarding.date_sightings()
    return outcomes


def feeds_to_retry(feed: Feed, loading: Sequence[str] = ()) -> list[str]:
    """Return the feeds whose waiting rows the customers' run retries: those that this import does not load."""
    return [name for name in FEEDS if name not in (feed.name, *loading)] if feed is CUSTOMERS else []


class FeedRun:
    """One feed's run: a transaction that loads, and its end in the ledger, the audit and the archive."""

    def __init__(self, feed: Feed, run: ImportRun, lock: JobLock, also_retry: Sequence[str]) -> None:
        self.feed = feed
        self.run = run
        self.lock = lock
        self.also_retry = also_retry
        self.today = program_today()
        self.key_changes: list[KeyChange] = []
        self.problems: list[RowProblems] = []
        self.not_archived: str | None = None
        self._file: FileLoad | None = None
        self._progress: Progress | None = None
        self._extends: archive.Beginning | None = None
        self._archiving: Future[bool] | None = None
        self._suppressed: set[str] | None = None
        self._keep = False

    def load(self, path: Path | None, options: Options, *, why_no_file: str = "", keep: bool) -> None:
        """Load the file, or note in the run why not. ``keep`` is false where the caller will roll it all back."""

        self._keep = keep

        def work() -> None:
            if path is None:
                raise Refused(why_no_file)
            bar = options.progress(path) if options.progress else None
            with noted(self.run.pk, path, bar) as self._progress:
                self._load_and_complete(path, options)
            found = self.run.quarantined_rows.order_by("line").values_list("line", "reasons")[:MAX_QUARANTINED]
            self.problems = [RowProblems(line=line, reasons=reasons) for line, reasons in found]

        self._attempt(work)
        if keep and path:
            self._archive(path)

    def replay(self, rows: QuerySet[QuarantinedRow]) -> None:
        """Load the feed's open rows of these, or note in the run why not."""
        self._attempt(lambda: self._replay(rows))

    def carry_out(self, load: Callable[[], None]) -> None:
        """Load rows that come without a file: ``load`` brings them into the feed's table. Or note why not."""

        def work() -> None:
            load()
            self._complete_journal()
            self._complete()

        self._attempt(work)

    def outcome(self, *, keep: bool) -> Outcome:
        """Return what became of the run; without ``keep`` it has no number."""
        run = self.run
        return Outcome(
            feed=self.feed.name.value,
            file=run.file,
            sha256=run.sha256 or None,
            status=str(run.status),
            reason=run.reason or None,
            run=run.pk if keep else None,
            problems=self.problems,
            key_changes=[{"former": pair.former_id, "customer": pair.customer_id} for pair in self.key_changes],
            not_archived=self.not_archived,
            **{name: getattr(run, name) for name in (*COUNTS, "warnings")},
        )

    def retry_waiting_of(self, names: Sequence[str]) -> int:
        """Load the waiting rows of feeds whose files were refused; return how many rows the run retried in all."""
        before = self.run.retried
        try:
            self.lock.renew()
            with in_english(), transaction.atomic():
                self._retry_waiting(names)
                self.run.save()
                if more := self.run.retried - before:
                    detail = english(f"{more} waiting rows of other feeds")
                    trail.record(trail.Action.REPLAY, self.run, detail=detail)
        except (Error, LockHeld):
            logger.exception("Rows of %s could not be retried; the next import tries again", ", ".join(names))
            self.run.retried = before
        return self.run.retried

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do the run's work in a transaction; what ends it early is noted in the run."""
        run = self.run
        with in_english(), ExitStack() as logged:  # What runs say is stored.
            try:
                run.save()
                logged.enter_context(log_context.about(run=run.pk))
                self.lock.renew()
                with transaction.atomic():
                    work()
                    self._finish(ImportRun.Status.LOADED)
                    # Robust, because what a listener breaks does not undo the load.
                    transaction.on_commit(lambda: run_loaded.send(sender=ImportRun, run=run), robust=True)
            except Refused as refusal:
                self._stop(ImportRun.Status.REFUSED, str(refusal))
            except Exception as error:
                logger.exception("Run %s of %s failed", run.pk, run.file)
                summary = str(error).strip().split("\n")[0]
                self._stop(ImportRun.Status.FAILED, f"{type(error).__name__}: {summary}")

    def _stop(self, status: ImportRun.Status, reason: str) -> None:
        run = self.run
        for name in (*COUNTS, "left_out", "deleted"):
            setattr(run, name, 0)
        run.forced_by = ""
        run.reason = reason
        self.key_changes, self.problems = [], []
        self._extends = self._suppressed = None
        try:
            with unguarded():
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
            trail.record(action, run, actor=run.started_by, detail=details(run))
            run_ended.send(sender=ImportRun, run=run)

    def _archive(self, path: Path) -> None:
        """Archive the file if its header is the feed's: another file may hold anything."""
        if self._archiving:
            wait([self._archiving])
        recognised = self._file is not None and self._file.header is not None
        if self.run.sha256 and (recognised or begins_as(self.feed, path)):
            self.not_archived = archive.store(path, self.run, self._extends, self._suppressed) or None

    def _load_and_complete(self, path: Path, options: Options) -> None:
        run, feed = self.run, self.feed
        work_in_memory()
        run.retried = retry_waiting(feed, run, self.today)
        unquote = self._is_ours(path)
        fixes = fixes_of(feed)
        run.rules = rules_fingerprint(feed, fixes, unquote=unquote)
        self._file = FileLoad(feed, run, path, options, self.today, fixes, unquote)
        self._try_strategies(self._file)
        if run.scope == ImportRun.Scope.CORRECTIONS:
            corrections.remember(feed, run)
        supersede(feed, run, fixes)
        self._complete_journal()
        self._complete()

    def _is_ours(self, path: Path) -> bool:
        """Return whether our own export wrote the file; warn of one that its manifest belies."""
        ours = vouches_for(path)
        if ours is False:
            self.run.warnings.append(
                english(
                    f"{quoted(path.name)} is not the file that {MANIFEST} names (another SHA-256); "
                    "its cells are taken as they stand, a ' before a formula included"
                )
            )
        return bool(ours)

    def _try_strategies(self, file: FileLoad) -> None:
        run, warnings = self.run, list(self.run.warnings)
        for strategy in strategies_for(file):
            try:
                self._merge_by(strategy, file)
                return
            except CannotShortcut as obstacle:
                logger.debug("Run %s is not loaded by strategy %s: %s", run.pk, strategy.name, obstacle)
            run.quarantined_rows.all().delete()
            run.warnings = list(warnings)

    def _merge_by(self, strategy: LoadStrategy, file: FileLoad) -> None:
        run, feed, options = self.run, self.feed, file.options
        stager = Stager(file)
        with CsvReader(file.path, self._progress) as source:
            staged = strategy.stage(source, stager)
            repeated = find_problems(feed, run, stager.guardrails.end_early)
            find_misread(feed, run, stager.misread, allow_misread=options.accepts_misread)
            run.quarantined = count_quarantined(run)
            stager.guardrails.check(source)
            quarantine_problems(run, read_again(file, staged.records))
        if staged.extends and self._keep and not stager.suppressed:
            # A large archive is mostly copied: the disk is at that while the database inserts.
            self._archiving = archive.store_ahead(file.path, run.sha256, staged.extends)
        run.repeats = bool(repeated) or staged.repeats
        if feed.one_row_per_customer:
            run.warnings += onboarding.derive_days(STAGE)
        run.warnings += keys_alike(feed, run, loaded_keys_are_lowercase=staged.loaded_keys_are_lowercase)
        created, run.updated = merge(feed, run, all_new=staged.all_new)
        run.created = staged.created + created
        # Loaded as they are, folded into an equal row, or suppressed.
        run.unchanged = run.rows - run.created - run.updated - run.quarantined
        if feed.full:
            mark = mark_missing if run.scope == ImportRun.Scope.WHOLE else mark_found
            run.missing, run.returned = mark(feed, run)
        self._extends, self._suppressed = staged.extends, stager.suppressed

    def _replay(self, rows: QuerySet[QuarantinedRow]) -> None:
        run = self.run
        tried = load_quarantined(self.feed, run, rows, self.today)
        self._complete_journal()
        run.rows, run.quarantined = tried.rows, tried.refused
        run.created, run.updated, run.unchanged = tried.created, tried.updated, tried.unchanged
        run.left_out = tried.suppressed
        if tried.suppressed:
            run.warnings.append(suppressed_warning(tried.suppressed))
        if tried.superseded:
            run.warnings.append(
                english(f"{tried.superseded} replaced: what is loaded for the key is from a later file, and stays")
            )
        self._complete()

    def _complete_journal(self) -> None:
        self._complete_rows(self.feed)
        self.key_changes = key_changes.notice(self.feed, self.run)

    def _complete(self) -> None:
        if self.feed.name == FeedName.ONBOARDING:
            onboarding.record_sightings(self.run)
        self._retry_waiting(self.also_retry)
        for name in (STAGE, PROBLEM):
            drop_temporary(name)

    def _retry_waiting(self, names: Sequence[str]) -> None:
        """Load the waiting rows of other feeds, in the name of this run."""
        for name in names:
            self.run.retried += retry_waiting(FEEDS[name], self.run, self.today)
            self._complete_rows(FEEDS[name])
        if FeedName.ONBOARDING in names:
            onboarding.record_sightings(self.run)

    def _complete_rows(self, feed: Feed) -> None:
        """Let what the product reported give way to the feed's rows, and complete the journal of them."""
        self.run.deleted += supersede_provisional(feed, self.run)
        save_after(self.run, feed.model)
