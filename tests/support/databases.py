"""Databases beside the test's own one: files on SQLite, names on the same server on PostgreSQL."""

import fcntl
import hashlib
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from customers.core.sql import is_pooled
from tests.support import ROOT
from tests.support.selection import examples_of_a_push


def name_in(folder: Path) -> str:
    """A name that no database has."""
    return str(folder / "own.sqlite3") if connection.vendor == "sqlite" else f"own_{uuid.uuid4().hex}"


def url_of(name: str) -> str:
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}").geturl()


def create_database(name: str, template: str) -> None:
    """Copy the database ``template``, which nobody may be using."""
    if connection.vendor == "sqlite":
        shutil.copy(template, name)
    else:
        if is_pooled():
            # The pooler keeps connections to it.
            leave_alone(template)
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template}")


def drop_database(name: str) -> None:
    if connection.vendor == "postgresql":
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def leave_alone(name: str) -> None:
    """End what still uses a database of PostgreSQL, as a browser's last request that the live server is answering."""
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


@contextmanager
def kept_migrations(folder: Path) -> Iterator[None]:
    """Begin the test database on SQLite as an earlier one was after its migrations, and keep it for the next one.

    The migrations take a dozen seconds, in each process of a run and in each run. What of them is not in the kept
    database is still migrated, and one of other migrations than today's is not used.
    """
    if connection.vendor != "sqlite":
        yield
        return
    kept = folder / f"{_migrations_hash()}.sqlite3"
    name = connection.creation._get_test_db_name()
    with (folder / "lock").open("w") as lock, closing(sqlite3.connect(name, uri=True)) as database:
        fcntl.flock(lock, fcntl.LOCK_EX)
        was_there = kept.exists()
        if was_there:
            fcntl.flock(lock, fcntl.LOCK_UN)
            with closing(sqlite3.connect(kept)) as source:
                source.backup(database)
        yield
        if not was_there:
            for old in folder.glob("*.sqlite3"):
                old.unlink()
            draft = kept.with_suffix(".draft")
            with closing(sqlite3.connect(draft)) as target:
                database.backup(target)
            draft.rename(kept)


def _migrations_hash() -> str:
    files = [*sorted(ROOT.glob("*/migrations/*.py")), ROOT / "requirements-dev.txt"]
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()[:16]


def examples(number: int) -> int:
    """How many examples a property gets: on PostgreSQL a third, since both databases do the same by the same SQL."""
    return examples_of_a_push(number if connection.vendor == "sqlite" else number // 3)
