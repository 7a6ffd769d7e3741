"""Who looks at the pages, and when."""

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client

from tests.factories import make_staff


@pytest.fixture
def viewer(client: Client) -> Client:
    """A viewer, logged in."""
    client.force_login(make_staff("Viewer"))
    return client


@pytest.fixture
def the_day_after(today_is: Callable[[date], None]) -> None:
    """Today is 2025-05-11, the day after the newest data of the demo program."""
    today_is(date(2025, 5, 11))
