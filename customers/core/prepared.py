"""Queries that pages ask again and again: prepared once by PostgreSQL for each connection."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import QuerySet

from customers.core.sql import Parameters, Row, fetch, is_pooled, is_postgres


def fetch_prepared(sql: str, parameters: Parameters) -> list[Row]:
    """Fetch all rows of a query that takes longer to plan than to answer.

    It is asked as any other on SQLite, behind a pooler, whose sessions change, and where queries are logged: a
    prepared statement has no text with its values.
    """
    if not is_postgres() or is_pooled() or connection.queries_logged:
        return fetch(sql, parameters)
    from psycopg import Cursor

    connection.close_if_health_check_failed()
    connection.ensure_connection()
    # Django's cursors prepare nothing, and its connections forbid it to others too.
    connection.connection.prepare_threshold = 0
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        return cursor.execute(sql, parameters, prepare=True).fetchall()


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
