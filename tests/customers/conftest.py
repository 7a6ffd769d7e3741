"""A day and somebody of many tests."""

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client

from tests.factories import make_staff


@pytest.fixture
def on_10_may(today_is: Callable[[date], None]) -> None:
    """Today is 2025-05-10."""
    today_is(date(2025, 5, 10))


@pytest.fixture
def manager(client: Client) -> Client:
    """A program manager, logged in."""
    client.force_login(make_staff("Program manager", username="mary"))
    return client
