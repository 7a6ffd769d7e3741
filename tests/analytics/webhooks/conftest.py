"""What tests of deliveries share: receivers on this machine, and a clock that can be moved."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests.support.webhook_receiver import Receiver, receiving


@pytest.fixture
def here(settings: Settings) -> None:
    """Let webhooks go to this machine."""
    settings.WEBHOOK_INSECURE = settings.WEBHOOK_PRIVATE = True


@pytest.fixture
def receiver(here: None) -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with receiving() as found:
        yield found


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Move the clock on."""
    real, moved = timezone.now, [timedelta()]
    monkeypatch.setattr(timezone, "now", lambda: real() + moved[0])

    def move(by: timedelta) -> None:
        moved[0] += by

    return move
