"""One long job of a kind at a time, however many processes or machines there are."""

import fcntl
import logging
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections, transaction
from django.utils import timezone

from customers.audit import trail
from customers.core.files import open_to_lock
from customers.core.signals import run_ended
from customers.core.sql import is_pooled, is_postgres
from customers.models import ImportRun
from customers.text.say import english, in_english

if TYPE_CHECKING:
    # SQLite does without its driver.
    from customers.core.postgresql.base import DatabaseWrapper

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 0.05
_LOST_SESSION_LASTS = 2
"""Seconds in which a lost session is surely gone."""
SHORT_JOB = "short"
SHORT_JOB_SECONDS = 20
"""So long does a job wait for a lock that a short job has."""
_BEGIN_SECONDS = 2
_is_short = ContextVar("is_short", default=False)


class LockHeld(Exception):
    """Another process holds the lock."""

    def __init__(self, job: str) -> None:
        super().__init__(self._says(job))

    def _says(self, job: str) -> str:
        return english(f"another process has the lock of {job}")


class LockLost(LockHeld):
    """The connection that held the lock has ended in mid-job, and another process has the lock now."""

    def _says(self, job: str) -> str:
        return english(
            f"the connection that held the lock of {job} has ended, and another process has the lock now; "
            "nothing of this transaction is stored: run the job again when the other one has ended"
        )


class JobLock(ABC):
    """The lock of ``job``, alone or shared with others; the system releases it when the process dies."""

    def __init__(self, job: str, *, shared: bool) -> None:
        self.job, self.shared = job, shared

    @abstractmethod
    def renew(self) -> None:
        """Take the lock, unless it is held; raises ``LockHeld`` where another process has it.

        A long job does so after it has met an error, because a connection may be lost. Each of its transactions does
        so by itself where the connection has the lock.
        """

    @abstractmethod
    def release(self) -> None:
        """Give the lock back."""

    @abstractmethod
    def guard(self) -> None:
        """Let no transaction of this connection begin without the lock, until it is given back."""


class _FileLock(JobLock):
    """A lock on a file beside the database of SQLite, which no lost connection takes away."""

    def __init__(self, job: str, *, shared: bool) -> None:
        super().__init__(job, shared=shared)
        self._file = open_to_lock(_lock_file(job))

    def renew(self) -> None:
        try:
            fcntl.flock(self._file, (fcntl.LOCK_SH if self.shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockHeld(self.job) from None

    def release(self) -> None:
        self._file.close()

    def guard(self) -> None:
        """Do nothing: it is held as long as the process lives."""


class _AdvisoryLock(JobLock):
    """An advisory lock of PostgreSQL.

    It may be lost with its connection while a transaction of the job goes on elsewhere. So such a transaction has a
    second lock, its own, until its end, and nobody takes the first one while somebody else has the second.
    """

    def __init__(self, job: str, *, shared: bool) -> None:
        super().__init__(job, shared=shared)
        self._number, self._of_transactions = _number(job), _number(f"{job}.transaction")
        self._suffix = "_shared" if shared else ""
        self._asks = self._works = cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS])
        self._was_held = False

    def guard(self) -> None:
        self._works.at_begin.append(self._begin)

    def release(self) -> None:
        if self._begin in self._works.at_begin:
            self._works.at_begin.remove(self._begin)
        self._give_back()

    @abstractmethod
    def _begin(self) -> None:
        """Make sure of the lock as a transaction begins; raises ``LockLost``."""

    @abstractmethod
    def _try(self) -> bool:
        """Take the lock if it is free, and return whether it was."""

    @abstractmethod
    def _give_back(self) -> None:
        """Give the lock back, if it is held."""

    def _take(self, *, is_in_transaction: bool) -> None:
        # The server ends a session that was lost, and with it the lock, a moment after its connection.
        until = time.monotonic() + (_LOST_SESSION_LASTS if self._was_held else 0)
        while True:
            if self._try():
                if is_in_transaction or self._nobody_writes():
                    self._was_held = True
                    return
                self._give_back()
            if time.monotonic() >= until:
                raise self._held_by_another()
            time.sleep(_RETRY_SECONDS)

    def _held_by_another(self) -> LockHeld:
        return (LockLost if self._was_held else LockHeld)(self.job)

    def _nobody_writes(self) -> bool:
        """Return whether no transaction goes on of somebody who has lost the lock."""
        lock = f"{self._suffix}({self._of_transactions})"
        taken, given = f"pg_try_advisory_lock{lock}", f"pg_advisory_unlock{lock}"
        return _is_so(self._asks, f"CASE WHEN {taken} THEN {given} ELSE false END")


class _SessionLock(_AdvisoryLock):
    """One that belongs to the session that does the work, so that both end together."""

    _session: object = None

    def renew(self) -> None:
        self._works.ensure_connection()
        if self._session is not self._works.connection:
            self._take(is_in_transaction=False)

    def _begin(self) -> None:
        self.renew()

    def _try(self) -> bool:
        is_free = _is_so(self._works, f"pg_try_advisory_lock{self._suffix}({self._number})")
        if is_free:
            self._session = self._works.connection
        return is_free

    def _give_back(self) -> None:
        if self._session and self._session is self._works.connection and self._works.is_usable():
            _is_so(self._works, f"pg_advisory_unlock{self._suffix}({self._number})")
        self._session = None


