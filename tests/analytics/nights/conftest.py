"""What a night begins with."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.factories import csv_row, write_feeds


@pytest.fixture
def drop(settings: Settings, tmp_path: Path) -> Path:
    """The drop folder, with one customer in the three required feeds; data through 2 May 2025."""
    settings.EXPORT_DIR = tmp_path / "exports"
    settings.CSV_DIR = tmp_path / "csv"
    settings.CSV_DIR.mkdir()
    return write_feeds(
        settings.CSV_DIR,
        customers=[csv_row("customers")],
        onboarding=[csv_row("onboarding")],
        engagement=[csv_row("engagement")],
    )
