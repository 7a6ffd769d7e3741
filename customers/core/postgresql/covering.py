"""On PostgreSQL an index may hold more columns, which are read from it alone, in its order.

Django would build an index anew on both databases, and in place of a unique constraint; so the migrations alone know.
"""

from django.db import connection, transaction

from customers.core.months.partitioning import LOCK_TIMEOUT
from customers.core.months.partitions import constraints, partitions
from customers.core.sql import execute, fetch, is_postgres


def cover(table: str, unique: str, columns: str) -> None:
    """Let the constraint ``unique`` of a table in months be of these ``columns``, which may ``INCLUDE`` others.

    Outside of a transaction the indexes are built while others read and write; all wait for the exchange alone.
    What was interrupted can be started again.
    """
    if not is_postgres() or any(definition.endswith(columns) for _name, definition in constraints(table, "u")):
        return
    ending = "_more" if "INCLUDE" in columns else ""
    beside = "" if connection.in_atomic_block else "CONCURRENTLY"
    for month in _months(table):
        # One that was begun and not finished is of no use.
        execute(f"DROP INDEX {beside} IF EXISTS {month}_{unique}{ending}")
        execute(f"CREATE UNIQUE INDEX {beside} {month}_{unique}{ending} ON {month} {columns}")
    with transaction.atomic():
        execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        execute(f"ALTER TABLE {table} DROP CONSTRAINT {unique}")
        for month in _months(table):
            index = f"{month}_{unique}{ending}"
            # A month that was made meanwhile has few rows.
            execute(f"CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {month} {columns}")
            execute(f"ALTER TABLE {month} ADD CONSTRAINT {index} UNIQUE USING INDEX {index}")
        # It finds those of the months.
        execute(f"ALTER TABLE {table} ADD CONSTRAINT {unique} UNIQUE {columns}")


def cover_index(table: str, index: str, columns: str) -> None:
    """Let an index of a table that is not in months be of these ``columns``, in the same way."""
    if not is_postgres() or fetch("SELECT pg_get_indexdef(%s::regclass)", [index])[0][0].endswith(columns):
        return
    beside = "" if connection.in_atomic_block else "CONCURRENTLY"
    execute(f"DROP INDEX {beside} IF EXISTS {index}_other")
    execute(f"CREATE INDEX {beside} {index}_other ON {table} {columns}")
    with transaction.atomic():
        execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        execute(f"DROP INDEX {index}")
        execute(f"ALTER INDEX {index}_other RENAME TO {index}")


def _months(table: str) -> list[str]:
    return [month.name for month in partitions(table) or []]
