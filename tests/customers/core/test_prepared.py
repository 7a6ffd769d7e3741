"""Queries that are written once by the ORM, and prepared once by PostgreSQL."""

from datetime import date, datetime

import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.models import Count, Exists, Max

from customers.core.prepared import Written, fetch_prepared
from customers.core.sql import fetch, is_postgres
from customers.models import Customer, Event
from tests.factories import make_customer, make_run

pytestmark = pytest.mark.django_db


def test_a_written_query_gives_what_the_orm_gives() -> None:
    run = make_run()
    make_customer(organization="100% %s {x}", run_id=run.pk)
    ours = Customer.objects.filter(organization__in=["100% %s {x}", "Later"]).order_by("pk")
    rows = ours.values(
        "organization",
        "signup_date",
        begun=Max("run__started_at"),
        events=Count("event"),
        any=Exists(Event.objects.filter(customer="%s")),
    )
    written = Written(rows)
    assert written.ask() == list(rows.all())
    make_customer(organization="Later", run_id=run.pk)
    found = written.ask()
    assert found == list(rows.all())
    assert [one["organization"] for one in found] == ["100% %s {x}", "Later"]
    assert (type(found[0]["signup_date"]), type(found[0]["any"])) == (date, bool)


def test_moments_have_their_zone() -> None:
    run = make_run()
    [found] = Written(type(run).objects.filter(pk=run.pk).values("started_at")).ask()
    assert found == {"started_at": run.started_at}
    assert isinstance(found["started_at"], datetime)
    assert found["started_at"].tzinfo is not None


def test_postgres_prepares_once_and_soon_plans_no_more() -> None:
    if not is_postgres():
        pytest.skip("SQLite has no plans to keep")
    sql = "SELECT CAST(%s AS integer) + CAST(%s AS integer)"
    assert [fetch_prepared(sql, [number, 1]) for number in range(7)] == [[(number + 1,)] for number in range(7)]
    plans = fetch("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE %s", ["%$2%"])
    # PostgreSQL itself tries five plans for the values before it trusts one for any.
    assert plans == [(2, 5)]


def test_an_error_of_a_prepared_query_is_one_of_django() -> None:
    with pytest.raises(OperationalError if not is_postgres() else ProgrammingError), transaction.atomic():
        fetch_prepared("SELECT * FROM no_such_table WHERE id = %s", [1])


def test_behind_a_pooler_nothing_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_postgres():
        pytest.skip("SQLite has no pooler")
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    assert fetch_prepared("SELECT 11 + CAST(%s AS integer)", [4]) == [(15,)]
    assert fetch("SELECT name FROM pg_prepared_statements WHERE statement LIKE %s", ["SELECT 11 + CAST($%"]) == []
