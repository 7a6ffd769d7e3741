"""What people do with alerts: each is done to those that still need it, and counted."""

from datetime import date

from django.contrib.auth.models import User
from django.utils import timezone

from analytics.models.alerts import AlertQuerySet
from analytics.models.tasks import MAX_REASON_LENGTH
from analytics.tasks import workflow
from analytics.wording import one_line
from customers.audit.trail import update_rows
from customers.models import Customer

MAX_NOTE_LENGTH = 5_000


def acknowledge(alerts: AlertQuerySet, by: User) -> int:
    """Say that somebody has seen those that are open and not acknowledged yet; return how many."""
    fresh = alerts.open().filter(acknowledged_at=None)
    return update_rows(fresh, acknowledged_at=timezone.now(), acknowledged_by=by.get_username())


def unacknowledge(alerts: AlertQuerySet) -> int:
    """Let open alerts wait again; return how many were acknowledged."""
    return update_rows(alerts.open().exclude(acknowledged_at=None), acknowledged_at=None, acknowledged_by="")


def snooze_alerts(alerts: AlertQuerySet, until: date, by: User) -> int:
    """Hide open alerts until a date; return how many."""
    return update_rows(alerts.open(), snoozed_until=until, snoozed_by=by.get_username())


def unsnooze_alerts(alerts: AlertQuerySet) -> int:
    """Show open alerts again; return how many were snoozed."""
    return update_rows(alerts.open().exclude(snoozed_until=None), snoozed_until=None, snoozed_by="")


def append_note(alerts: AlertQuerySet, text: str) -> int:
    """Add a paragraph to the note of each alert where it fits; return how many there are now noted."""
    noted = 0
    for note in alerts.order_by().values_list("note", flat=True).distinct():
        longer = f"{note}\n\n{text}" if note else text
        if len(longer) <= MAX_NOTE_LENGTH:
            noted += update_rows(alerts.filter(note=note), note=longer)
    return noted


def create_tasks(alerts: AlertQuerySet, what: str, due: date, by: User) -> int:
    """Create a task for each customer of the alerts who has no such task; return how many.

    It is the customer's owner's who may act, or that of whoever creates it; its reason is what they read there.
    """
    with_owner = alerts.exclude(customer=None).select_related("customer__care__owner")
    reasons: dict[Customer, str] = {}
    for alert in with_owner.order_by("rule__severity", "pk"):
        if alert.customer:
            reasons.setdefault(alert.customer, one_line(alert.words, MAX_REASON_LENGTH))
    return len(workflow.take_for_each(reasons, what, due, by))
