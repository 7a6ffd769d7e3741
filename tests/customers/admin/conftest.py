"""Who may do everything."""

import pytest
from django.test import Client

from tests.factories import make_staff


@pytest.fixture
def superuser(client: Client) -> Client:
    """Somebody who may do everything, logged in."""
    client.force_login(make_staff(is_superuser=True))
    return client
