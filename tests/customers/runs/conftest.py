"""What the tests of an undo begin with."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.factories import write_feeds
from tests.support.loading import load
from tests.support.undoing import FIRST, TODAY


@pytest.fixture
def fixed_day(today_is: Callable[[date], None]) -> None:
    """Whenever the tests run, it is the same day."""
    today_is(TODAY)


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """Two customers with their rows in all five feeds, loaded."""
    write_feeds(tmp_path, **FIRST)
    load(tmp_path)
    return tmp_path
