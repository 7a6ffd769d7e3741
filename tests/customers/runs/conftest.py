"""What the tests of runs and their undo begin with."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.factories import make_staff, write_feeds
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


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """The drop folder; the archive is the test's own."""
    settings.ARCHIVE_DIR = tmp_path / "archive"
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def manager(client: Client) -> Client:
    """A success manager, logged in."""
    client.force_login(make_staff("Success manager"))
    return client
