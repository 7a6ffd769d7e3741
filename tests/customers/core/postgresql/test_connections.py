"""Connections to PostgreSQL: whom an outage makes wait, and where a cursor leaves its rows."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, connection, transaction

from customers.core.postgresql import base
from customers.core.postgresql.base import WAIT_SECONDS, Outage
from customers.core.sql import fetch, is_postgres
from tests.support.pooled import skip_without_pooler, through
from tests.support.pooler import pooler
from tests.support.processes import database_url

NAMED = "SELECT COUNT(*) FROM pg_cursors WHERE name LIKE '_django_curs_%%'"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the seconds of the clock by which an outage is measured."""

    def set_clock(seconds: float) -> None:
        monkeypatch.setattr(base.time, "monotonic", lambda: seconds)

    set_clock(1_000)
    return set_clock


def test_a_server_that_was_never_there_is_not_waited_for() -> None:
    assert not Outage().is_worth_waiting(time.monotonic())


def test_an_outage_makes_all_together_wait_for_ten_seconds(clock: Callable[[float], None]) -> None:
    outage = Outage()
    outage.is_over()
    assert outage.is_worth_waiting(1_000)
    clock(1_000 + WAIT_SECONDS - 0.1)
    assert outage.is_worth_waiting(1_009)
    clock(1_000 + WAIT_SECONDS)
    assert not outage.is_worth_waiting(1_009.9)
    # Whoever comes while it lasts is told at once, for however long.
    for later in range(1_020, 1_500, 50):
        clock(later)
        assert not outage.is_worth_waiting(later)
    outage.is_over()
    assert outage.is_worth_waiting(1_500)


def test_an_attempt_that_took_the_time_itself_is_the_only_one(clock: Callable[[float], None]) -> None:
    outage = Outage()
    outage.is_over()
    assert not outage.is_worth_waiting(1_000 - WAIT_SECONDS)


def test_an_outage_that_nobody_met_for_a_minute_is_another_one(clock: Callable[[float], None]) -> None:
    outage = Outage()
    outage.is_over()
    assert outage.is_worth_waiting(1_000)
    clock(1_061)
    assert outage.is_worth_waiting(1_061)


@pytest.fixture
def pooled_session(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """The test's own connection goes by way of a pooler."""
    skip_without_pooler()
    with pooler(database_url(tmp_path)) as found, through(found):
        yield


def test_behind_a_pooler_a_transaction_alone_leaves_rows_with_the_server(pooled_session: None) -> None:
    rows = ContentType.objects.order_by("pk").values_list("pk", flat=True)
    first, *rest = rows
    outside = rows.iterator(chunk_size=1)
    assert (next(outside), fetch(NAMED)) == (first, [(0,)])
    with transaction.atomic():
        inside = rows.iterator(chunk_size=1)
        assert (next(inside), fetch(NAMED)) == (first, [(1,)])
        assert list(inside) == rest
    assert list(outside) == rest


def test_behind_a_pooler_parameters_are_set_in_each_transaction_and_left_in_no_session(pooled_session: None) -> None:
    ours: Any = connection
    ours.set_parameters(lock_timeout=1, statement_timeout=56_789)
    ours.set_parameters(lock_timeout=1_234)
    for _transaction in range(2):
        with transaction.atomic():
            assert fetch("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')") == [
                ("1234ms", "56789ms")
            ]
    assert {fetch("SHOW lock_timeout")[0] for _session in range(8)} == {("0",)}


@pytest.mark.django_db(transaction=True)
def test_without_a_pooler_parameters_are_those_of_the_session() -> None:
    if not is_postgres():
        pytest.skip("SQLite has no such parameters")
    other = connection.copy()
    other.set_parameters(lock_timeout=1_234)
    with other.cursor() as cursor:
        assert cursor.execute("SHOW lock_timeout").fetchone() == ("1234ms",)
    other.close()


def test_behind_a_pooler_no_session_compiles_queries_as_its_configuration_says(pooled_session: None) -> None:
    assert {fetch("SHOW jit")[0] for _session in range(8)} == {("off",)}


@pytest.mark.django_db
def test_without_a_pooler_no_query_is_compiled() -> None:
    if not is_postgres():
        pytest.skip("SQLite compiles none")
    other = connection.copy()
    with other.cursor() as cursor:
        assert cursor.execute("SHOW jit").fetchone() == ("off",)
    other.close()


@pytest.mark.django_db
def test_without_a_pooler_rows_are_left_with_the_server_in_both() -> None:
    if not is_postgres():
        pytest.skip("SQLite has no server")
    rows = ContentType.objects.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=1)
    assert (bool(next(rows)), fetch(NAMED)) == (True, [(1,)])


@pytest.mark.django_db
def test_another_database_than_the_primary_is_not_waited_for() -> None:
    if not is_postgres():
        pytest.skip("SQLite has no server")
    base._outage.is_over()
    other = connection.copy(alias="other")
    other.settings_dict |= {"HOST": "127.0.0.1", "PORT": 1}
    began = time.monotonic()
    with pytest.raises(OperationalError):
        other.ensure_connection()
    assert time.monotonic() - began < 2
