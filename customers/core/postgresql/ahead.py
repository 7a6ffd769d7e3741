"""Let PostgreSQL work at the next statement while the rows of the one before are taken: on more than one core."""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from django.db import connection, transaction

from customers.core.limits import FETCH_SIZE
from customers.core.sql import Parameters, Row, execute, group_in_memory

if TYPE_CHECKING:
    # SQLite does without its driver.
    from psycopg import Connection

Statement: TypeAlias = tuple[str, Parameters]
_Batches: TypeAlias = Generator[list[Row], None, None]
_LANES = 2
_LOCK_TIMEOUT = "30s"
"""A lane behind somebody who wants a table for themselves waits for our transaction, and that one for the lane.

PostgreSQL does not see such a circle: after so long the lane fails.
"""
_CANCEL_SECONDS = 5


class _Lane:
    """A thread with a connection of its own; everything is done with it in that thread, but to cancel a statement."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "ahead")
        self._batches: _Batches = (rows for rows in list[list[Row]]())
        self._asked: Connection | None = None

    def ask(self, statement: Statement) -> "Future[list[Row]]":
        """Begin a statement, where the one before has no rows left; its first rows come."""
        self._batches = self._read(statement)
        return self.go_on()

    def go_on(self) -> "Future[list[Row]]":
        """Begin to fetch the next rows, and none where there are no more."""
        return self._thread.submit(next, self._batches, [])

    def close(self) -> None:
        """End what is begun, at once, and its connection."""
        if asked := self._asked:
            # It may have ended meanwhile.
            with suppress(Exception):
                asked.cancel_safe(timeout=_CANCEL_SECONDS)
        self._thread.submit(self._batches.close)
        self._thread.shutdown()

    def _read(self, statement: Statement) -> _Batches:
        """Yield the rows of a statement, some thousand at a time, in a transaction of this thread's connection."""
        try:
            with transaction.atomic():
                self._asked = connection.connection
                group_in_memory()
                execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'; SET LOCAL cursor_tuple_fraction = 1")
                with connection.chunked_cursor() as cursor:
                    cursor.execute(*statement)
                    while rows := cursor.fetchmany(FETCH_SIZE):
                        yield rows
        finally:
            self._asked = None
            connection.close()


def fetch_ahead(statements: Iterable[Statement]) -> Generator[Row, None, None]:
    """Yield the rows of statements that only read, one statement after another; whoever takes them closes it.

    They are asked on two more connections, which see nothing of a transaction that is still open.
    """
    rest = iter(statements)
    with ExitStack() as stack:
        lanes = [_Lane() for _ in range(_LANES)]
        for lane in lanes:
            stack.callback(lane.close)
        asked = deque((lane, lane.ask(statement)) for lane, statement in zip(lanes, rest, strict=False))
        while asked:
            lane, answer = asked.popleft()
            while rows := answer.result():
                # Fetched while these are taken.
                answer = lane.go_on()
                yield from rows
            for statement in islice(rest, 1):
                asked.append((lane, lane.ask(statement)))
