"""Load the product's events that wait in the inbox: one run for each feed that they become rows of.

A run loads the events in one transaction, with what became of each of them. What it loads is provisional: a file that
has the customer and day, or step, stands, however early or late the event comes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from django.db.models import QuerySet
from django.utils import timezone

from customers.archive.erased import ErasedIds
from customers.core.limits import BATCH_SIZE, FETCH_SIZE, batches
from customers.core.sql import copy_rows
from customers.imports.erased_rows import suppressed_warning
from customers.imports.load import FeedRun
from customers.imports.merge import merge
from customers.imports.stage import STAGE, create_stage
from customers.inbox import spool
from customers.inbox.by_hand import event_of, quarantined_event
from customers.inbox.forget import forget_customer
from customers.inbox.reported_rows import COLUMNS, KINDS, ReportedEvent, ReportedRows
from customers.inbox.store import collect
from customers.jobs.lock import JobLock
from customers.models import Customer, ImportRun, InboxEvent, QuarantinedRow
from customers.text.say import english

State = InboxEvent.State
FILE_NAME = english("events of the product")
EVENTS_A_RUN = 25_000
"""A run is held in memory, so another one takes the others."""


def has_work() -> bool:
    """Return whether any event waits: in the inbox, in the spool, or in quarantine for a customer who is known now."""
    return InboxEvent.objects.waiting().exists() or any(spool.spooled_files()) or _ready_rows().exists()


def ingest(started_by: str, lock: JobLock) -> list[ImportRun]:
    """Load what waits, and return the runs; the caller holds ``lock``, the import's."""
    collect()
    runs = []
    for kind in KINDS:
        while (run := _load_some(kind(), started_by, lock)) is not None:
            runs.append(run)
            if run.status != ImportRun.Status.LOADED or run.rows < EVENTS_A_RUN:
                break
    return runs


def _load_some(rows: ReportedRows, started_by: str, lock: JobLock) -> ImportRun | None:
    """Load as many events as a run takes; None where none waits."""
    events = _Ingest(rows)
    if not events.any():
        return None
    run = ImportRun(feed=rows.feed.name, file=FILE_NAME, started_by=started_by, scope=ImportRun.Scope.EVENTS)
    FeedRun(rows.feed, run, lock, ()).carry_out(lambda: events.load(run))
    return run


def _ready_rows() -> QuerySet[QuarantinedRow]:
    """Return the events in quarantine whose customer is known by now."""
    return QuarantinedRow.objects.filter(
        run__scope=ImportRun.Scope.EVENTS,
        status=QuarantinedRow.Status.OPEN,
        customer_key__in=Customer.objects.values("pk"),
    )


class _Ingest:
    """The events of one feed that a run loads, and what becomes of them."""

    def __init__(self, rows: ReportedRows) -> None:
        self.rows = rows
        due = InboxEvent.objects.waiting().filter(event_type__in=rows.types, occurred_at__lte=timezone.now())
        self._due = due.order_by("pk").values_list(*COLUMNS)[:EVENTS_A_RUN]
        self._ready = _ready_rows().filter(feed=rows.feed.name)
        self._became: dict[State, list[int]] = defaultdict(list)
        self._unknown: list[ReportedEvent] = []
        self._erased: set[str] = set()

    def any(self) -> bool:
        """Return whether there is any event to load."""
        return bool(self._due[:1]) or self._ready.exists()

    def load(self, run: ImportRun) -> None:
        """Bring the events into the feed's table, and note in each of them what became of it."""
        erased, waited = ErasedIds(), {event_of(row): row for row in self._ready}
        again = InboxEvent.objects.filter(pk__in=waited).order_by("pk").values_list(*COLUMNS)
        # One after another: their metadata are the most of them, and of no use once they are judged.
        rows = chain.from_iterable(part.iterator(chunk_size=FETCH_SIZE) for part in (self._due, again))
        for some in batches((ReportedEvent(*row) for row in rows), FETCH_SIZE):
            self._judge(some, erased)
        create_stage(self.rows.feed)
        copy_rows(STAGE, ["line", *self.rows.feed.column_names], self.rows.staged())
        run.created, _updated = merge(self.rows.feed, run, provisional=True)
        self._count(run, waited)
        self._note(run, waited)

    def _judge(self, events: Sequence[ReportedEvent], erased: ErasedIds) -> None:
        known = set(Customer.objects.filter(pk__in={one.customer for one in events}).values_list("pk", flat=True))
        self.rows.look_up([one for one in events if one.customer in known])
        for one in events:
            if one.customer in known:
                self._became[self.rows.add(one)].append(one.pk)
            elif one.customer in erased:
                self._became[State.REFUSED].append(one.pk)
                self._erased.add(one.customer)
            else:
                self._became[State.QUARANTINED].append(one.pk)
                self._unknown.append(one)

    def _count(self, run: ImportRun, waited: Iterable[int]) -> None:
        became = {state: len(keys) for state, keys in self._became.items()}
        run.rows, run.quarantined = sum(became.values()), became.get(State.QUARANTINED, 0)
        run.updated = became.get(State.LOADED, 0) - run.created
        run.unchanged = run.rows - run.created - run.updated - run.quarantined
        run.retried = len(set(waited) & set(self._became[State.LOADED]))
        run.left_out = became.get(State.REFUSED, 0)
        if run.left_out:
            run.warnings.append(suppressed_warning(run.left_out))

    def _note(self, run: ImportRun, waited: dict[int, QuarantinedRow]) -> None:
        """Note what became of the events, and of those that waited in quarantine."""
        for state, keys in self._became.items():
            for some in batches(keys, FETCH_SIZE):
                InboxEvent.objects.filter(pk__in=some).update(state=state, run=run)
        for customer in self._erased:
            forget_customer(customer)
        QuarantinedRow.objects.bulk_create(self._quarantined(run), batch_size=BATCH_SIZE)
        for state, status in _CLOSED.items():
            closed = [waited[key].pk for key in self._became[state] if key in waited]
            QuarantinedRow.objects.filter(pk__in=closed).update(status=status, resolved_by=run)

    def _quarantined(self, run: ImportRun) -> Iterator[QuarantinedRow]:
        for one in self._unknown:
            row = quarantined_event(self.rows, one)
            row.run = run
            yield row


_CLOSED = {
    State.LOADED: QuarantinedRow.Status.LOADED,
    State.UNCHANGED: QuarantinedRow.Status.LOADED,
    State.SUPERSEDED: QuarantinedRow.Status.SUPERSEDED,
}
