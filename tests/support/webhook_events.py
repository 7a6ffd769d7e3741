"""Endpoints that listen, and what they would be told."""

from typing import Any

from analytics.models import EventKind, WebhookEndpoint, WebhookEvent
from customers.models import Customer


def listen(*kinds: str, **overrides: Any) -> WebhookEndpoint:
    """An endpoint that is told of these kinds, by default of all."""
    values = {"url": "https://hooks.example.com/rsolv", "kinds": list(kinds or EventKind.values), **overrides}
    return WebhookEndpoint.objects.create(**values)


def make_event(customer: Customer | None = None, **overrides: Any) -> WebhookEvent:
    """An event that was stored: a customer became at risk, or a run has finished."""
    if customer is None:
        values = {"kind": EventKind.RUN_FINISHED, "data": {"old": "running", "new": "loaded", "run": 1}}
    else:
        data = {"old": "healthy", "new": "at_risk", "score": 42, "organization": customer.organization}
        values = {"kind": EventKind.AT_RISK, "customer": customer, "data": data}
    return WebhookEvent.objects.create(**{**values, **overrides})


def told(*kinds: str) -> list[tuple[Any, ...]]:
    """What was stored, in its order: kind, customer, and both values; of these kinds alone where any are named."""
    events = WebhookEvent.objects.filter(kind__in=kinds) if kinds else WebhookEvent.objects.all()
    return [(one.kind, one.customer_id, one.data["old"], one.data["new"]) for one in events]


def newest_data() -> dict[str, Any]:
    """The data of the newest event, without the organisation."""
    data: dict[str, Any] = WebhookEvent.objects.latest("pk").data
    return {name: value for name, value in data.items() if name != "organization"}
