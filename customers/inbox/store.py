"""Batches of events come into the table, or wait in the spool while SQLite is being written by a long import."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import DataError, IntegrityError, OperationalError, transaction
from django.utils import timezone

from customers.archive.erased import ErasedIds
from customers.core.database_errors import is_busy
from customers.core.files import remove
from customers.core.limits import BATCH_SIZE
from customers.core.sql import is_postgres, waiting_at_most
from customers.inbox import spool
from customers.inbox.bodies import Json
from customers.inbox.events import read_event
from customers.inbox.forget import forget
from customers.models import ApiToken, Batch, InboxEvent
from customers.text.say import english

State = InboxEvent.State
WAIT_MILLISECONDS = 50
"""So long does a batch wait for another writer of SQLite; then it goes to the spool."""


@dataclass(frozen=True)
class Receipt:
    """A batch that is stored for good, with its events in the order of the body."""

    batch: Batch
    events: Sequence[InboxEvent]

    @property
    def invalid(self) -> list[InboxEvent]:
        """Return the events that nothing will become of."""
        return [event for event in self.events if event.state == State.INVALID]


def accept(entries: Sequence[Json], token: ApiToken) -> Receipt:
    """Judge each entry of a body by itself and store all of them, so that no crash loses one that was answered."""
    batch = Batch(token=token, kind=Batch.Kind.EVENTS, received_at=timezone.now(), entries=len(entries))
    events = [read_event(entry, place, batch.received_at) for place, entry in enumerate(entries)]
    try:
        with waiting_at_most(WAIT_MILLISECONDS):
            store_batch(batch, events)
    except OperationalError as error:
        if is_postgres() or not is_busy(error):
            raise
        spool.spool_batch(batch, events)
    return Receipt(batch, events)


def collect() -> int:
    """Bring what lies in the spool into the table, each batch once; return how many batches there were.

    A file that is no batch, or one that the table does not take, is set aside. The caller has the lock of imports:
    nobody else collects.
    """
    collected = 0
    for path in spool.spooled_files():
        try:
            _collect_one(*spool.read(path))
        except (spool.NotABatch, DataError, IntegrityError, OverflowError, ValueError) as error:
            spool.set_aside(path, error)
        else:
            remove(path)
            collected += 1
    return collected


def _collect_one(batch: Batch, events: Sequence[InboxEvent]) -> None:
    if batch.token_id and not ApiToken.objects.filter(pk=batch.token_id).exists():
        # Its account was deleted meanwhile.
        batch.token = None
    if not Batch.objects.filter(pk=batch.pk).exists():
        store_batch(batch, events)


def store_batch(batch: Batch, events: Sequence[InboxEvent]) -> None:
    """Store a batch with its events: those of erased customers as refused, those that are known as duplicates."""
    for event in events:
        event.batch, event.token_id = batch, batch.token_id
    if erased := ErasedIds():
        for event in events:
            if event.customer_key in erased:
                forget(event)
    named = [event for event in events if event.event_id]
    # In one order, because two who store the same ids wait for each other.
    ordered = sorted(events, key=lambda event: event.event_id) if named else events
    with transaction.atomic():
        Batch.objects.bulk_create([batch])
        InboxEvent.objects.bulk_create(ordered, batch_size=BATCH_SIZE, ignore_conflicts=bool(named))
        if named:
            _store_duplicates(batch, named)


def _store_duplicates(batch: Batch, named: Sequence[InboxEvent]) -> None:
    """Store the events whose id another event of the token has, which the database has left out."""
    stored = set(batch.events.values_list("position", flat=True))
    again = [event for event in named if event.position not in stored]
    for event in again:
        event.state, event.reason, event.metadata = State.DUPLICATE, english("event_id: was reported before"), {}
    InboxEvent.objects.bulk_create(again, batch_size=BATCH_SIZE)
