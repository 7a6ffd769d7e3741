"""A customer of the nights, which way each was loaded, and databases of the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.factories import make_customer
from tests.support.nightly_files import watched
from tests.support.own_databases import own, unblocked, url

__all__ = ["own", "unblocked", "url"]


@pytest.fixture
def customer(settings: Settings, tmp_path: Path) -> None:
    """The one customer, and an archive of the test's own."""
    make_customer(id="c1")
    settings.ARCHIVE_DIR = tmp_path / "archive"


@pytest.fixture
def ways() -> Iterator[list[str]]:
    """How much of each file was judged for what is in the data now."""
    with watched() as names:
        yield names
