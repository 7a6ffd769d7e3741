"""Filling an empty table without its indexes and constraints, which are built again afterwards: half the time.

Both databases do this inside the transaction, so whatever ends the process leaves them as they were. While it
lasts PostgreSQL holds readers of the table up; it is empty for them anyway.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from customers.staging import execute, fetch, is_postgres


@contextmanager
def built_afterwards(table: str) -> Iterator[None]:
    """Take off the table's indexes and constraints (on SQLite indexes alone), and put them on again."""
    off, on = _postgres(table) if is_postgres() else _sqlite(table)
    for statement in off:
        execute(statement)
    yield
    for statement in on:
        execute(statement)


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
    off = [f"ALTER TABLE {table} DROP CONSTRAINT {name}" for name, _definition in reversed(constraints)]
    off += [f"DROP INDEX {name}" for name, _definition in indexes]
    on = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}" for name, definition in constraints]
    return off, [definition for _name, definition in indexes] + on


def _sqlite(table: str) -> tuple[list[str], list[str]]:
    indexes = fetch(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = %s AND sql IS NOT NULL ORDER BY name",
        [table],
    )
    return [f'DROP INDEX "{name}"' for name, _definition in indexes], [definition for _name, definition in indexes]
