"""Let PostgreSQL work at the next statement while the rows of the one before are taken: on more than one core."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from django.db import Error, connection, transaction

from customers.core.limits import FETCH_SIZE
from customers.core.sql import Row, Statement, execute, group_in_memory

if TYPE_CHECKING:
    # SQLite does without its driver.
    from psycopg import Connection

_AT_ONCE = 2
_LOCK_TIMEOUT = "30s"
"""Whoever wants a table for themselves waits for our transaction, and a statement behind them, for which we wait.

PostgreSQL does not see such a circle: after so long the statement fails.
"""
_CANCEL_SECONDS = 5


class _Asked:
    """A statement on a connection of its own; all is done with it in a thread of its own, but to cancel it."""

    def __init__(self, statement: Statement) -> None:
        self._thread = ThreadPoolExecutor(1, "ahead")
        self._session: Connection | None = None
        self._batches = self._read(statement)
        self._next = self._fetch()

    def rows(self) -> Iterator[Row]:
        """Yield its rows; while some are taken the next ones are fetched."""
        while rows := self._next.result():
            self._next = self._fetch()
            yield from rows

    def close(self) -> None:
        """End it, at once, and its connection."""
        if session := self._session:
            # It may have ended meanwhile.
            with suppress(Error), connection.wrap_database_errors:
                session.cancel_safe(timeout=_CANCEL_SECONDS)
        self._thread.submit(self._batches.close)
        self._thread.shutdown()

    def _fetch(self) -> "Future[list[Row]]":
        return self._thread.submit(next, self._batches, [])

    def _read(self, statement: Statement) -> Generator[list[Row], None, None]:
        """Yield the rows, some thousand at a time, in a transaction of this thread's connection."""
        try:
            with transaction.atomic():
                self._session = connection.connection
                group_in_memory()
                execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'; SET LOCAL cursor_tuple_fraction = 1")
                with connection.chunked_cursor() as cursor:
                    cursor.execute(*statement)
                    while rows := cursor.fetchmany(FETCH_SIZE):
                        yield rows
        finally:
            self._session = None
            connection.close()


def fetch_from_postgres(statements: Iterable[Statement]) -> Generator[Row, None, None]:
    """Yield the rows of statements, as ``fetching.fetch_ahead`` says; those not taken yet stay with PostgreSQL."""
    rest, asked = iter(statements), deque[_Asked]()
    try:
        while True:
            asked.extend(map(_Asked, islice(rest, _AT_ONCE - len(asked))))
            if not asked:
                return
            yield from asked[0].rows()
            asked.popleft().close()
    finally:
        for one in asked:
            one.close()
