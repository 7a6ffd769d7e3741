"""On PostgreSQL the index of a unique constraint may hold more columns, which are read from it alone, in its order.

Django would have an index in place of the constraint, and none at all on SQLite; so nobody else knows of it.
"""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from customers.core.months.partitioning import LOCK_TIMEOUT
from customers.core.months.partitions import partitions


def cover(editor: BaseDatabaseSchemaEditor, table: str, unique: str, columns: str) -> None:
    """Let the constraint ``unique`` of a table in months be of these ``columns``, which may ``INCLUDE`` others.

    The indexes are built beside the old ones while pages read; they wait for the exchange alone, writers for all.
    """
    if editor.connection.vendor != "postgresql":
        return
    ending = "_more" if "INCLUDE" in columns else ""
    made = {month.name: f"{month.name}_{unique}{ending}" for month in partitions(table) or []}
    editor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    # Of the whole: who has written into one month, and waits for another, could not be waited for.
    editor.execute(f"LOCK TABLE {table} IN SHARE MODE")
    for month, index in made.items():
        editor.execute(f"CREATE UNIQUE INDEX {index} ON {month} {columns}")
    editor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {unique}")
    for month, index in made.items():
        editor.execute(f"ALTER TABLE {month} ADD CONSTRAINT {index} UNIQUE USING INDEX {index}")
    # It finds those of the months.
    editor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {unique} UNIQUE {columns}")
