"""What alerts are judged by, alerts of a customer in somebody's care, and the button that acts on them."""

from datetime import date, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from analytics.alerts.inputs import AlertInputs
from analytics.models import Alert
from customers.models import Customer, CustomerCare
from tests.factories import make_customer

TODAY = date(2025, 5, 11)
DAY = date(2025, 5, 10)
"""The scored date of ``facts``."""


def facts(**overrides: Any) -> AlertInputs:
    """A customer of 40 days who is healthy, was active today and has a first PR."""
    return AlertInputs(
        **{
            "day": DAY,
            "customer_id": "c1",
            "signup_date": DAY - timedelta(days=40),
            "contract_status": "active",
            "inactive_days": 14,
            "score": 75,
            "status": "healthy",
            "last_active": DAY,
            "has_first_pr": True,
            **overrides,
        }
    )


def of(owner: User | None, **overrides: Any) -> Customer:
    """A customer in somebody's care."""
    customer = make_customer(**overrides)
    CustomerCare.objects.create(customer=customer, owner=owner)
    return customer


def act(client: Client, *alerts: Alert, **data: Any) -> HttpResponse:
    """Act on alerts, and follow to the page that comes."""
    return client.post("/admin/alerts/act/", {"alert": [alert.pk for alert in alerts], **data}, follow=True)
