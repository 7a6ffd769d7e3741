"""The day and somebody of the tests of alerts' pages."""

from collections.abc import Callable
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import make_staff
from tests.support.alerts import TODAY


@pytest.fixture
def today(today_is: Callable[[date], None]) -> None:
    """Today is 2025-05-11."""
    today_is(TODAY)


@pytest.fixture
def olga(client: Client) -> User:
    """A success manager, logged in."""
    user = make_staff("Success manager", username="olga")
    client.force_login(user)
    return user
