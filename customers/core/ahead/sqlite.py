"""Let SQLite work at the next statements while the rows of the one before are used."""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice

from django.db import connection

from customers.core.sql import Row, Statement

_AT_ONCE = 2


class _Asked:
    """A statement on a connection of its own, asked in a thread.

    SQLite works without Python's lock until the first row is there, which is most of a statement that sorts its rows.
    To hand over each row it wants the lock, for which a thread waits some milliseconds: so its rows are taken in ours.
    """

    def __init__(self, pool: ThreadPoolExecutor, statement: Statement) -> None:
        self._connection = connection.copy()
        self._connection.inc_thread_sharing()
        self._cursor = self._connection.cursor()
        self._asked = pool.submit(self._cursor.execute, *statement)

    def rows(self) -> list[Row]:
        """Return all rows: the next statement is asked before they are used."""
        self._asked.result()
        rows: list[Row] = self._cursor.fetchall()
        return rows

    def close(self) -> None:
        """End it once it has its first row, and its connection, which a cursor would keep open."""
        self._asked.exception()
        self._cursor.close()
        self._connection.close()


def fetch_from_sqlite(statements: Iterable[Statement]) -> Generator[Row, None, None]:
    """Yield the rows of statements, as ``fetching.fetch_ahead`` says; all of one are in memory."""
    rest, asked = iter(statements), deque[_Asked]()

    def ask() -> None:
        asked.extend(_Asked(pool, one) for one in islice(rest, _AT_ONCE - len(asked)))

    with ThreadPoolExecutor(_AT_ONCE, "ahead") as pool:
        try:
            ask()
            while asked:
                with closing(asked.popleft()) as first:
                    rows = first.rows()
                ask()
                yield from rows
        finally:
            for one in asked:
                one.close()
