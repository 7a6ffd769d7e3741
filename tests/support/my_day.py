"""Customers to act on, and My day as it is read and used."""

from datetime import date, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from customers.models import Customer, CustomerCare
from tests.factories import make_customer, make_snapshot

T = date(2025, 5, 12)
D = date(2025, 5, 10)
KEYS = count()


def customer(key: str, owner: User | None = None, *, before: int | None = None, **now: Any) -> Customer:
    """A settled customer, at risk with a score of 40 unless ``now`` says otherwise; ``before`` is a score."""
    made = make_customer(id=key, organization=f"Customer {key}", signup_date=date(2025, 1, 1))
    if owner:
        CustomerCare.objects.create(customer=made, owner=owner)
    if before is not None:
        make_snapshot(made, date=D - timedelta(days=7), score=before, status=now.get("status", "at_risk"))
    make_snapshot(made, **{"status": "at_risk", "score": 40, **now})
    return made


def listed(response: HttpResponse) -> list[str]:
    """The customers of the list, in its order."""
    return [item.snapshot.customer_id for item in response.context["items"]]


def my_day(client: Client, query: str = "owner=") -> HttpResponse:
    """The page, by default of the whole team."""
    response = client.get(f"/admin/my-day/?{query}")
    assert response.status_code == 200
    return response


def act(client: Client, key: str, name: str, data: dict[str, Any] | None = None) -> HttpResponse:
    """Do something in place, as a form does, and follow it back to the list."""
    sent = {"next": "/admin/my-day/?owner=", "form_key": str(next(KEYS)), **(data or {})}
    return client.post(f"/admin/customer/{key}/act/{name}/", sent, follow=True)
