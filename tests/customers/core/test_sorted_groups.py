"""Groups that PostgreSQL finds by sorting, for as long as it is told to, or in memory."""

import pytest

from customers.core.sql import execute, fetch, group_in_memory, grouping_sorted, is_postgres

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


@pytest.mark.parametrize(("allowed", "left"), [(0, 0), (1, 1), (4, 1)])
def test_at_most_two_processes_group_in_memory(allowed: int, left: int) -> None:
    if not is_postgres():
        pytest.skip("SQLite groups in ours")
    execute(f"SET LOCAL max_parallel_workers_per_gather = {allowed}")
    group_in_memory()
    assert fetch("SELECT CURRENT_SETTING('max_parallel_workers_per_gather')") == [(str(left),)]
