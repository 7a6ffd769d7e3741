"""Who looks at the lab."""

import pytest
from django.test import Client

from tests.factories import make_staff


@pytest.fixture
def manager(client: Client) -> Client:
    """A program manager, logged in."""
    client.force_login(make_staff("Program manager"))
    return client
