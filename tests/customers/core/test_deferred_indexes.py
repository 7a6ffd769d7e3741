"""A first load, or one that doubles a table, leaves its indexes and constraints as they were, whatever happens."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from customers.core.deferred_indexes import deferred_indexes
from customers.core.sql import fetch, is_postgres
from customers.imports import merge as merging
from customers.models import Engagement
from tests.factories import csv_row, make_customer, write_feed
from tests.support.loading import load, states

TABLE = "customers_engagement"


def structure() -> list[tuple[Any, ...]]:
    """Every index and constraint of the table, with its definition."""
    if is_postgres():
        return fetch(
            """
            SELECT conname::text, pg_get_constraintdef(oid), convalidated::text FROM pg_constraint
            WHERE conrelid = %s::regclass
            UNION ALL SELECT indexname::text, indexdef, '' FROM pg_indexes WHERE tablename = %s ORDER BY 1, 2""",
            [TABLE, TABLE],
        )
    return fetch("SELECT name, sql FROM sqlite_master WHERE tbl_name = %s ORDER BY name", [TABLE])


def rows(count: int) -> list[dict[str, str]]:
    return [csv_row("engagement", id=f"e{number}", customer_id="c1") for number in range(count)]


def make_others(count: int) -> None:
    for number in range(count):
        Engagement.objects.create(id=f"other{number}", customer_id="c1", date="2025-05-01", run_id=1, line=2)


def seen_inside(structures: list[list[tuple[Any, ...]]]) -> Callable[[str], AbstractContextManager[None]]:
    """What ``deferred_indexes`` does, and what the table has meanwhile."""

    @contextmanager
    def seen(table: str) -> Iterator[None]:
        with deferred_indexes(table):
            structures.append(structure())
            yield

    return seen


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("there", [0, 3], ids=["an empty table", "as many other rows"])
def test_a_load_of_many_new_rows_rebuilds_everything(
    there: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MANY_ROWS", 3)
    make_customer(id="c1")
    make_others(there)
    before = structure()
    assert len(before) >= 2
    during: list[list[tuple[Any, ...]]] = []
    monkeypatch.setattr(merging, "deferred_indexes", seen_inside(during))
    write_feed(tmp_path, "engagement", rows(3))
    assert states(load(tmp_path, "engagement")["engagement"]) == (3, 0, 0, 0)
    assert len(during) == 1
    assert during != [before]
    assert structure() == before
    with pytest.raises(IntegrityError), transaction.atomic():
        Engagement.objects.filter(pk="e1").update(customer_id="nobody")


@pytest.mark.django_db(transaction=True)
def test_a_reader_who_stays_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_postgres():
        pytest.skip("SQLite's readers are in nobody's way")
    monkeypatch.setattr(merging, "MANY_ROWS", 3)
    monkeypatch.setattr("customers.core.deferred_indexes.LOCK_TIMEOUT", "10ms")
    make_customer(id="c1")
    before = structure()
    write_feed(tmp_path, "engagement", rows(3))
    during: list[list[tuple[Any, ...]]] = []
    monkeypatch.setattr(merging, "deferred_indexes", seen_inside(during))
    reader = connection.copy()
    try:
        with reader.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT COUNT(*) FROM customers_customer")
            assert states(load(tmp_path, "engagement")["engagement"]) == (3, 0, 0, 0)
    finally:
        reader.close()
    assert during == [before]
    assert structure() == before


@pytest.mark.django_db(transaction=True)
def test_a_failure_in_between_leaves_everything() -> None:
    before = structure()
    with pytest.raises(ZeroDivisionError), transaction.atomic(), deferred_indexes(TABLE):
        assert structure() != before
        raise ZeroDivisionError
    assert structure() == before


@pytest.mark.django_db
@pytest.mark.parametrize(("there", "coming"), [(0, 2), (4, 3)], ids=["few rows", "a table with more rows"])
def test_otherwise_nothing_is_taken_off(
    there: int, coming: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MANY_ROWS", 3)
    monkeypatch.setattr(merging, "deferred_indexes", lambda table: 1 / 0)
    make_customer(id="c1")
    make_others(there)
    write_feed(tmp_path, "engagement", rows(coming))
    assert states(load(tmp_path, "engagement")["engagement"]) == (coming, 0, 0, 0)
    assert connection.is_usable()


@pytest.mark.django_db(transaction=True)
def test_sqlite_keeps_the_index_of_few_rows() -> None:
    if is_postgres():
        pytest.skip("PostgreSQL builds all of them again")
    make_customer(id="c1")
    with transaction.atomic(), deferred_indexes(TABLE):
        names = [name for name, _sql in structure()]
        Engagement.objects.create(id="e1", customer_id="c1", date="2025-05-01", run_id=1, line=2, provisional=True)
    assert "engagement_so_far" in names
    assert "engagement_customer_date" not in names
    so_far = f"SELECT id FROM {TABLE} INDEXED BY engagement_so_far WHERE provisional"
    assert fetch(so_far) == [("e1",)]
