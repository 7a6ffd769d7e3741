"""Folders of each test's own, and an administrator."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from tests.factories import make_staff


@pytest.fixture
def own_folders(settings: Settings, tmp_path: Path) -> None:
    """Uploads and the archive are each test's own."""
    settings.UPLOAD_DIR, settings.ARCHIVE_DIR = tmp_path / "uploads", tmp_path / "archive"


@pytest.fixture
def ada(client: Client) -> User:
    """An administrator, who is logged in."""
    user = make_staff("Administrator", username="ada", email="ada@rsolv.example", is_superuser=False)
    client.force_login(user)
    return user
