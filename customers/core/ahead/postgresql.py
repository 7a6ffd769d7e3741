"""Let PostgreSQL work at the next rows, and at the next statement, while those before are taken: on more cores."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import islice
from typing import TYPE_CHECKING

from django.db import Error, connection, transaction

from customers.core.limits import batches
from customers.core.sql import Row, Statement, execute, fetch, group_in_memory

if TYPE_CHECKING:
    # SQLite does without its driver.
    from psycopg import Connection

_AT_ONCE = 2
_FETCHED = 500
"""Rows that come together: few, so that the first ones are there soon."""
_LOCK_TIMEOUT = "30s"
"""Whoever wants a table for themselves waits for our transaction, and a statement behind them, for which we wait.

PostgreSQL does not see such a circle: after so long the statement fails.
"""
_CANCEL_SECONDS = 5


class _Asked:
    """A statement on a connection of its own; all is done with it in a thread of its own, but to cancel it.

    ``parameters`` is SQL that sets how it is planned.
    """

    def __init__(self, statement: Statement, parameters: str) -> None:
        self._thread = ThreadPoolExecutor(1, "ahead")
        self._session: Connection | None = None
        self._batches = self._read(statement, parameters)
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

    def _read(self, statement: Statement, parameters: str) -> Generator[list[Row], None, None]:
        """Yield the rows, some hundreds at a time, in a transaction of this thread's connection.

        They are streamed: behind a cursor of the server no worker would have a part in them.
        """
        try:
            with transaction.atomic():
                self._session = connection.connection
                group_in_memory()
                # It lasts as long as whoever takes its rows.
                execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'; SET LOCAL statement_timeout = 0; {parameters}")
                with (
                    connection.wrap_database_errors,
                    connection.cursor() as cursor,
                    closing(cursor.stream(*statement, size=_FETCHED)) as rows,
                ):
                    yield from batches(rows, _FETCHED)
        finally:
            self._session = None
            connection.close()


def _parameters(*, alone: bool, in_order: bool) -> str:
    """Return how statements are planned: one alone may have the workers that this connection's would have."""
    groups, workers = "off" if in_order else "on", 0
    if alone and not in_order:
        [[workers]] = fetch("SELECT CURRENT_SETTING('max_parallel_workers_per_gather')")
    return f"SET LOCAL max_parallel_workers_per_gather = {workers}; SET LOCAL enable_hashagg = {groups}"


def fetch_from_postgres(statements: Sequence[Statement], *, in_order: bool) -> Generator[Row, None, None]:
    """Yield the rows of statements, as ``fetching.fetch_ahead`` says; those not taken yet stay with PostgreSQL."""
    parameters = _parameters(alone=len(statements) == 1, in_order=in_order)
    rest, asked = iter(statements), deque[_Asked]()
    try:
        while True:
            asked.extend(_Asked(one, parameters) for one in islice(rest, _AT_ONCE - len(asked)))
            if not asked:
                return
            yield from asked[0].rows()
            asked.popleft().close()
    finally:
        for one in asked:
            one.close()
