"""What many tests of imports begin with."""

from collections.abc import Callable
from datetime import date

import pytest


@pytest.fixture
def on_10_may(today_is: Callable[[date], None]) -> None:
    """Today is 2025-05-10."""
    today_is(date(2025, 5, 10))
