"""Deliveries as the field saw them, night by night: ``tests/data/nights``, a folder a case."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.support import DATA

NIGHTS = DATA / "nights"


@pytest.fixture(autouse=True)
def on_28_november(today_is: Callable[[date], None]) -> None:
    today_is(date(2026, 11, 28))


@pytest.fixture
def drop(settings: Settings, tmp_path: Path) -> Path:
    """The drop folder, which is made by the first delivery."""
    settings.EXPORT_DIR = tmp_path / "exports"
    settings.CSV_DIR = tmp_path / "in"
    return settings.CSV_DIR


def deliver(drop: Path, night: Path) -> None:
    """Put a night's files over those of the night before."""
    shutil.copytree(night, drop, dirs_exist_ok=True)
