"""Indexes that the two databases need in different forms."""

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class CoveringIndex(models.Index):
    """An index that on SQLite also holds the ``covered`` columns, so that reading them needs no look at the table.

    SQLite reads a table through an index row by row, all over the file; PostgreSQL rather scans the whole table. Where
    it has them too, a migration says so: ``customers.core.postgresql.covering``.
    """

    def __init__(self, *expressions: Any, covered: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*expressions, **kwargs)
        self.covered = tuple(covered)

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return what a migration says."""
        path, expressions, kwargs = super().deconstruct()
        return path, tuple(expressions), {**kwargs, "covered": self.covered}

    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **kwargs: Any
    ) -> Any:
        """Return the statement of the database at hand."""
        if schema_editor.connection.vendor != "sqlite":
            return super().create_sql(model, schema_editor, using, **kwargs)
        index = models.Index(fields=[*self.fields, *self.covered], name=self.name)
        return index.create_sql(model, schema_editor, using, **kwargs)
