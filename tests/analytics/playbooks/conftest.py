"""Days that pass, beginning with a Monday."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import override_settings

from analytics.models import PortfolioDay
from tests.support.playbooks import MONDAY, score

Passes = Callable[..., None]


@pytest.fixture
def passes(today_is: Callable[[date], None]) -> Iterator[Passes]:
    """Let a day come, so many after the Monday, and score the day before it with what is known of each customer."""

    def come(days: int, **customers: dict[str, Any]) -> None:
        today = MONDAY + timedelta(days=days)
        today_is(today)
        day = today - timedelta(days=1)
        if customers:
            PortfolioDay.objects.filter(date=day).delete()
            score(day, **customers)

    with override_settings(DEFAULT_FROM_EMAIL="RSOLV <success@rsolv.example>"):
        yield come
