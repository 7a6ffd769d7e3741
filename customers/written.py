"""Queries that are written once and asked again and again."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet

from customers.staging import fetch_prepared


class Written:
    """A query by ``values`` in SQL: to write a wide one takes the ORM ten times as long as the database to answer it.

    Its values are those that it was written with.
    """

    def __init__(self, rows: QuerySet) -> None:
        self._compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql, self._parameters = self._compiler.as_sql()
        self._names = list(rows.query.selected)

    def ask(self) -> list[dict[str, Any]]:
        """The rows as the ORM gives them; one query."""
        rows = self._compiler.results_iter([fetch_prepared(self._sql, self._parameters)])
        return [dict(zip(self._names, row, strict=True)) for row in rows]
