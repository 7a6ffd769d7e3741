"""Store what other tools are told of, in the transaction of what it tells and only while somebody listens."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain

from django.db import connection, transaction
from django.utils import timezone

from analytics.models import EventKind, WebhookEndpoint, WebhookEvent
from analytics.models.outgoing.events import new_uid
from customers.core.limits import FETCH_SIZE, batches
from customers.core.sql import copy_rows, table_of
from customers.models import Customer

Value = str | int | bool | None | Sequence[str]
ORGANIZATION, OLD, NEW = "organization", "old", "new"
"""What the ``data`` of every event hold; the organisation where it is about a customer."""
_COLUMNS = ("uid", "kind", "occurred_at", "as_of", "customer_id", "data")


@dataclass(frozen=True)
class Told:
    """What an event tells: the customer's id, the scored date, both values, and what ``kinds`` says of its kind."""

    kind: EventKind
    old: Value = None
    new: Value = None
    customer: str | None = None
    as_of: date | None = None
    more: Mapping[str, Value] = field(default_factory=dict)


def listened(*kinds: EventKind) -> frozenset[str]:
    """Return which of these kinds somebody listens to, by default of all; one query."""
    told = chain.from_iterable(WebhookEndpoint.objects.enabled().values_list("kinds", flat=True))
    return frozenset(told).intersection(kinds or EventKind)


def announce(news: Iterable[Told]) -> None:
    """Store as events those of the news that somebody listens to; nothing is read of them while nobody does.

    It belongs into the transaction of what it tells, and raises outside of one.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An event is stored in the transaction of what it tells.")
    if kinds := listened():
        copy_rows(table_of(WebhookEvent), _COLUMNS, _rows(one for one in news if one.kind in kinds))


def _rows(news: Iterable[Told]) -> Iterator[tuple[object, ...]]:
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    for some in batches(news, FETCH_SIZE):
        customers = Customer.objects.only("organization").in_bulk(
            {one.customer for one in some if one.customer is not None}
        )
        for one in some:
            data = {OLD: one.old, NEW: one.new, **one.more}
            if one.customer is not None:
                data[ORGANIZATION] = customers[one.customer].organization
            as_of = one.as_of.isoformat() if one.as_of else None
            yield (new_uid(), one.kind.value, now, as_of, one.customer, json.dumps(data))
