"""Folders of each test's own, with a customer to erase in them."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.factories import make_customer, write_feeds
from tests.support.erasing import KEY, MAIL, NAME, OTHERS, THEIRS


@pytest.fixture
def own_folders(settings: Settings, tmp_path: Path, today_is: Callable[[date], None]) -> None:
    """Each folder is the test's own; today is 2025-05-20."""
    for name in ("ARCHIVE_DIR", "UPLOAD_DIR", "CSV_DIR", "EXPORT_DIR"):
        setattr(settings, name, tmp_path / name)
    settings.CSV_DIR.mkdir()
    today_is(date(2025, 5, 20))


@pytest.fixture
def drop(settings: Settings) -> Path:
    """A drop folder in which the customer's rows stand among those of others."""
    feeds = {name: [*rows[:1], *THEIRS[name], *rows[1:]] for name, rows in OTHERS.items()}
    write_feeds(settings.CSV_DIR, **feeds)
    # Bad rows of theirs and of somebody else: too long by a comma, and with a bad date.
    path = settings.CSV_DIR / "onboarding.csv"
    path.write_text(path.read_text() + f"o9,{KEY},1,1,1,0,0,,,Vanishing, and so on\no8,c2,,,,,,,,a, b\n")
    path = settings.CSV_DIR / "engagement.csv"
    path.write_text(path.read_text() + f"e9,{KEY},soon,1,0,0,0,0\nee99,c1,soon,1,0,0,0,0\n")
    return settings.CSV_DIR


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two customers, one of whom will be erased; the folder of their files."""
    make_customer(id="c1")
    make_customer(id=KEY, organization=NAME, email=MAIL)
    return tmp_path
