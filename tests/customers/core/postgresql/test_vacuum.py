"""After many rows PostgreSQL reads indexes alone at once; where that cannot be had, a scoring goes on without."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from django.db import connection, transaction

from analytics.models import Snapshot
from analytics.scoring import measure
from analytics.scoring.snapshots import score_day
from customers.core.months.partitions import month_table
from customers.core.postgresql import vacuum
from customers.core.postgresql.vacuum import MANY_ROWS, SOME_ROWS, is_visible, make_visible, vacuum_after
from customers.core.sql import execute, fetch, is_postgres, table_of
from tests.factories import make_customer, make_engagement
from tests.support.pooled import skip_without_pooler, through
from tests.support.pooler import pooler
from tests.support.processes import database_url

TABLE = "vacuum_rows"
DAY = date(2025, 5, 10)


@pytest.fixture
def table(transactional_db: None) -> Iterator[str]:
    """A table of a hundred rows that nobody has looked at."""
    if not is_postgres():
        pytest.skip("SQLite has no vacuum of that kind")
    execute(f"CREATE TABLE {TABLE} AS SELECT generate_series(1, 100) AS id")
    yield TABLE
    execute(f"DROP TABLE {TABLE}")


def is_read_alone(table: str) -> bool:
    """Whether PostgreSQL knows of all pages of a table that everybody may see their rows."""
    [[pages, visible]] = fetch("SELECT relpages, relallvisible FROM pg_class WHERE oid = %s::regclass", [table])
    return pages > 0 and pages == visible


def test_what_an_indexs_expression_gives_is_sampled_too(table: str) -> None:
    """Without, the planner takes each value for as rare as another. Here 11 of 100 rows differ."""
    execute(f"CREATE INDEX {TABLE}_tens ON {table} ((id / 10))")
    vacuum_after(MANY_ROWS - 1, table)
    assert fetch("SELECT 1 FROM pg_stats WHERE tablename = %s", [f"{TABLE}_tens"]) == []
    vacuum_after(MANY_ROWS, table)
    assert fetch("SELECT n_distinct FROM pg_stats WHERE tablename = %s", [f"{TABLE}_tens"]) == [(-0.11,)]


def test_a_table_is_vacuumed_after_some_rows_alone(table: str) -> None:
    vacuum_after(SOME_ROWS - 1, table)
    assert not is_read_alone(table)
    vacuum_after(SOME_ROWS, table)
    assert is_read_alone(table)


def test_inside_of_a_transaction_nothing_is_vacuumed(table: str) -> None:
    with transaction.atomic():
        vacuum_after(SOME_ROWS, table)
        assert fetch("SELECT 1") == [(1,)]
    assert not is_read_alone(table)


def test_it_works_by_way_of_a_pooler(table: str, tmp_path: Path) -> None:
    skip_without_pooler()
    with pooler(database_url(tmp_path)) as found, through(found):
        vacuum_after(SOME_ROWS, table)
    assert is_read_alone(table)


def test_a_table_that_somebody_holds_is_left_out(table: str) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(f"BEGIN; LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE")
            execute("SET statement_timeout = '5s'")
            vacuum_after(SOME_ROWS, table)
    finally:
        other.close()
        execute("RESET statement_timeout")
    assert not is_read_alone(table)


def test_another_owners_table_is_left_out(table: str) -> None:
    execute("CREATE ROLE vacuum_nobody")
    try:
        execute("SET ROLE vacuum_nobody")
        vacuum_after(SOME_ROWS, table)
    finally:
        execute("RESET ROLE; DROP ROLE vacuum_nobody")
    assert not is_read_alone(table)


def test_what_cannot_be_vacuumed_is_said_and_nothing_fails(table: str, caplog: pytest.LogCaptureFixture) -> None:
    vacuum_after(SOME_ROWS, "vacuum_no_such_table")
    assert "vacuum_no_such_table could not be vacuumed" in caplog.text


def grow(table: str, pages: int) -> None:
    """Add rows of three quarters of a page each: one is in a page."""
    execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS long text STORAGE PLAIN")
    execute(f"INSERT INTO {table} SELECT n, repeat('x', 6000) FROM generate_series(1, %s) n", [pages])


def test_a_large_table_is_vacuumed_when_more_than_a_tenth_of_it_is_new(
    table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand pages are large: the hundred rows that are there have one."""
    grow(table, 998)
    make_visible(table)
    assert not is_visible(table)
    assert not is_read_alone(table)
    grow(table, 1)
    make_visible(table)
    assert is_visible(table)
    # Of 1,111 pages 1,000 are nine tenths; of 1,112 they are not.
    grow(table, 111)
    assert is_visible(table)
    grow(table, 1)
    assert not is_visible(table)
    monkeypatch.setattr(vacuum, "_AGAIN", "0 minutes")
    with transaction.atomic():
        make_visible(table)
    assert not is_visible(table)
    make_visible(table)
    assert is_read_alone(table)


def test_rows_that_were_changed_hide_their_pages(table: str) -> None:
    """Of 2,001 pages 69 rows have hidden 138 by our reckoning, and they have new ones: 1,863 of 2,070 are seen."""
    grow(table, 2_000)
    make_visible(table)
    execute(f"UPDATE {table} SET id = id + 1 WHERE id > 1931; SELECT pg_stat_force_next_flush()")
    assert is_visible(table)
    execute(f"UPDATE {table} SET id = id + 1 WHERE id = 1500; SELECT pg_stat_force_next_flush()")
    assert not is_visible(table)


def test_what_stays_hidden_is_not_vacuumed_again_and_again(table: str) -> None:
    """Somebody's old transaction still sees what was deleted."""
    grow(table, 1_000)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
            execute(f"DELETE FROM {table}; SELECT pg_stat_force_next_flush()")
            make_visible(table)
            assert not is_visible(table)
            make_visible(table)
    finally:
        other.close()
    assert fetch("SELECT vacuum_count FROM pg_stat_all_tables WHERE relid = %s::regclass", [table]) == [(1,)]


@pytest.mark.usefixtures("on_10_may")
@pytest.mark.django_db(transaction=True)
def test_a_scoring_of_many_leaves_its_month_and_the_customers_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vacuum, "SOME_ROWS", 2)
    for number in range(2):
        make_engagement(make_customer(signup_date=date(2025, 5, 1 + number)), DAY)
    score_day(DAY)
    assert Snapshot.objects.filter(date=DAY).count() == 2
    if is_postgres():
        assert is_read_alone(month_table(table_of(Snapshot), DAY))
        assert is_read_alone("customers_customer")
        assert not is_read_alone("customers_engagement")


@pytest.mark.usefixtures("on_10_may")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("many", [False, True])
def test_before_a_scoring_of_many_engagement_is_vacuumed(monkeypatch: pytest.MonkeyPatch, many: bool) -> None:
    monkeypatch.setattr(vacuum, "_LARGE", 1)
    monkeypatch.setattr(measure, "FETCHED_AHEAD", 1 if many else 2)
    make_engagement(make_customer(signup_date=DAY), DAY)
    score_day(DAY)
    assert Snapshot.objects.filter(date=DAY).count() == 1
    if is_postgres():
        assert is_read_alone("customers_engagement") == many
