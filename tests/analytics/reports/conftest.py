"""The night, the people and the customers of the tests of reports."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from customers.models import CustomerCare
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.reports import NIGHT


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the night of the run, by days after that Monday."""

    def set_night(days: int) -> None:
        monkeypatch.setattr(timezone, "now", lambda: NIGHT + timedelta(days=days))

    set_night(0)
    return set_night


@pytest.fixture
def zoe() -> User:
    """A success manager."""
    return make_staff("Success manager", username="zoe", first_name="Zoe", email="zoe@example.com")


@pytest.fixture
def mira() -> User:
    """A program manager."""
    return make_staff("Program manager", username="mira", email="mira@example.com")


@pytest.fixture
def two(zoe: User) -> None:
    """Acme, at risk and Zoe's, and Tide, healthy and nobody's."""
    make_day(total=2)
    acme = make_customer(id="c1", organization="Acme Inc.")
    make_snapshot(acme, status="at_risk", score=45)
    CustomerCare.objects.create(customer=acme, owner=zoe)
    make_snapshot(make_customer(id="c2", organization="Tide"), score=75)
