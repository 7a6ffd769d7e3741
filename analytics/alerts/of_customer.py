"""The alerts of one customer, for its page."""

from datetime import date

from django.db.models import Q

from analytics.models import Alert
from analytics.models.alerts import AlertQuerySet
from customers.models import Customer


def customer_alerts(customer: Customer, day: date) -> AlertQuerySet:
    """Return the alerts that were open on a scored date, newest first; one query."""
    then = Q(closed_on=None) | Q(closed_on__gt=day)
    return Alert.objects.filter(then, customer=customer, opened_on__lte=day).select_related("rule")
