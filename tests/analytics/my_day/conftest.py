"""The day and somebody of the tests of My day."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import make_day, make_staff
from tests.support.my_day import D, T


@pytest.fixture
def the_same_day(today_is: Callable[[date], None]) -> None:
    """Today is 2025-05-12; two dates are scored, a week apart."""
    today_is(T)
    make_day(date=D - timedelta(days=7), total=2)
    make_day(date=D, total=2)


@pytest.fixture
def sofia(client: Client) -> User:
    """A success manager, logged in."""
    user = make_staff("Success manager", username="sofia", first_name="Sofia", last_name="Marin")
    client.force_login(user)
    return user
