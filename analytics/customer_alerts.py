"""Alerts as the pages show them: with people's names, and those of one customer."""

from datetime import date

from django.db.models import Q

from analytics.models import Alert
from analytics.models.alerts import AlertQuerySet
from analytics.people import name_of
from customers.models import Customer


def with_names(alerts: AlertQuerySet) -> AlertQuerySet:
    """The alerts with the names of those who have seen them (``seen_by``) and put them off (``put_off_by``)."""
    return alerts.annotate(seen_by=name_of("acknowledged_by"), put_off_by=name_of("snoozed_by"))


def customer_alerts(customer: Customer, day: date) -> list[Alert]:
    """The alerts that were open on a scored date, newest first; one query. For ``partials/customer_alerts.html``."""
    then = Alert.objects.filter(Q(closed_on=None) | Q(closed_on__gt=day), customer=customer, opened_on__lte=day)
    return list(with_names(then.select_related("rule")))
