"""Events of unknown customers, dealt with by hand: given the right customer, or rejected."""

import json
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from customers.audit import trail
from customers.core.limits import BATCH_SIZE
from customers.feeds.cell_types import to_cell
from customers.inbox.reported_rows import COLUMNS, KINDS, ReportedEvent, ReportedRows
from customers.models import AuditEntry, FeedName, ImportRun, InboxEvent, QuarantinedRow
from customers.text.say import english

_EVENT = "event:"
"""Begins the key of an event in quarantine; no key of a file is so, as the ingest alone tries it again."""
REJECTED = english("rejected by hand")
_NAME_CUSTOMER = ("raw", "cells", "customer_key", "reasons")
"""The columns of a row in quarantine that name its customer."""


def quarantined_event(rows: ReportedRows, one: ReportedEvent) -> QuarantinedRow:
    """Return what the quarantine says of an event, without its run."""
    said = {"event_type": one.event_type, "customer_id": one.customer, "metadata": one.metadata}
    return QuarantinedRow(
        feed=rows.feed.name,
        line=one.position,
        raw=json.dumps({**said, "occurred_at": one.occurred_at.isoformat()}, ensure_ascii=False),
        cells=[to_cell(value) for value in rows.alone(one)],
        key=f"{_EVENT}{one.pk}",
        customer_key=one.customer,
        reasons=[english(f"customer_id: there is no customer {one.customer}")],
        waits_for_customer=True,
    )


def event_of(row: QuarantinedRow) -> int:
    """Return the key of the event that a row in quarantine is."""
    return int(row.key.removeprefix(_EVENT))


def alike(row: QuarantinedRow) -> QuerySet[QuarantinedRow]:
    """Return the open rows of events that name the same customer, this one among them."""
    of_events = QuarantinedRow.objects.filter(run__scope=ImportRun.Scope.EVENTS, status=QuarantinedRow.Status.OPEN)
    return of_events.filter(customer_key=row.customer_key).order_by("pk")


def give_customer(rows: Sequence[QuarantinedRow], customer: str, actor: str) -> None:
    """Say which customer the events are about: the next ingest loads them. The caller has the lock of imports."""
    entries = [_entry(row, actor, customer, customer_id=(row.customer_key, customer)) for row in rows]
    kinds = {kind.feed.name: kind() for kind in KINDS}
    found = InboxEvent.objects.filter(pk__in=map(event_of, rows)).values_list(*COLUMNS)
    events = {one.pk: one for one in (ReportedEvent(*values) for values in found)}
    for row in rows:
        one = events[event_of(row)]._replace(customer=customer)
        fresh = quarantined_event(kinds[FeedName(row.feed)], one)
        for name in _NAME_CUSTOMER:
            setattr(row, name, getattr(fresh, name))
    with transaction.atomic():
        InboxEvent.objects.filter(pk__in=events).update(customer_key=customer)
        QuarantinedRow.objects.bulk_update(rows, _NAME_CUSTOMER, batch_size=BATCH_SIZE)
        trail.record_all(entries)


def reject(rows: Sequence[QuarantinedRow], actor: str) -> None:
    """Take the events for invalid ones, for good; their ids may be reported again. The caller has the lock."""
    rejected = QuarantinedRow.Status.REJECTED
    entries = [_entry(row, actor, row.customer_key, status=(row.status, rejected)) for row in rows]
    with transaction.atomic():
        events = InboxEvent.objects.filter(pk__in=map(event_of, rows))
        events.update(state=InboxEvent.State.INVALID, reason=REJECTED, metadata={})
        QuarantinedRow.objects.filter(pk__in=[row.pk for row in rows]).update(status=rejected)
        trail.record_all(entries)


def _entry(row: QuarantinedRow, actor: str, customer: str, **changes: tuple[str, str]) -> AuditEntry:
    return trail.entry(trail.Action.FIX, row, actor=actor, customer=customer, changes=changes)
