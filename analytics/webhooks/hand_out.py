"""Hand new events out to the endpoints that are to be told of them: a delivery for each.

An event says itself whether it was handed out. To remember the newest key in its place would lose events: a
transaction that took longer may store a lower key later.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import chain

from django.db import transaction
from django.utils import timezone

from analytics.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from customers.models import Customer

AT_ONCE = 500

_Group = tuple[str, int | None]
"""A customer's cohort and owner."""


def hand_out() -> int:
    """Make the deliveries of some events that have none yet, the oldest first; return how many events there were."""
    now = timezone.now()
    with transaction.atomic():
        waiting = WebhookEvent.objects.filter(handed_out=False).order_by("pk")
        events = list(waiting.select_for_update(skip_locked=True, of=("self",))[:AT_ONCE])
        if not events:
            return 0
        deliveries = deliveries_of(events, WebhookEndpoint.objects.enabled(), now)
        # A span that somebody sends again may have been quicker.
        WebhookDelivery.objects.bulk_create(deliveries, ignore_conflicts=True)
        WebhookEvent.objects.filter(pk__in=[event.pk for event in events]).update(handed_out=True)
    return len(events)


def deliveries_of(
    events: Collection[WebhookEvent], endpoints: Iterable[WebhookEndpoint], now: datetime
) -> list[WebhookDelivery]:
    """Return a delivery for each of the events and of the endpoints that are to be told of it; not stored yet."""
    groups = _groups({event.customer_id for event in events if event.customer_id is not None})
    each = (
        [_delivery(endpoint, event, now) for event in events if _is_for(endpoint, event, groups)]
        for endpoint in endpoints
    )
    return list(chain.from_iterable(each))


def _delivery(endpoint: WebhookEndpoint, event: WebhookEvent, now: datetime) -> WebhookDelivery:
    return WebhookDelivery(endpoint=endpoint, event=event, uid=event.uid, kind=event.kind, created_at=now, due_at=now)


def _groups(customers: Collection[str]) -> Mapping[str, _Group]:
    found = Customer.objects.filter(pk__in=customers).values_list("pk", "cohort", "care__owner")
    return {pk: (cohort, owner) for pk, cohort, owner in found}


def _is_for(endpoint: WebhookEndpoint, event: WebhookEvent, groups: Mapping[str, _Group]) -> bool:
    if event.kind not in endpoint.kinds:
        return False
    if event.customer_id is None:
        return True
    cohort, owner = groups.get(event.customer_id, ("", None))
    return endpoint.cohort in {"", cohort} and endpoint.owner_id in {None, owner}
