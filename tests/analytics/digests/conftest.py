"""The night and the people of the tests of digests."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.factories import make_staff
from tests.support.digests import NIGHT


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the moment of the run, by days (and hours) after the first night."""

    def set_night(days: int = 0, hours: int = 0) -> None:
        now = NIGHT + timedelta(days=days, hours=hours)
        monkeypatch.setattr(timezone, "now", lambda: now)

    set_night()
    return set_night


@pytest.fixture
def olga() -> User:
    """An owner."""
    return make_staff("Success manager", username="olga", email="olga@example.com", first_name="Olga")


@pytest.fixture
def mira() -> User:
    """A manager."""
    return make_staff("Program manager", username="mira", email="mira@example.com")