class _TransactionLock(_AdvisoryLock):
    """One that belongs to a transaction on a connection of its own, which a pooler leaves alone until its end."""

    def __init__(self, job: str, *, shared: bool) -> None:
        super().__init__(job, shared=shared)
        self._asks = self._own = self._works.copy()
        self._own.settings_dict["AUTOCOMMIT"] = False
        self._guards = False

    def renew(self) -> None:
        self._renew(is_in_transaction=self._guards and self._works.in_atomic_block)

    def _renew(self, *, is_in_transaction: bool) -> None:
        if not (self._own.connection and self._own.is_usable()):
            self._own.close()
            self._take(is_in_transaction=is_in_transaction)

    def _begin(self) -> None:
        if not _is_so(self._works, f"pg_try_advisory_xact_lock{self._suffix}({self._of_transactions})"):
            raise self._held_by_another()
        self._guards = True
        self._renew(is_in_transaction=True)

    def _try(self) -> bool:
        is_free = _is_so(self._own, f"pg_try_advisory_xact_lock{self._suffix}({self._number})")
        if not is_free:
            self._own.close()
        return is_free

    def _give_back(self) -> None:
        # The end of a connection is told without waiting: the next who takes the lock would be too early.
        with suppress(Error):
            if self._own.connection:
                self._own.rollback()
        self._own.close()


def _number(name: str) -> int:
    return zlib.crc32(f"rsolv_cs.{name}".encode())


def _is_so(asked: "DatabaseWrapper", expression: str) -> bool:
    with asked.cursor() as cursor:
        cursor.execute(f"SELECT {expression}")
        return bool(cursor.fetchone() == (True,))


def _new_lock(job: str, *, shared: bool) -> JobLock:
    if not is_postgres():
        return _FileLock(job, shared=shared)
    return (_TransactionLock if is_pooled() else _SessionLock)(job, shared=shared)


@contextmanager
def job_lock(job: str, *, shared: bool = False) -> Iterator[JobLock]:
    """Hold the lock of ``job``; raises ``LockHeld`` at once where another process has it.

    A short job is waited for. Several may hold the lock ``shared``, as long as nobody holds it alone.

    Every run is made by whoever holds the lock of imports alone. So a run that seems to go on as somebody else gets
    it was killed, and is marked as interrupted.
    """
    lock = _new_lock(job, shared=shared)
    try:
        _take(lock)
        if job == "import" and not shared:
            try:
                _mark_interrupted()
            except Error as error:
                # Whoever takes the lock next does it.
                logger.warning("Interrupted runs could not be marked: %s", error)
        lock.guard()
        yield lock
    finally:
        lock.release()


@contextmanager
def job_lock_within(seconds: float, job: str) -> Iterator[JobLock]:
    """Hold the lock of ``job`` alone, after waiting for it for a while; raises ``LockHeld`` where that was in vain."""
    last = time.monotonic() + seconds
    with ExitStack() as stack:
        while True:
            try:
                lock = stack.enter_context(job_lock(job))
                break
            except LockHeld:
                if time.monotonic() >= last:
                    raise
                time.sleep(_RETRY_SECONDS)
        yield lock


@contextmanager
def short_job() -> Iterator[None]:
    """Mark the block as a job that ends within seconds, so that whoever meets its locks waits; it waits for nobody."""
    with job_lock_within(_BEGIN_SECONDS, SHORT_JOB):
        marked = _is_short.set(True)
        try:
            yield
        finally:
            _is_short.reset(marked)


def is_short() -> bool:
    """Return whether what runs here is a short job."""
    return _is_short.get()


def _take(lock: JobLock) -> None:
    """Take a lock, after waiting for a short job that may have it; raises ``LockHeld`` where somebody else has it."""
    last = time.monotonic() + SHORT_JOB_SECONDS
    while True:
        try:
            lock.renew()
            return
        except LockHeld:
            if lock.job == SHORT_JOB or is_short() or time.monotonic() >= last:
                raise
        if not _short_job_runs():
            # It may have ended just now, and its locks with it.
            lock.renew()
            return
        time.sleep(_RETRY_SECONDS)


def _short_job_runs() -> bool:
    lock = _new_lock(SHORT_JOB, shared=True)
    try:
        lock.renew()
    except LockHeld:
        return True
    finally:
        lock.release()
    return False


def _mark_interrupted() -> None:
    for run in ImportRun.objects.filter(status=ImportRun.Status.RUNNING):
        run.status = ImportRun.Status.INTERRUPTED
        if run.undoes_id:
            run.reason = english("the process ended before the run did; nothing of it was put back")
        else:
            run.reason = english("the process ended before the run did; nothing of it was loaded")
        run.finished_at = timezone.now()
        with transaction.atomic():
            run.save(update_fields=["status", "reason", "finished_at"])
            with in_english():
                trail.record(trail.Action.IMPORT, run, detail=f"{run.get_status_display()}: {run.reason}")
            run_ended.send(sender=ImportRun, run=run)


def _lock_file(job: str) -> Path:
    database = Path(str(connection.settings_dict["NAME"]))
    return database.with_name(f"{database.name}.{job}.lock")
