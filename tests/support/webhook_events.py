"""Endpoints that listen, and what they would be told."""

from typing import Any

from django.utils import timezone

from analytics.models import EventKind, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from analytics.webhooks.signing import new_seed
from customers.models import Customer


def listen(*kinds: str, **overrides: Any) -> WebhookEndpoint:
    """An endpoint that is told of these kinds, by default of all."""
    values = {"name": "Bridge", "url": "https://hooks.example.com/rsolv", "kinds": list(kinds or EventKind.values)}
    values |= {"secret": new_seed(), **overrides}
    return WebhookEndpoint.objects.create(**values)


def make_event(customer: Customer | None = None, **overrides: Any) -> WebhookEvent:
    """An event that was stored: a customer became at risk, or a run has finished."""
    if customer is None:
        values = {"kind": EventKind.RUN_FINISHED, "data": {"old": "running", "new": "loaded", "run": 1}}
    else:
        data = {"old": "healthy", "new": "at_risk", "score": 42, "organization": customer.organization}
        values = {"kind": EventKind.AT_RISK, "customer": customer, "data": data}
    return WebhookEvent.objects.create(**{**values, **overrides})


def make_delivery(event: WebhookEvent | None, answer: str = "", **overrides: Any) -> WebhookDelivery:
    """An event (or a test) that went to a webhook, with one attempt, and what its receiver answered."""
    uid, kind = (event.uid, event.kind) if event else ("evt_test", EventKind.RUN_FINISHED)
    values = {"state": "sent", "tries": 1, "uid": uid, "kind": kind, **overrides}
    values.setdefault("endpoint", WebhookEndpoint.objects.first() or listen())
    delivery = WebhookDelivery.objects.create(event=event, **values)
    WebhookAttempt.objects.create(delivery=delivery, at=timezone.now(), milliseconds=5, status=200, answer=answer)
    return delivery


def told(*kinds: str) -> list[tuple[Any, ...]]:
    """What was stored, in its order: kind, customer, and both values; of these kinds alone where any are named."""
    events = WebhookEvent.objects.filter(kind__in=kinds) if kinds else WebhookEvent.objects.all()
    return [(one.kind, one.customer_id, one.data["old"], one.data["new"]) for one in events]


def newest_data() -> dict[str, Any]:
    """The data of the newest event, without the organisation."""
    data: dict[str, Any] = WebhookEvent.objects.latest("pk").data
    return {name: value for name, value in data.items() if name != "organization"}
