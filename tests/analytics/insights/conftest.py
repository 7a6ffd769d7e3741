"""Who looks at the cohorts."""

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client

from tests.factories import make_staff
from tests.support.scoring import D


@pytest.fixture
def viewer(client: Client, today_is: Callable[[date], None]) -> Client:
    """A viewer, logged in; today is D."""
    today_is(D)
    client.force_login(make_staff("Viewer"))
    return client
