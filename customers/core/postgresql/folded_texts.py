"""On PostgreSQL a table may have all the texts that a search looks through in one column: folded, and kept so.

A word is then looked for once a row, in what is ready, and the planner knows of how many rows it may be. Django knows
nothing of the column, which the database writes itself; SQLite has none.
"""

from collections.abc import Sequence

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import BooleanField, Func
from django.db.models.sql.compiler import SQLCompiler

from customers.text.fold import fold, folded_in_postgres

FOLDED_TEXTS = "folded_texts"
_BETWEEN = "chr(31)"
"""What no word has in it, so that none is found across the end of a text."""
_LOCK_TIMEOUT = "30s"
"""How long a migration waits for those who are reading the table; then it fails, and can be started again."""


def add_folded_texts(editor: BaseDatabaseSchemaEditor, table: str, columns: Sequence[str]) -> None:
    """Give a table on PostgreSQL the column, of columns that are never NULL; its rows are written anew meanwhile."""
    if editor.connection.vendor == "postgresql":
        texts = f" || {_BETWEEN} || ".join(columns)
        folded = folded_in_postgres(f"({texts})", editor.connection)
        generated = f'text COLLATE "C" GENERATED ALWAYS AS ({folded}) STORED'
        editor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        editor.execute(f"ALTER TABLE {table} ADD COLUMN {FOLDED_TEXTS} {generated}")
        # Of a new column the planner would guess.
        editor.execute(f"ANALYZE {table} ({FOLDED_TEXTS})")


def drop_folded_texts(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """Take the column from a table on PostgreSQL."""
    if editor.connection.vendor == "postgresql":
        editor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        editor.execute(f"ALTER TABLE {table} DROP COLUMN {FOLDED_TEXTS}")


class TextsHave(Func):
    """Whether one of a row's texts has a word in it, on PostgreSQL; the row is that of the column ``key``."""

    output_field = BooleanField()

    def __init__(self, key: str, word: str) -> None:
        super().__init__(key)
        self.word = fold(word)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[str]]:
        """Return a LIKE: of that the planner asks its samples, and an index of trigrams would serve it."""
        [key] = self.get_source_expressions()
        table = compiler.quote_name_unless_alias(key.alias)
        return f"{table}.{FOLDED_TEXTS} LIKE %s", [f"%{connection.ops.prep_for_like_query(self.word)}%"]
