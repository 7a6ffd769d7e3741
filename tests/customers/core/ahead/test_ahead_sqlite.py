"""Statements that SQLite works at ahead: in their order, beside a transaction that writes, and nothing is left."""

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import Error, connection, transaction

from customers.core.ahead import sqlite
from customers.core.ahead.fetching import can_fetch_ahead, fetch_ahead
from customers.core.sql import Statement, is_postgres, table_of
from customers.models import Customer
from tests.factories import make_customer
from tests.support.own_databases import own, unblocked, url

__all__ = ["own", "unblocked", "url"]


@pytest.fixture(autouse=True)
def on_sqlite() -> None:
    if is_postgres():
        pytest.skip("of SQLite alone")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first number of each statement, as it is asked."""
    found: list[int] = []
    ask = sqlite._Asked

    def noted(pool: Any, statement: Statement) -> sqlite._Asked:
        found.append(statement[1]["first"])
        return ask(pool, statement)

    monkeypatch.setattr(sqlite, "_Asked", noted)
    return found


def numbers(first: int, last: int) -> Statement:
    """A statement with these numbers, in their order."""
    count = "SELECT %(first)s AS n UNION ALL SELECT n + 1 FROM counted WHERE n < %(last)s"
    sql = f"WITH RECURSIVE counted AS ({count}) SELECT n FROM counted WHERE n <= %(last)s ORDER BY 1"
    return sql, {"first": first, "last": last}


def left() -> tuple[int, int]:
    """How many threads of ours there are, and connections: each has the log open, but not the file."""
    log = f"{connection.settings_dict['NAME']}-wal"
    files = [path for path in Path("/proc/self/fd").iterdir() if str(path.resolve()) == log]
    return len([one for one in threading.enumerate() if one.name.startswith("ahead")]), len(files)


@pytest.fixture
def before(url: str) -> tuple[int, int]:
    """What there is while nothing is read ahead."""
    connection.ensure_connection()
    Customer.objects.count()
    assert left() == (0, 1)
    return left()


@pytest.mark.parametrize("lengths", [[], [0], [3], [1, 2], [5, 0, 4], [2, 3, 1, 7, 0, 4]])
def test_rows_come_statement_by_statement(before: tuple[int, int], lengths: list[int]) -> None:
    ends = [sum(lengths[: place + 1]) for place in range(len(lengths))]
    statements = [numbers(end - length + 1, end) for length, end in zip(lengths, ends, strict=True)]
    assert [number for (number,) in fetch_ahead(statements)] == [*range(1, sum(lengths) + 1)]
    assert left() == before


def test_two_are_asked_while_the_rows_of_one_are_used(url: str, asked: list[int]) -> None:
    with closing(fetch_ahead([numbers(first, first) for first in range(5)])) as rows:
        for row in range(5):
            assert next(rows) == (row,)
            assert asked == [0, 1, 2, 3, 4][: row + 3]


def test_it_reads_beside_a_transaction_that_writes_and_sees_nothing_of_it(url: str) -> None:
    counted: Statement = (f"SELECT COUNT(*) FROM {table_of(Customer)}", {})
    make_customer()
    with transaction.atomic():
        make_customer()
        assert list(fetch_ahead([counted, counted, counted])) == [(1,)] * 3
    assert list(fetch_ahead([counted])) == [(2,)]


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_an_error_of_any_statement_is_raised_and_leaves_nothing_behind(before: tuple[int, int], place: int) -> None:
    statements = [numbers(one, one) for one in range(4)]
    statements[place] = ("SELECT n FROM nowhere", {})
    with pytest.raises(Error, match="no such table: nowhere"):
        list(fetch_ahead(statements))
    assert left() == before


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_who_stops_in_the_middle_leaves_nothing_behind(before: tuple[int, int], taken: int) -> None:
    with closing(fetch_ahead([numbers(1, 2), numbers(3, 9), numbers(10, 11)])) as rows:
        assert [next(rows)[0] for _row in range(taken)] == [*range(1, taken + 1)]
    assert left() == before


def test_a_database_in_a_file_is_read_ahead(url: str) -> None:
    assert can_fetch_ahead()


def test_one_without_a_log_to_write_ahead_is_not(own: Callable[[str], str], django_db_setup: str) -> None:
    """There a reader would keep the writer waiting."""
    own(django_db_setup)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = DELETE")
    assert not can_fetch_ahead()


@pytest.mark.django_db
def test_one_in_memory_is_not() -> None:
    assert connection.is_in_memory_db()
    assert not can_fetch_ahead()
