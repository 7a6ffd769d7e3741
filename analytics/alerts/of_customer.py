"""Alerts as the pages show them: with people's names, and those of one customer."""

from collections.abc import Iterable
from datetime import date

from django.db.models import Q

from analytics.display.people import add_names
from analytics.models import Alert
from customers.models import Customer


def with_names(alerts: Iterable[Alert]) -> list[Alert]:
    """The alerts with the names of those who have seen them (``seen_by``) and put them off (``put_off_by``)."""
    alerts = list(alerts)
    add_names(alerts, seen_by="acknowledged_by", put_off_by="snoozed_by")
    return alerts


def customer_alerts(customer: Customer, day: date) -> list[Alert]:
    """The alerts that were open on a scored date, newest first, for its page; two queries at most."""
    then = Alert.objects.filter(Q(closed_on=None) | Q(closed_on__gt=day), customer=customer, opened_on__lte=day)
    return with_names(then.select_related("rule"))
