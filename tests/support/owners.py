"""Customers with and without an owner, and the list of them."""

import re
from typing import Any

import pytest

from customers.models import Customer, CustomerCare
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import Elements, main_part

FILTERS = ("q", "status", "owner")
CARE = "/admin/customers/customercare/"


@pytest.fixture
def three() -> list[Customer]:
    """Three customers with a score, two of them at risk; the first has an owner."""
    day = make_day(total=3)
    made = [make_customer(id=f"x{number}", organization=f"Firm {number}") for number in (1, 2, 3)]
    for customer, status in zip(made, ("at_risk", "at_risk", "healthy"), strict=True):
        make_snapshot(customer, status=status, date=day.date)
    CustomerCare.objects.create(customer=made[0], owner=make_staff("Viewer", username="victor"), notes="Kept")
    return made


def owners() -> dict[str, str | None]:
    """Who looks after each customer."""
    return dict(Customer.objects.order_by("pk").values_list("pk", "care__owner__username"))


def hidden(response: Any) -> dict[str, str]:
    """The hidden fields of a page."""
    return {
        str(attrs["name"]): str(attrs.get("value"))
        for tag, attrs in Elements(main_part(response)).found
        if tag == "input" and attrs.get("type") == "hidden"
    }


def listed(response: Any) -> list[str]:
    """The customers of the list, in its order."""
    return re.findall(r'<tr id="customer-(\w+)">', response.text)
