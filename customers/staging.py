"""Bulk SQL in the dialects of PostgreSQL and SQLite: temporary tables, fast copying, dates."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from django.db import connection
from django.db.models import Model

STAGE = "stage"
"""The temporary table of a file's good rows: ``line`` and the feed's columns."""
PROBLEM = "problem"
"""The temporary table of reasons against rows: ``line``, ``kind``, ``message``."""


def is_postgres() -> bool:
    """Whether the default database is PostgreSQL (else it is SQLite)."""
    return connection.vendor == "postgresql"


def execute(sql: str, parameters: Sequence[Any] = ()) -> int:
    """Run one statement; return the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.rowcount


def fetch(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall()


def create_temporary(name: str, select: str) -> None:
    """Make a temporary table from a query; it is gone after the transaction, at the latest."""
    drop_temporary(name)
    on_commit = "ON COMMIT DROP " if is_postgres() else ""
    execute(f"CREATE TEMPORARY TABLE {name} {on_commit}AS {select}")


def drop_temporary(name: str) -> None:
    """Drop a temporary table if it is there."""
    execute(f"DROP TABLE IF EXISTS {'pg_temp' if is_postgres() else 'temp'}.{name}")


def analyze(name: str) -> None:
    """Tell PostgreSQL's planner how large a table has become."""
    if is_postgres():
        execute(f"ANALYZE {name}")


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows to a table by the database's fastest way: ``COPY``, or ``executemany``."""
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        if is_postgres():
            rows = iter(rows)
            first = next(rows, None)
            if first is None:
                return
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in chain([first], rows):
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


def table_of(model: type[Model]) -> str:
    """A model's table."""
    return model._meta.db_table


def days_between(earlier: str, later: str) -> str:
    """SQL for the whole days from one date expression to another."""
    if is_postgres():
        return f"({later} - {earlier})"
    return f"CAST(julianday({later}) - julianday({earlier}) AS INTEGER)"
