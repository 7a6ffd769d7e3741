"""The test's own database by way of a pooler."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connections
from django.test import override_settings

from customers.core.sql import is_postgres
from tests.support.pooler import PROGRAM, Pooler, knows_prepared_statements, pooler
from tests.support.processes import database_url
from tests.support.serving import SECRET_KEY


def skip_without_pooler() -> None:
    """Skip a test where there is no pooler, unless the run requires one."""
    if not is_postgres():
        pytest.skip("SQLite has no pooler")
    if PROGRAM is None and os.environ.get("REQUIRE_POOLER") != "1":
        pytest.skip("pgbouncer is not installed")


@pytest.fixture(params=[0, 200])
def pooled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of the test's database by way of a pooler, with and without prepared statements of its own."""
    skip_without_pooler()
    if request.param and not knows_prepared_statements():
        pytest.skip("this version of pgbouncer knows no prepared statements")
    with pooler(database_url(tmp_path), request.param) as found:
        yield found.url


def surroundings(**more: str) -> dict[str, str]:
    """Not as under DEBUG, where queries are logged and so never prepared."""
    return {"DEBUG": "", "SECRET_KEY": SECRET_KEY, "DATABASE_POOLER": "1", **more}


@contextmanager
def through(found: Pooler) -> Iterator[None]:
    """Let the test's own process ask its database by way of a pooler."""
    ours = connections["default"]
    other = ours.copy()
    parts = urlsplit(found.url)
    other.settings_dict |= {"HOST": parts.hostname, "PORT": parts.port}
    connections["default"] = other
    try:
        with override_settings(DATABASE_POOLER=True):
            yield
    finally:
        other.close()
        connections["default"] = ours
