"""A database of the test's own, which other processes use too, and commands that send themselves a signal."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.db import connections
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings

from customers.core.sql import fetch, is_postgres
from tests.support.databases import create_database, drop_database, name_in, url_of
from tests.support.processes import environment

SECONDS = 120
COMMIT = "django.db.backends.base.base:BaseDatabaseWrapper._commit"
OF_THIS_DATABASE = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"


@contextmanager
def database(name: str) -> Iterator[None]:
    """Make this the default database of the test's own process: a file on SQLite, a name on PostgreSQL."""
    ours = connections["default"]
    other = ours.copy()
    other.settings_dict = {**ours.settings_dict, "NAME": name}
    connections["default"] = other
    try:
        yield
    finally:
        other.close()
        connections["default"] = ours


@pytest.fixture(scope="module")
def unblocked(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Lets the tests of a module reach their databases."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def own(
    unblocked: None, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], str]]:
    """Copies a database, makes the copy the test's default one, and returns its URL; the archive is apart too."""
    monkeypatch.undo()  # The lock files lie beside the database again.
    (tmp_path / "own").mkdir()
    settings.ARCHIVE_DIR = tmp_path / "own" / "archive"
    with ExitStack() as stack:

        def copy(template: str) -> str:
            name = name_in(tmp_path / "own")
            create_database(name, template)
            stack.callback(drop_database, name)
            stack.enter_context(database(name))
            return url_of(name)

        yield copy


@pytest.fixture
def url(django_db_setup: str, own: Callable[[str], str]) -> str:
    """The URL of a database without rows, which is the test's default one too."""
    return own(django_db_setup)


def wait_until_alone() -> None:
    """PostgreSQL's server may take a moment to notice that a client is dead; then it has given up its locks."""
    if not is_postgres():
        return
    others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    until = time.monotonic() + SECONDS
    while fetch(others):
        assert time.monotonic() < until, "the dead process' session is still there"
        time.sleep(0.01)
    # Tests of other processes use other databases of the same server.
    assert fetch(f"SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND {OF_THIS_DATABASE}") == []


def signalled(url: str, *arguments: Any, **variables: str) -> subprocess.Popen[str]:
    """Start ``manage.py`` so that it sends itself a signal: see ``tests.support.signalled``."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.signalled", *map(str, arguments)],
        cwd=project.BASE_DIR,
        env=environment(url, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
