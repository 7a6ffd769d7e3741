"""What tests of the login and of the second factor begin with."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from tests.factories import make_staff
from tests.support.second_factor import PASSWORD, log_in, passed


@pytest.fixture
def not_required(settings: Settings) -> None:
    """Nobody must have a second factor."""
    settings.REQUIRE_SECOND_FACTOR = ""


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Lets seconds pass, for codes alone; nothing waits any more."""
    clock = SimpleNamespace(time=lambda: time.time() + passed[0])
    monkeypatch.setattr("django_otp.plugins.otp_totp.models.time", clock)

    def pass_by(seconds: int) -> None:
        passed[0] += seconds
        for model in (TOTPDevice, StaticDevice):
            model.objects.update(throttling_failure_timestamp=None)

    yield pass_by
    passed[0] = 0


@pytest.fixture
def vera(client: Client) -> User:
    """A viewer, logged in."""
    user = make_staff("Viewer", username="vera", password=PASSWORD)
    log_in(client, user)
    return user


@pytest.fixture
def five_attempts(settings: Settings) -> None:
    """The fifth wrong password locks for a quarter of an hour, and no proxy is trusted."""
    settings.AXES_FAILURE_LIMIT = 5
    settings.AXES_COOLOFF_TIME = timedelta(minutes=15)
    settings.TRUSTED_PROXIES = 0
    cache.clear()
