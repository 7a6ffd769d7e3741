"""The sender, and who writes."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from tests.support.contacting import make_sofia


@pytest.fixture
def from_rsolv(today_is: Callable[[date], None]) -> Iterator[None]:
    """Today is 2025-05-11, and mails have a sender."""
    today_is(date(2025, 5, 11))
    with override_settings(DEFAULT_FROM_EMAIL="RSOLV <success@rsolv.example>"):
        yield


@pytest.fixture
def sofia(client: Client) -> User:
    """Somebody who can be answered, logged in."""
    user = make_sofia()
    client.force_login(user)
    return user
