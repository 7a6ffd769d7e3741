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

from django.db import Error, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from customers.audit import trail
from customers.core.files import open_to_lock
from customers.core.signals import run_ended
from customers.core.sql import execute, is_pooled, is_postgres
from customers.models import ImportRun
from customers.text.say import english, in_english

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
        super().__init__(english(f"another process has the lock of {job}"))


class JobLock(ABC):
    """The lock of ``job``, alone or shared with others; the system releases it when the process dies."""

    def __init__(self, job: str, *, shared: bool) -> None:
        self.job, self.shared = job, shared

    @abstractmethod
    def renew(self) -> None:
        """Take the lock, unless it is held. A long job does so now and then, because a connection may be lost.

        Raises ``LockHeld`` where another process has it.
        """

    @abstractmethod
    def release(self) -> None:
        """Give the lock back."""


class _FileLock(JobLock):
    """A lock on a file beside the database of SQLite."""

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


class _AdvisoryLock(JobLock):
    """An advisory lock of PostgreSQL."""

    def __init__(self, job: str, *, shared: bool) -> None:
        super().__init__(job, shared=shared)
        self._number = zlib.crc32(f"rsolv_cs.{job}".encode())
        self._suffix = "_shared" if shared else ""

    def _take(self, cursor: CursorWrapper, function: str, *, is_lost: bool) -> None:
        # The server ends a session that was lost, and with it the lock, a moment after its connection.
        until = time.monotonic() + (_LOST_SESSION_LASTS if is_lost else 0)
        while True:
            cursor.execute(f"SELECT {function}{self._suffix}(%s)", [self._number])
            if cursor.fetchone() == (True,):
                return
            if time.monotonic() >= until:
                raise LockHeld(self.job)
            time.sleep(_RETRY_SECONDS)


class _SessionLock(_AdvisoryLock):
    """One that belongs to the session that does the work, so that both end together."""

    _session: object = None

    def renew(self) -> None:
        with connection.cursor() as cursor:
            if self._session is not connection.connection:
                self._take(cursor, "pg_try_advisory_lock", is_lost=self._session is not None)
                self._session = connection.connection

    def release(self) -> None:
        if self._session and self._session is connection.connection and connection.is_usable():
            execute(f"SELECT pg_advisory_unlock{self._suffix}(%s)", [self._number])


class _TransactionLock(_AdvisoryLock):
    """One that belongs to a transaction on a connection of its own, which a pooler leaves alone until its end."""

    def __init__(self, job: str, *, shared: bool) -> None:
        super().__init__(job, shared=shared)
        self._own = connection.copy()
        self._own.settings_dict["AUTOCOMMIT"] = False
        self._was_held = False

    def renew(self) -> None:
        if self._own.connection and self._own.is_usable():
            return
        self._own.close()
        try:
            with self._own.cursor() as cursor:
                self._take(cursor, "pg_try_advisory_xact_lock", is_lost=self._was_held)
        except LockHeld:
            self._own.close()
            raise
        self._was_held = True

    def release(self) -> None:
        # The end of a connection is told without waiting: the next who takes the lock would be too early.
        with suppress(Error):
            if self._own.connection:
                self._own.rollback()
        self._own.close()


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
