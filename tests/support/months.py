"""Tables with a partition for each month, as the tests have them."""

from datetime import date

from customers.core.months.partitions import EARLIER, Partition, attach, has_months
from customers.core.sql import execute, fetch, is_postgres

TABLES = ("analytics_snapshot",)
"""The tables of months."""
NEVER = date(2100, 1, 1)


def take_all_months_as_one() -> None:
    """Let one partition take all rows, as the one of an older database does: tests make rows without their months."""
    for table in TABLES if is_postgres() else ():
        name = f"{table}_{EARLIER}"
        execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING CONSTRAINTS, PRIMARY KEY (id))")
        attach(table, Partition(date.min, NEVER, name))


def begin_without_months(table: str) -> None:
    """Let a table have no month, as after the migrations, and no row."""
    if has_months(table):
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute(f"DROP TABLE IF EXISTS {table}_{EARLIER}")


def structure(table: str) -> list[tuple[str, ...]]:
    """The constraints and indexes of a table on PostgreSQL, without their names and its own."""
    rows = fetch(
        """
        SELECT contype::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = CAST(%s AS regclass)
        UNION ALL SELECT 'index', substring(indexdef FROM ' USING .*') FROM pg_indexes WHERE tablename = %s
        ORDER BY 1, 2""",
        [table, table],
    )
    return [tuple(row) for row in rows]
