"""The kinds of events: when each is told, what its ``data`` hold beside the customer, and where its link leads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.urls import reverse

from analytics.models import EventKind, WebhookEvent


@dataclass(frozen=True)
class KindOfEvent:
    """What a kind tells, in the words of docs/integrations.md; ``more`` are its own names with their meaning."""

    when: str
    old: str
    new: str
    page: Callable[[WebhookEvent], str]
    more: Mapping[str, str] = field(default_factory=dict)


def _customer_page(event: WebhookEvent) -> str:
    return reverse("analytics:customer", args=[event.customer_id])


def _alert_page(event: WebhookEvent) -> str:
    return _customer_page(event) if event.customer_id else reverse("analytics:alerts")


def _task_page(event: WebhookEvent) -> str:
    return reverse("analytics:task", args=[event.data["task"]])


def _run_page(event: WebhookEvent) -> str:
    return reverse("admin:customers_importrun_change", args=[event.data["run"]])


def _night_page(event: WebhookEvent) -> str:
    return reverse("admin:analytics_night_change", args=[event.data["night"]])


_SCORE = {"score": "the score on the date"}
_ALERT = {
    "alert": "the alert's number",
    "rule": "the kind of its rule, `custom` for somebody's own; null where the rule is deleted",
    "rule_id": "the rule's number, which tells own rules apart",
    "feed": "the feed that it is about; empty where it is about none",
}
_TASK = {"task": "the task's number", "kind": "the kind of action"}
_NIGHT = {"night": "the number of the nightly run", "failed_steps": "the names of the steps that failed"}

KINDS: Mapping[EventKind, KindOfEvent] = {
    EventKind.STATUS_CHANGED: KindOfEvent(
        "The newest scored date says another health status than was said before.",
        "the health status before",
        "the health status",
        _customer_page,
        _SCORE,
    ),
    EventKind.AT_RISK: KindOfEvent(
        "A customer is at risk who was not, or who is new.",
        "the health status before; null for a new customer",
        "`at_risk`",
        _customer_page,
        _SCORE,
    ),
    EventKind.ONBOARDING_COMPLETED: KindOfEvent(
        "A customer has completed the onboarding, or is new and has.",
        "false",
        "true",
        _customer_page,
        {"completed_on": "the day; null where it is not known"},
    ),
    EventKind.STEP_COMPLETED: KindOfEvent(
        "A customer has completed a step of the onboarding: one event for each. A new customer's are told, too.",
        "false",
        "true",
        _customer_page,
        {"step": "the step's name"},
    ),
    EventKind.ALERT_OPENED: KindOfEvent(
        "An alert was raised.",
        "null",
        "`open`",
        _alert_page,
        {
            **_ALERT,
            "severity": "`critical`, `warning` or `info`",
            "value": "the score, points, days, rows or customers; null where it has none",
        },
    ),
    EventKind.ALERT_CLOSED: KindOfEvent(
        "An alert has closed, whatever closed it.",
        "`open`",
        "why: `recovered`, `withdrawn`, `ended` (the contract) or `rule_off`",
        _alert_page,
        _ALERT,
    ),
    EventKind.TASK_CREATED: KindOfEvent(
        "A task was created.", "null", "`open`", _task_page, {**_TASK, "due": "the due date"}
    ),
    EventKind.TASK_CLOSED: KindOfEvent(
        "A task was closed.",
        "`open`",
        "`done` or `dropped`",
        _task_page,
        {**_TASK, "outcome": "what came of it; empty where nobody said"},
    ),
    EventKind.FORECAST_CROSSED: KindOfEvent(
        "A forecast has become likely (50 % or more), or no longer is, compared with the one before.",
        "the percent before",
        "the percent",
        _customer_page,
        {"forecast": "`quiet` (going quiet) or `first_pr`", "likely": "whether it is likely now"},
    ),
    EventKind.RUN_FINISHED: KindOfEvent(
        "An import run has ended, in whatever way; an undo is one, too.",
        "`running`",
        "the run's status",
        _run_page,
        {
            "run": "the run's number",
            "feed": "its feed",
            "scope": "`whole` (a file), `corrections`, `replay`, `partial` (rows by the API) or `events` (reported)",
            "created": "rows created",
            "updated": "rows updated",
            "unchanged": "rows unchanged",
            "quarantined": "rows quarantined",
            "undoes": "the number of the run that it undoes; null for any other run",
        },
    ),
    EventKind.NIGHT_FINISHED: KindOfEvent(
        "A nightly run has ended, and no step failed.", "`running`", "`done` or `warned`", _night_page, _NIGHT
    ),
    EventKind.NIGHT_FAILED: KindOfEvent(
        "A nightly run has failed or was interrupted.", "`running`", "`failed` or `interrupted`", _night_page, _NIGHT
    ),
}
"""Each kind, in the order in which people choose among them."""
