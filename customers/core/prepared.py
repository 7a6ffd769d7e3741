"""Queries that pages ask again and again: written once by the ORM, planned once by PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from customers.core.sql import is_postgres


def fetch_prepared(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of a query that takes longer to plan than to answer; PostgreSQL plans it once for each connection.

    Where queries are logged it is asked as any other, because a prepared one has no text with its values.
    """
    with connection.cursor() as cursor:
        if is_postgres() and not connection.queries_logged:
            from psycopg import Cursor

            # Django's own one writes the values into the statement, which makes it a new one each time.
            cursor.cursor = Cursor(connection.connection)
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def plan_once(connection: BaseDatabaseWrapper, **_signal: Any) -> None:
    """Hear of a new connection: a plan that fits any values is what we prepare for, so it need not try five others."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET plan_cache_mode = force_generic_plan")


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
