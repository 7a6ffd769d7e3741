"""A table of months: each month has what the table says, is made beside its readers, and gives back its room."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from analytics.models import Snapshot
from analytics.scoring.snapshots import score_day
from customers.core.dry_run import temporarily
from customers.core.months import partitions as months
from customers.core.months.partitions import Partition, give_back_room, make_months, partitions
from customers.core.sql import execute, fetch, is_postgres, read_snapshot
from tests.factories import make_customer, make_engagement, make_snapshot
from tests.support.months import begin_without_months, structure, take_all_months_as_one

TABLE = "analytics_snapshot"
MAY, JUNE, JULY = date(2025, 5, 1), date(2025, 6, 1), date(2025, 7, 1)

pytestmark = pytest.mark.django_db


def named(first: date) -> str:
    return f"{TABLE}_{first:%Y_%m}"


@pytest.fixture
def no_month(db: None) -> None:
    begin_without_months(TABLE)


def rows_of(name: str) -> list[date]:
    return [day for (day,) in fetch(f"SELECT date FROM {name} ORDER BY date")]


def test_sqlite_keeps_the_table_whole() -> None:
    if is_postgres():
        pytest.skip("PostgreSQL has months")
    make_months(TABLE, [MAY])
    assert partitions(TABLE) is None
    assert give_back_room(TABLE) == 0


@pytest.mark.usefixtures("no_month")
def test_a_scored_date_makes_its_month() -> None:
    customer = make_customer(signup_date=MAY)
    make_engagement(customer, date(2025, 6, 2))
    for day in (date(2025, 5, 31), date(2025, 6, 1), date(2025, 6, 2)):
        score_day(day)
    assert [one.date for one in Snapshot.objects.order_by("date")] == [date(2025, 5, 31), JUNE, date(2025, 6, 2)]
    if is_postgres():
        assert partitions(TABLE) == [Partition(MAY, JUNE, named(MAY)), Partition(JUNE, JULY, named(JUNE))]
        assert rows_of(named(MAY)) == [date(2025, 5, 31)]
        assert rows_of(named(JUNE)) == [JUNE, date(2025, 6, 2)]


@pytest.mark.skipif(not is_postgres(), reason="SQLite has no months")
@pytest.mark.usefixtures("no_month")
class TestMonths:
    """On PostgreSQL."""

    def test_of_december_ends_with_the_year(self) -> None:
        make_months(TABLE, [date(2025, 12, 31), date(2026, 1, 1), date(2024, 2, 29), date(2025, 12, 1)])
        assert [(one.first, one.end) for one in partitions(TABLE) or []] == [
            (date(2024, 2, 1), date(2024, 3, 1)),
            (date(2025, 12, 1), date(2026, 1, 1)),
            (date(2026, 1, 1), date(2026, 2, 1)),
        ]

    def test_has_the_keys_indexes_and_checks_of_the_table(self) -> None:
        make_months(TABLE, [MAY])
        made = structure(named(MAY))
        assert ("p", "PRIMARY KEY (id)") in made
        assert ("u", "UNIQUE (date, customer_id) INCLUDE (status, score, id)") in made
        assert set(structure(TABLE)) <= set(made)
        customer = make_customer()
        make_snapshot(customer, date=MAY)
        with pytest.raises(IntegrityError), transaction.atomic():
            make_snapshot(customer, date=MAY)

    def test_of_which_most_rows_are_gone_takes_no_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(months, "FEW_PAGES", 0)
        make_months(TABLE, [MAY, JUNE, JULY])
        customers = [make_customer() for _number in range(60)]
        for day in (*(MAY + timedelta(days=number) for number in range(10)), JUNE, JULY):
            for customer in customers:
                make_snapshot(customer, date=day)
        Snapshot.objects.filter(date__gt=MAY, date__lt=JUNE).delete()
        Snapshot.objects.filter(date=JUNE).delete()
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute(f"ANALYZE {TABLE}")
        before, whole = list(Snapshot.objects.order_by("pk").values()), structure(named(MAY))
        [[size]] = fetch("SELECT pg_relation_size(%s)", [named(MAY)])
        assert give_back_room(TABLE) == 2
        assert list(Snapshot.objects.order_by("pk").values()) == before
        assert [one.first for one in partitions(TABLE) or []] == [MAY, JULY]
        assert structure(named(MAY)) == whole
        [[now]] = fetch("SELECT pg_relation_size(%s)", [named(MAY)])
        assert now < size / 2
        execute(f"ANALYZE {TABLE}")
        assert give_back_room(TABLE) == 0
        make_snapshot(make_customer(), date=MAY)

    def test_older_rows_stay_together(self) -> None:
        execute(f"CREATE TABLE {TABLE}_earlier (LIKE {TABLE} INCLUDING CONSTRAINTS, PRIMARY KEY (id))")
        months.attach(TABLE, Partition(date.min, JUNE, f"{TABLE}_earlier"))
        make_months(TABLE, [date(1999, 12, 31), MAY, JUNE])
        assert [one.first for one in partitions(TABLE) or []] == [date.min, JUNE]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not is_postgres(), reason="SQLite has no months")
def test_readers_and_a_month_that_is_made_are_not_in_each_others_way() -> None:
    make_customer(id="c1")
    make_snapshot(date=MAY)
    reader = connection.copy()
    later = date(2101, 3, 1)
    try:
        with reader.cursor() as cursor:
            cursor.execute(f"BEGIN; SELECT COUNT(*) FROM {TABLE}")
            with transaction.atomic():
                execute("SET LOCAL lock_timeout = '1s'")
                make_months(TABLE, [later])
                cursor.execute(f"SET LOCAL lock_timeout = '1s'; SELECT COUNT(*) FROM {TABLE}")
                cursor.execute("SELECT COUNT(*) FROM customers_customer")
                transaction.set_rollback(True)
    finally:
        reader.close()


@pytest.fixture
def roomy(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """May has lost most of its rows, 10 are left; June, the newest month, has as many."""
    if not is_postgres():
        pytest.skip("SQLite has no months")
    monkeypatch.setattr(months, "FEW_PAGES", 0)
    begin_without_months(TABLE)
    make_months(TABLE, [MAY, JUNE])
    customers = [make_customer() for _number in range(10)]
    for day in (*(MAY + timedelta(days=number) for number in range(30)), JUNE):
        for customer in customers:
            make_snapshot(customer, date=day)
    Snapshot.objects.filter(date__gt=MAY, date__lt=JUNE).delete()
    execute(f"ANALYZE {TABLE}")
    yield
    for one in partitions(TABLE) or []:
        execute(f"DROP TABLE {one.name}")
    take_all_months_as_one()


@contextmanager
def given_back() -> Iterator[Future[int]]:
    """Give back room by another connection meanwhile; afterwards it has ended."""

    def give() -> int:
        try:
            return give_back_room(TABLE)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(give)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize("of_one_moment", [read_snapshot, temporarily])
def test_who_reads_what_was_at_one_moment_misses_no_row_of_a_month_made_anew(
    of_one_moment: Callable[[], AbstractContextManager[None]],
) -> None:
    with of_one_moment():
        fetch("SELECT 1 FROM django_migrations")
        with given_back() as done:
            assert done.result() == 0
        assert Snapshot.objects.count() == 20
    assert give_back_room(TABLE) == 1
    assert Snapshot.objects.count() == 20


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize("timeout", [months.LOCK_TIMEOUT, "5s"], ids=["given up in time", "a deadlock"])
def test_a_month_is_left_alone_while_who_has_read_customers_waits_for_it(
    timeout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(months, "LOCK_TIMEOUT", timeout)
    with transaction.atomic():
        fetch("SELECT 1 FROM customers_customer")
        with given_back() as done:
            time.sleep(0.5)
            assert Snapshot.objects.count() == 20
        assert done.result() == 0
    assert give_back_room(TABLE) == 1
