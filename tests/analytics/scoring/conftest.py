"""The clock of the tests of scoring."""

from datetime import UTC, date, datetime

import pytest
from django.utils import timezone


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> date:
    """The clock stands at noon of 2025-05-12, in UTC."""
    monkeypatch.setattr(timezone, "now", lambda: datetime(2025, 5, 12, 12, tzinfo=UTC))
    return date(2025, 5, 12)
