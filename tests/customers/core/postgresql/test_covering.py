"""The unique key of the snapshots on PostgreSQL: with the columns that filters read, in every month, and without."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from analytics.models import Snapshot
from customers.core.months.partitions import constraints, make_months, partitions
from customers.core.postgresql.covering import cover
from customers.core.sql import execute, is_postgres, table_of
from tests.factories import make_customer, make_snapshot
from tests.support.months import begin_without_months

TABLE, UNIQUE = table_of(Snapshot), "snapshot_once"
DAY = date(2025, 5, 10)
COVERING, BARE = "(date, customer_id) INCLUDE (status, score, id)", "(date, customer_id)"


pytestmark = pytest.mark.skipif(not is_postgres(), reason="SQLite has the bare key")


@pytest.fixture
def two_months(db: None) -> None:
    """A snapshot in each of two months."""
    begin_without_months(TABLE)
    for day in (DAY, DAY + timedelta(days=30)):
        make_months(TABLE, [day])
        make_snapshot(make_customer(id=f"c{day.month}"), date=day)


def keys() -> list[str]:
    """The definitions of the unique keys of the table and of its months."""
    tables = [TABLE, *(month.name for month in partitions(TABLE) or [])]
    return [definition for table in tables for _name, definition in constraints(table, "u")]


def is_held() -> bool:
    """Whether a second snapshot of a customer and a date is refused, in each month."""
    for one in Snapshot.objects.all():
        one.pk = None
        try:
            with transaction.atomic():
                one.save(force_insert=True)
        except IntegrityError:
            continue
        return False
    return True


@pytest.mark.usefixtures("two_months")
def test_all_months_have_the_columns_that_filters_read() -> None:
    assert len(keys()) == 3
    assert {*keys()} == {f"UNIQUE {COVERING}"}
    assert is_held()


@pytest.mark.usefixtures("two_months")
def test_it_goes_back_and_comes_again() -> None:
    before = keys()
    cover(TABLE, UNIQUE, BARE)
    assert keys() == [f"UNIQUE {BARE}"] * len(before)
    assert is_held()
    make_months(TABLE, [DAY + timedelta(days=90)])
    cover(TABLE, UNIQUE, COVERING)
    assert keys() == [f"UNIQUE {COVERING}"] * (len(before) + 1)
    assert is_held()


@pytest.mark.django_db(transaction=True)
def test_while_others_write_and_after_an_interruption() -> None:
    """Outside of a transaction, as the migration does it; an index that was left there is built anew."""
    before = keys()
    month = (partitions(TABLE) or [])[0].name
    execute(f"CREATE INDEX {month}_{UNIQUE} ON {month} (date)")
    for columns in (BARE, BARE, COVERING):
        cover(TABLE, UNIQUE, columns)
        assert keys() == [f"UNIQUE {columns}"] * len(before)
    make_snapshot(make_customer(), date=DAY)
    assert is_held()
