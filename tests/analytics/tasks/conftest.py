"""The day, somebody and the customers of the tests of tasks."""

from collections.abc import Callable
from datetime import date

import pytest
from django.contrib.auth.models import User

from customers.models import Customer
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.owners import three
from tests.support.scoring import D
from tests.support.tasks import TODAY

__all__ = ["three"]


@pytest.fixture
def the_day(request: pytest.FixtureRequest, today_is: Callable[[date], None]) -> None:
    """Today is 2025-05-12, but for tests with threads of their own."""
    if "transaction" not in request.keywords:
        today_is(TODAY)


@pytest.fixture
def sofia(db: None) -> User:
    """A success manager."""
    return make_staff("Success manager", username="sofia", first_name="Sofia", last_name="Marchetti")


@pytest.fixture
def acme(db: None) -> Customer:
    """A champion whom nobody looks after."""
    make_day()
    customer = make_customer(id="acme", organization="Acme Inc.")
    make_snapshot(customer, status="champion", score=91, last_active=D)
    return customer
