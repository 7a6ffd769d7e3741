"""Alerts of a customer in somebody's care, and the button that acts on them."""

from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from analytics.models import Alert
from customers.models import Customer, CustomerCare
from tests.factories import make_customer

TODAY = date(2025, 5, 11)


def of(owner: User | None, **overrides: Any) -> Customer:
    """A customer in somebody's care."""
    customer = make_customer(**overrides)
    CustomerCare.objects.create(customer=customer, owner=owner)
    return customer


def act(client: Client, *alerts: Alert, **data: Any) -> HttpResponse:
    """Act on alerts, and follow to the page that comes."""
    return client.post("/admin/alerts/act/", {"alert": [alert.pk for alert in alerts], **data}, follow=True)
