"""The alerts of one customer, for its page and its timeline."""

from collections.abc import Iterator
from datetime import date

from django.db.models import Q

from analytics.models import Alert
from customers.models import Customer


def customer_alerts(customer: Customer, day: date) -> list[Alert]:
    """The alerts that were open on a scored date, newest first; one query. For ``partials/customer_alerts.html``."""
    then = Alert.objects.filter(Q(closed_on=None) | Q(closed_on__gt=day), customer=customer, opened_on__lte=day)
    return list(then.select_related("rule"))


def alert_entries(customer: Customer, until: date) -> Iterator[tuple[date, str, str]]:
    """Day, kind and text of what alerts told up to a scored date, to make a timeline's entries of; one query."""
    for alert in Alert.objects.filter(customer=customer, opened_on__lte=until):
        yield alert.opened_on, "alert", f"Alert: {alert.text}"
        if alert.closed_on and alert.closed_on <= until:
            yield alert.closed_on, "alert", f"Alert over: {alert.ending_text}"
