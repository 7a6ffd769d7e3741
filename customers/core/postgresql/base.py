"""PostgreSQL as Django has it, but at home behind a pooler of transactions, and patient while it is restarted."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper

WAIT_SECONDS = 10
"""For so long after a server is gone do those who want a connection wait for it to be there again."""
_AGAIN_SECONDS = 0.1
_FORGOTTEN_SECONDS = 60


class Outage:
    """What a process knows of the server: whether it has ever been there, and since when it is gone."""

    def __init__(self) -> None:
        self._was_there = False
        self._since = self._met = 0.0

    def is_over(self) -> None:
        """Note that the server answers."""
        self._was_there, self._met = True, 0.0

    def is_worth_waiting(self, asked: float) -> bool:
        """Note that the server, ``asked`` at that time, is not there; return whether to ask once more.

        A server that has never been there is not restarted: its address or its password is wrong. An outage that lasts
        makes nobody wait any more, however many want a connection.
        """
        if not self._was_there:
            return False
        now = time.monotonic()
        if now - self._met > _FORGOTTEN_SECONDS:
            self._since = asked
        self._met = now
        return now - self._since < WAIT_SECONDS


_outage = Outage()


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to PostgreSQL."""

    is_patient = True
    """Whether it waits for a server that is restarted."""

    def __init__(self, settings_dict: dict[str, object], alias: str = DEFAULT_DB_ALIAS) -> None:
        super().__init__(settings_dict, alias)
        self.at_begin: list[Callable[[], None]] = []
        """What is called as each transaction begins, inside of it; an error of it ends the transaction."""
        self._set_in_each: dict[str, int] = {}
        """Parameters that behind a pooler each transaction begins with."""

    def get_new_connection(self, conn_params: object) -> object:
        """Connect; to the primary server also while it, or a pooler before it, is restarted."""
        if self.alias != DEFAULT_DB_ALIAS or not self.is_patient:
            return super().get_new_connection(conn_params)
        while True:
            asked = time.monotonic()
            try:
                connection = super().get_new_connection(conn_params)
            except self.Database.OperationalError:
                if not _outage.is_worth_waiting(asked):
                    raise
                time.sleep(_AGAIN_SECONDS)
            else:
                _outage.is_over()
                return connection

    def init_connection_state(self) -> None:
        """Compile no query: those of pages are over before it would be worth it.

        Asked for after connecting, because a pooler refuses what it does not know as a part of that. In one of
        transactions each would set it for somebody else: its own configuration says it.
        """
        super().init_connection_state()
        if not settings.DATABASE_POOLER:
            with self.wrap_database_errors:
                self.connection.execute("SET jit = off")

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        """Call nothing as the transactions of the block begin."""
        kept, self.at_begin = self.at_begin, []
        try:
            yield
        finally:
            self.at_begin = kept

    def set_parameters(self, **values: int) -> None:
        """Set parameters of PostgreSQL for whatever this connection does.

        A pooler passes a session on to others: behind one they are set for each transaction anew, and outside of
        transactions not at all.
        """
        if settings.DATABASE_POOLER:
            self._set_in_each |= values
        else:
            with self.cursor() as cursor:
                cursor.execute(_joined("SET", values))

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs lack it
        if not autocommit:
            try:
                self._begin()
            except BaseException:
                # Django has not noted yet that a transaction began.
                with suppress(self.Database.Error):
                    self.connection.rollback()
                    self.connection.autocommit = True
                raise

    def _begin(self) -> None:
        if self._set_in_each:
            with self.wrap_database_errors:
                self.connection.execute(_joined("SET LOCAL", self._set_in_each))
        for call in list(self.at_begin):
            call()

    def chunked_cursor(self) -> CursorWrapper:
        """Return a cursor that leaves its rows with the server.

        Behind a pooler only a transaction has one session to itself: outside one, the rows are read at once.
        """
        if settings.DATABASE_POOLER and not self.in_atomic_block:
            return self.cursor()
        return super().chunked_cursor()


def _joined(command: str, values: dict[str, int]) -> str:
    return "; ".join(f"{command} {name} = {value}" for name, value in values.items())
