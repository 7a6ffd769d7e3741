"""Databases beside the test's own one: files on SQLite, names on the same server on PostgreSQL."""

import shutil
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

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


def examples(number: int) -> int:
    """How many examples a property gets: on PostgreSQL a third, since both databases do the same by the same SQL."""
    return examples_of_a_push(number if connection.vendor == "sqlite" else number // 3)
