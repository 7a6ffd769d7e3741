"""The alerts of one customer, for its page."""

from datetime import date

from django.db.models import Q

from analytics.models import Alert
from customers.models import Customer


def customer_alerts(customer: Customer, day: date) -> list[Alert]:
    """The alerts that were open on a scored date, newest first; one query. For ``partials/customer_alerts.html``."""
    then = Alert.objects.filter(Q(closed_on=None) | Q(closed_on__gt=day), customer=customer, opened_on__lte=day)
    return list(then.select_related("rule"))
