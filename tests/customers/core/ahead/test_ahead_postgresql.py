"""Statements whose rows are fetched ahead: in their order, on connections of which none is left, errors included."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from itertools import groupby

import pytest
from django.db import Error, connection, transaction

from customers.core.ahead import postgresql
from customers.core.ahead.fetching import fetch_ahead
from customers.core.sql import Statement, execute, fetch, is_postgres

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_postgres():
        pytest.skip("of PostgreSQL alone")
    monkeypatch.setattr(postgresql, "_FETCHED", 2)


def numbers(first: int, last: int) -> Statement:
    """A statement with the session that works, and these numbers, in their order."""
    return "SELECT pg_backend_pid(), n FROM generate_series(%(first)s, %(last)s) n", {"first": first, "last": last}


def sessions() -> int:
    """How many sessions others have in this database."""
    others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    [[count]] = fetch(f"SELECT COUNT(*) FROM pg_stat_activity WHERE {others}")
    return int(count)


def working() -> list[int]:
    """The sessions of others that are in a transaction."""
    mine = "datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
    return [pid for (pid,) in fetch(f"SELECT pid FROM pg_stat_activity WHERE {mine} AND backend_type LIKE 'client%%'")]


def wait_until(condition: Callable[[], bool]) -> None:
    """A session ends a moment after its connection."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("lengths", [[], [0], [3], [1, 2], [5, 0, 4], [2, 3, 1, 7, 0, 4]])
def test_rows_come_statement_by_statement(lengths: list[int]) -> None:
    ends = [sum(lengths[: place + 1]) for place in range(len(lengths))]
    statements = [numbers(end - length + 1, end) for length, end in zip(lengths, ends, strict=True)]
    assert [number for _session, number in fetch_ahead(statements)] == [*range(1, sum(lengths) + 1)]


def test_each_statement_has_a_session_of_its_own_and_none_is_left() -> None:
    before = sessions()
    rows = list(fetch_ahead([numbers(1, 3), numbers(4, 5), numbers(6, 7), numbers(8, 8)]))
    order = [session for session, _rows in groupby(session for session, _number in rows)]
    assert len(order) == len(set(order)) == 4
    [[mine]] = fetch("SELECT pg_backend_pid()")
    assert mine not in order
    wait_until(lambda: sessions() == before)


def test_the_next_statement_is_begun_before_the_rows_of_the_one_before_are_taken() -> None:
    before = sessions()
    with closing(fetch_ahead([numbers(1, 5), numbers(6, 9)])) as rows:
        assert next(rows)[1] == 1
        wait_until(lambda: len(working()) == 2)
        deque(rows, maxlen=0)
    wait_until(lambda: sessions() == before)


SETTINGS: Statement = (
    "SELECT CURRENT_SETTING('enable_hashagg'), CURRENT_SETTING('max_parallel_workers_per_gather')",
    {},
)


@pytest.mark.parametrize(
    ("allowed", "statements", "in_order", "planned"),
    [
        (2, 1, False, ("on", "2")),
        (0, 1, False, ("on", "0")),
        (2, 2, False, ("on", "0")),
        (2, 1, True, ("off", "0")),
        (2, 2, True, ("off", "0")),
    ],
)
def test_one_alone_has_our_workers_and_groups_in_order_have_none(
    allowed: int, statements: int, in_order: bool, planned: tuple[str, str]
) -> None:
    with transaction.atomic():
        execute(f"SET LOCAL max_parallel_workers_per_gather = {allowed}")
        assert [*fetch_ahead([SETTINGS] * statements, in_order=in_order)] == [planned] * statements


def test_the_first_rows_are_there_before_the_last_are_read() -> None:
    """The last row would take ten minutes."""
    slow = "SELECT n, CASE WHEN n > 999 THEN pg_sleep(600) END FROM generate_series(1, 1000) n"
    with closing(fetch_ahead([(slow, {})])) as rows:
        assert [next(rows)[0] for _row in range(9)] == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_an_error_of_any_statement_is_raised_and_leaves_nothing_behind() -> None:
    before, rows = sessions(), fetch_ahead([numbers(1, 3), ("SELECT 1 / 0, 0", {}), numbers(4, 5)])
    with pytest.raises(Error, match="division by zero"):
        list(rows)
    wait_until(lambda: sessions() == before)


def test_who_stops_in_the_middle_leaves_nothing_behind() -> None:
    before = sessions()
    with closing(fetch_ahead([numbers(1, 100), numbers(101, 200)])) as rows:
        assert [next(rows)[1] for _row in range(3)] == [1, 2, 3]
    wait_until(lambda: sessions() == before)
    assert connection.connection is not None


def test_who_stops_waits_for_no_statement() -> None:
    """As a night does that is told to end: the other range takes ten minutes."""
    before, began = sessions(), time.monotonic()
    with closing(fetch_ahead([numbers(1, 100), ("SELECT pg_sleep(600), 1", {})])) as rows:
        next(rows)
        wait_until(lambda: len(working()) == 2)
    assert time.monotonic() - began < 300
    wait_until(lambda: sessions() == before)
