"""Queries that are prepared once by PostgreSQL."""

import pytest
from django.db import OperationalError, ProgrammingError, transaction
from pytest_django.fixtures import Settings

from customers.core.prepared import fetch_prepared
from customers.core.sql import fetch, is_postgres

pytestmark = pytest.mark.django_db


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


def test_behind_a_pooler_nothing_is_prepared(settings: Settings) -> None:
    if not is_postgres():
        pytest.skip("SQLite has no pooler")
    settings.DATABASE_POOLER = True
    assert fetch_prepared("SELECT 11 + CAST(%s AS integer)", [4]) == [(15,)]
    assert fetch("SELECT name FROM pg_prepared_statements WHERE statement LIKE %s", ["SELECT 11 + CAST($%"]) == []
