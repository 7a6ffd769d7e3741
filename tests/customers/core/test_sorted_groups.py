"""Groups that PostgreSQL finds by sorting, for as long as it is told to."""

import pytest

from customers.core.sql import fetch, grouping_sorted, is_postgres

pytestmark = pytest.mark.django_db

KEYS = "SELECT feed AS id FROM customers_importrun UNION ALL SELECT key FROM customers_quarantinedrow"
REPEATED = f"SELECT id FROM ({KEYS}) every_key GROUP BY id HAVING COUNT(*) > 1"


def plan() -> str:
    return "\n".join(line for (line,) in fetch(f"EXPLAIN {REPEATED}")) if is_postgres() else ""


def test_groups_are_sorted_inside_alone() -> None:
    before = plan()
    with grouping_sorted():
        assert "HashAggregate" not in plan()
        assert ("Sort" in plan()) == is_postgres()
        assert fetch(REPEATED) == []
    assert plan() == before
    assert ("HashAggregate" in before) == is_postgres()
