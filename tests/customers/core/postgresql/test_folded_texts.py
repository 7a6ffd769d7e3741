"""The column of folded texts: what the planner knows of it, and that nobody else has to."""

import json
from pathlib import Path

import pytest
from django.db import connection

from customers.core.sql import execute, is_postgres
from customers.imports.journal import columns_of
from customers.models import Customer, RowChange, texts_have
from tests.factories import make_customer, write_feeds
from tests.support.loading import load
from tests.support.undoing import customer_rows

pytestmark = pytest.mark.django_db


def expected_rows(word: str) -> int:
    """How many customers with a word PostgreSQL reckons with."""
    sql, parameters = Customer.objects.order_by().filter(texts_have(word)).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        [[plan]] = cursor.fetchall()
    return int((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"])


def test_the_planner_tells_a_rare_word_from_a_frequent_one() -> None:
    """As long as it took both for frequent, all snapshots of a date were read for a few customers."""
    if not is_postgres():
        pytest.skip("SQLite has no such column")
    for number in range(300):
        make_customer(id=f"c{number}", organization=f"Frequent {number}")
    execute("ANALYZE customers_customer")
    assert expected_rows("Frequent") > 250
    assert expected_rows("frequent 123") < 30


def test_the_journal_has_the_columns_of_the_feed_alone(tmp_path: Path) -> None:
    for name in ("Before", "Later"):
        write_feeds(tmp_path, customers=customer_rows(0, organization=name))
        load(tmp_path)
    [change] = RowChange.objects.filter(model="customer")
    assert (change.before["organization"], change.after["organization"]) == ("Before", "Later")
    assert set(change.before) == set(change.after) == set(columns_of(Customer))
