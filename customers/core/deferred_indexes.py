"""Filling a table without its indexes and constraints, which are built again afterwards: half the time, or less.

Both databases do this inside the transaction, so whatever ends the process leaves them as they were. SQLite's readers
see what was there before; PostgreSQL's wait until the load has ended, for seconds if it has a million rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, transaction

from customers.core.sql import execute, fetch, is_postgres, sorting_fast

LOCK_TIMEOUT = "2s"
"""How long PostgreSQL waits for those who are reading the table; others wait behind it meanwhile."""
_LOCK_NOT_AVAILABLE = "55P03"


@contextmanager
def deferred_indexes(table: str) -> Iterator[None]:
    """Take off the table's indexes and constraints (on SQLite indexes alone), and put them on again.

    Where PostgreSQL's readers do not let go of the table, they stay on, and grow.
    """
    off, on = _postgres(table) if is_postgres() else _sqlite(table)
    if not _done(off):
        on = []
    yield
    with sorting_fast():
        for statement in on:
            execute(statement)


def _done(statements: list[str]) -> bool:
    try:
        with transaction.atomic():
            for statement in statements:
                execute(statement)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


def _postgres(table: str) -> tuple[list[str], list[str]]:
    constraints = fetch(
        """
        SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f') ORDER BY contype = 'f', conname""",
        [table],
    )
    indexes = fetch(
        """
        SELECT quote_ident(c.relname), pg_get_indexdef(i.indexrelid) FROM pg_index i
        JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = %s::regclass
          AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid) ORDER BY 1""",
        [table],
    )
    # A table with checks that are still to come cannot be altered.
    off = ["SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED"]
    off += [f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"]
    off += [f"ALTER TABLE {table} DROP CONSTRAINT {name}" for name, _definition in reversed(constraints)]
    off += [f"DROP INDEX {name}" for name, _definition in indexes]
    off += ["SET LOCAL lock_timeout TO DEFAULT"]
    on = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}" for name, definition in constraints]
    return off, [definition for _name, definition in indexes] + on


def _sqlite(table: str) -> tuple[list[str], list[str]]:
    # A partial index stays on: it has few rows, and to find them in the whole table takes longer than to add them.
    indexes = fetch(
        """
        SELECT i.name, m.sql FROM pragma_index_list(%s) i JOIN sqlite_master m ON m.type = 'index' AND m.name = i.name
        WHERE i.origin = 'c' AND NOT i.partial ORDER BY i.name""",
        [table],
    )
    return [f'DROP INDEX "{name}"' for name, _definition in indexes], [definition for _name, definition in indexes]
