"""On PostgreSQL the snapshots' unique key has the columns that filters read, engagement's index has its counters."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from analytics.models import Snapshot
from customers.core.months.partitions import constraints, make_months, partitions
from customers.core.postgresql.covering import cover, cover_index
from customers.core.sql import execute, fetch, is_postgres, table_of
from customers.models import Engagement
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


ENGAGEMENT, INDEX = table_of(Engagement), "engagement_customer_date"
COUNTERS = f"(customer_id, date) INCLUDE ({', '.join(Engagement.COUNTERS)})"


def definitions() -> list[str]:
    """What the indexes by customer and date are of, valid or not; that of what is provisional is left out."""
    whole = "indrelid = %s::regclass AND indpred IS NULL"
    rows = fetch(f"SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE {whole}", [ENGAGEMENT])
    return [definition.split(" btree ")[1] for (definition,) in rows if "(customer_id, date)" in definition]


@pytest.mark.django_db
def test_a_new_database_has_the_counters_in_the_index() -> None:
    assert definitions() == [COUNTERS]


@pytest.mark.django_db(transaction=True)
def test_it_goes_back_and_comes_again_also_after_an_interruption() -> None:
    execute(f"CREATE INDEX {INDEX}_other ON {ENGAGEMENT} (date)")
    for columns in ("(customer_id, date)", "(customer_id, date)", COUNTERS, COUNTERS):
        cover_index(ENGAGEMENT, INDEX, columns)
        assert definitions() == [columns]
    assert fetch("SELECT to_regclass(%s)::text, to_regclass(%s) IS NULL", [INDEX, f"{INDEX}_other"]) == [(INDEX, True)]


@pytest.mark.django_db(transaction=True)
def test_inside_of_a_transaction_it_is_all_or_nothing() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        cover_index(ENGAGEMENT, INDEX, "(customer_id, date)")
        assert definitions() == ["(customer_id, date)"]
        raise ZeroDivisionError
    assert definitions() == [COUNTERS]
