"""Whether the replica may be read from: asked once a second by a thread, so that no request waits for the answer.

May be read from: a replica that has whatever the primary had ``settings.DATABASE_REPLICA_LAG`` seconds before it was
asked. An answer counts for three seconds, so that a replica that hangs is left out as one that is gone.
"""

import logging
import os
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections

from customers.core.replica.connections import cut_off
from customers.core.replica.lag import Lag
from customers.core.replica.routing import REPLICA
from customers.text.say import english

if TYPE_CHECKING:
    # SQLite does without its driver.
    from customers.core.postgresql.base import DatabaseWrapper

logger = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
COUNTS_SECONDS = 3.0
_WAIT_SECONDS = 0.02

_LSN = "CAST(pg_wal_lsn_diff({}, '0/0') AS bigint)"
_WRITTEN = _LSN.format("pg_current_wal_lsn()")
INSERTED = _LSN.format("pg_current_wal_insert_lsn()")
_REPLAYED = f"COALESCE({_LSN.format('pg_last_wal_replay_lsn()')}, 0)"
"""0 on a server that was never a replica."""
_SYSTEM = "SELECT system_identifier FROM pg_control_system()"
_TIMELINE = "CAST(CAST('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS bit(32)) AS int)"
_ITS_TIMELINE = (
    "GREATEST((SELECT timeline_id FROM pg_control_checkpoint()), "
    "(SELECT min_recovery_end_timeline FROM pg_control_recovery()))"
)
"""That of its last restart point: a login may ask no replica for the one that it follows now."""
_PAGE, _HEADER = 8192, 24
"""Bytes of a page of the log, and of what stands before the first record in each."""


class Why(StrEnum):
    """Why the replica is not read from, as operators and their programs are told."""

    NOTHING = ""
    NOT_ASKED = english("not asked yet")
    NO_ANSWER = english("no answer")
    NO_REPLICA = english("no replica any more")
    ANOTHER = english("a replica of another server")
    TIMELINE = english("another timeline than the primary’s")
    BEHIND = english("too far behind")
    NO_PRIMARY = english("no answer of the primary")


@dataclass(frozen=True)
class Verdict:
    """What the last answer said: why it is left out, how many seconds it lacks, how far both are, and when."""

    why: Why
    lag: float | None = None
    replayed: int = 0
    written: int = 0
    at: float = 0.0


class Watch:
    """Keeps the newest verdict of this process."""

    def __init__(self) -> None:
        self._verdict = Verdict(Why.NOT_ASKED)
        self._lag = Lag()
        self._starting = threading.Lock()
        self._process = 0

    def start(self) -> None:
        """Begin to ask, in each process once; a thread does not go along with a fork."""
        with self._starting:
            if self._process != os.getpid():
                self._process = os.getpid()
                for work in (self._keep_asking, self._keep_cutting):
                    threading.Thread(target=work, daemon=True, name=f"replica{work.__name__}").start()

    def verdict(self) -> Verdict:
        """Return what is known now."""
        return Verdict(Why.NO_ANSWER) if self._is_old() else self._verdict

    def has(self, needed: int) -> bool:
        """Return whether the replica may be read from, and has what was written up to a position."""
        verdict = self.verdict()
        if verdict.why:
            return False
        if needed % _PAGE == _HEADER:
            # The last record has filled a page: the replica has all of it, and no header of the next page yet.
            needed -= _HEADER
        if needed <= verdict.replayed:
            return True
        try:
            return needed <= _numbers(REPLICA, f"SELECT {_REPLAYED}")[0]
        except Error:
            self.doubt()
            return False

    def is_of_another_cluster(self, noted: int) -> bool:
        """Return whether a position was noted before the data were moved: it is further than the primary is."""
        verdict = self.verdict()
        return not verdict.why and noted > verdict.written and noted > position()

    def wait_for(self, position: int) -> None:
        """Wait until the replica has what was written up to a position, unless it is not read from."""
        until = time.monotonic() + settings.DATABASE_REPLICA_LAG + COUNTS_SECONDS
        while not (self.has(position) or self.verdict().why or time.monotonic() > until):
            time.sleep(_WAIT_SECONDS)

    def doubt(self) -> None:
        """Leave the replica out until it answers again."""
        self._note(Verdict(Why.NO_ANSWER, at=time.monotonic()))

    def look(self) -> None:
        """Ask both servers."""
        now = time.monotonic()
        try:
            written, *primary = _numbers(DEFAULT_DB_ALIAS, f"SELECT {_WRITTEN}, ({_SYSTEM}), {_TIMELINE}")
        except Error:
            connections[DEFAULT_DB_ALIAS].close()
            self._note(Verdict(Why.NO_PRIMARY, at=now))
            return
        asked = f"SELECT CAST(pg_is_in_recovery() AS int), {_REPLAYED}, ({_SYSTEM}), {_ITS_TIMELINE}"
        try:
            is_replica, replayed, *replica = _numbers(REPLICA, asked)
        except Error:
            connections[REPLICA].close()
            self._note(Verdict(Why.NO_ANSWER, at=now))
            return
        lag = self._lag.note(now, written, replayed)
        why = Why.NOTHING
        if not is_replica:
            why = Why.NO_REPLICA
        elif replica[0] != primary[0]:
            why = Why.ANOTHER
        elif replica[1] != primary[1]:
            why = Why.TIMELINE
        elif lag is None or lag > self._most():
            why = Why.BEHIND
        self._note(Verdict(why, lag, replayed, written, now))

    def _is_old(self) -> bool:
        return self._verdict.why is not Why.NOT_ASKED and time.monotonic() - self._verdict.at > COUNTS_SECONDS

    def _most(self) -> float:
        """Return how far behind it may be; one that is left out comes back once it is nearer, or it would flap."""
        most: int = settings.DATABASE_REPLICA_LAG
        return max(most / 2, 2 * EVERY_SECONDS) if self._verdict.why else most

    def _note(self, verdict: Verdict) -> None:
        before, self._verdict = self._verdict, verdict
        if verdict.why and verdict.why != before.why:
            logger.warning("The replica is left out: %s", verdict.why)
        elif before.why and not verdict.why:
            logger.warning("The replica is read from")

    def _keep_asking(self) -> None:
        # Who waits for the primary to be there again cannot say meanwhile that it is gone.
        cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS]).is_patient = False
        while True:
            began = time.monotonic()
            try:
                self.look()
            except Exception:
                logger.exception("The replica could not be looked at")
                self.doubt()
            time.sleep(max(0.0, began + EVERY_SECONDS - time.monotonic()))

    def _keep_cutting(self) -> None:
        """Free those who wait for a replica that hangs, among them the thread that asks."""
        while True:
            time.sleep(EVERY_SECONDS)
            try:
                if self._is_old():
                    cut_off()
            except Exception:
                logger.exception("Those who wait for the replica could not be freed")


WATCH = Watch()
"""That of this process."""


def position() -> int:
    """Return a position that is not before anything that the primary has written so far."""
    return _numbers(DEFAULT_DB_ALIAS, f"SELECT {INSERTED}")[0]


def is_used() -> bool:
    """Return whether there is a replica by the settings."""
    return REPLICA in settings.DATABASES


def _numbers(alias: str, sql: str) -> tuple[int, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        row: tuple[int, ...] = cursor.fetchone()
        return row
