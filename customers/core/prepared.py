"""Queries that pages ask again and again: prepared once by PostgreSQL for each connection."""

from customers.core.replica.routing import reading_connection
from customers.core.sql import Parameters, Row, fetch, is_pooled, is_postgres


def fetch_prepared(sql: str, parameters: Parameters) -> list[Row]:
    """Fetch all rows of a query that takes longer to plan than to answer.

    It is asked as any other on SQLite, behind a pooler, whose sessions change, and where queries are logged: a
    prepared statement has no text with its values.
    """
    connection = reading_connection()
    if not is_postgres() or is_pooled() or connection.queries_logged:
        return fetch(sql, parameters)
    from psycopg import Cursor

    connection.close_if_health_check_failed()
    connection.ensure_connection()
    # Django's cursors prepare nothing, and its connections forbid it to others too.
    connection.connection.prepare_threshold = 0
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        return cursor.execute(sql, parameters, prepare=True).fetchall()
