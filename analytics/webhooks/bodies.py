"""The bytes that are sent: those of an event, the same for each endpoint and attempt, or of an example."""

import json
from collections.abc import Mapping
from datetime import date

from analytics.models import EventKind, WebhookDelivery, WebhookEvent
from analytics.webhook_events.announce import ORGANIZATION
from analytics.webhook_events.envelope import envelope
from customers.text.say import english

_CUSTOMER = {ORGANIZATION: english("Example Inc.")}
_ALERT = {"alert": 1, "rule": "at_risk", "rule_id": 1, "feed": ""}
_TASK = {"task": 1, "kind": "call"}
_LOADED = {"feed": "customers", "created": 3, "updated": 2, "unchanged": 40, "quarantined": 1, "undoes": None}

EXAMPLES: Mapping[EventKind, dict[str, object]] = {
    EventKind.STATUS_CHANGED: {"old": "healthy", "new": "needs_attention", "score": 55, **_CUSTOMER},
    EventKind.AT_RISK: {"old": "healthy", "new": "at_risk", "score": 35, **_CUSTOMER},
    EventKind.ONBOARDING_COMPLETED: {"old": False, "new": True, "completed_on": "2025-05-09", **_CUSTOMER},
    EventKind.STEP_COMPLETED: {"old": False, "new": True, "step": "first_pr_generated", **_CUSTOMER},
    EventKind.ALERT_OPENED: {
        "old": None,
        "new": "open",
        "severity": "critical",
        "value": 35,
        **_ALERT,
        **_CUSTOMER,
    },
    EventKind.ALERT_CLOSED: {"old": "open", "new": "recovered", **_ALERT, **_CUSTOMER},
    EventKind.TASK_CREATED: {"old": None, "new": "open", "due": "2025-05-16", **_TASK, **_CUSTOMER},
    EventKind.TASK_CLOSED: {"old": "open", "new": "done", "outcome": "", **_TASK, **_CUSTOMER},
    EventKind.FORECAST_CROSSED: {"old": 41, "new": 58, "forecast": "quiet", "likely": True, **_CUSTOMER},
    EventKind.RUN_FINISHED: {"old": "running", "new": "loaded", "run": 1, "scope": "whole", **_LOADED},
    EventKind.NIGHT_FINISHED: {"old": "running", "new": "done", "night": 1, "failed_steps": []},
    EventKind.NIGHT_FAILED: {"old": "running", "new": "failed", "night": 1, "failed_steps": ["score"]},
}
"""What a test sends of each kind."""


def body_of(delivery: WebhookDelivery) -> bytes:
    """Return what is sent of a delivery; a test has none of the program's data, and says that it is a test."""
    if delivery.event is not None:
        return _written(envelope(delivery.event))
    kind = EventKind(delivery.kind)
    data = EXAMPLES[kind]
    customer = "c0000" if ORGANIZATION in data else None
    event = WebhookEvent(uid=delivery.uid, kind=kind, occurred_at=delivery.created_at, customer_id=customer, data=data)
    event.as_of = date(2025, 5, 10) if customer else None
    return _written({**envelope(event), "test": True})


def _written(body: dict[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
