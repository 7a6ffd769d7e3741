"""One long job of a kind at a time, however many processes or machines there are."""

import fcntl
import logging
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.db import Error, connection
from django.utils import timezone

from customers.core.files import open_to_lock
from customers.models import ImportRun

logger = logging.getLogger(__name__)

_AGAIN_AFTER = 0.05


class Busy(Exception):
    """Another process holds the lock."""


@contextmanager
def job_lock(job: str, *, shared: bool = False) -> Iterator[Callable[[], None]]:
    """Hold the lock of ``job``; raises ``Busy`` at once where another process has it.

    Several may hold it ``shared``, as long as nobody holds it alone. A long job calls what this yields now and
    then: it takes the lock again where the database was gone meanwhile, or raises ``Busy``.

    Every run is made by whoever holds the lock of imports alone. So a run that seems to go on as somebody else gets
    it was killed, and is marked as interrupted.
    """
    with _held(job, shared=shared) as hold:
        if job == "import" and not shared:
            try:
                _mark_interrupted()
            except Error as error:
                # Whoever takes the lock next does it.
                logger.warning("Interrupted runs could not be marked: %s", error)
        yield hold


def _mark_interrupted() -> None:
    for run in ImportRun.objects.filter(status=ImportRun.Status.RUNNING):
        what = "put back" if run.undoes_id else "loaded"
        run.status = ImportRun.Status.INTERRUPTED
        run.reason = f"the process ended before the run did; nothing of it was {what}"
        run.finished_at = timezone.now()
        run.save(update_fields=["status", "reason", "finished_at"])


@contextmanager
def _held(job: str, *, shared: bool) -> Iterator[Callable[[], None]]:
    """Hold it: on PostgreSQL an advisory lock of the session, on SQLite a lock on a file beside the database.

    Both are released by the system when the process dies.
    """
    if connection.vendor == "postgresql":
        number = zlib.crc32(f"rsolv_cs.{job}".encode())
        how = "_shared" if shared else ""
        session = None

        def hold() -> None:
            nonlocal session
            with connection.cursor() as cursor:
                if session is connection.connection:
                    return
                cursor.execute(f"SELECT pg_try_advisory_lock{how}(%s)", [number])
                if not cursor.fetchone()[0]:
                    raise Busy(f"another process has the lock of {job}")
            session = connection.connection

        hold()
        try:
            yield hold
        finally:
            if session is connection.connection and connection.is_usable():
                with connection.cursor() as cursor:
                    cursor.execute(f"SELECT pg_advisory_unlock{how}(%s)", [number])
        return
    with open_to_lock(_lock_file(job)) as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"another process has the lock of {job}") from None
        yield lambda: None


@contextmanager
def job_lock_within(seconds: float, job: str) -> Iterator[Callable[[], None]]:
    """Hold the lock of ``job`` alone, after waiting for it for a while; raises ``Busy`` where that was in vain."""
    last = time.monotonic() + seconds
    with ExitStack() as stack:
        while True:
            try:
                hold = stack.enter_context(job_lock(job))
                break
            except Busy:
                if time.monotonic() >= last:
                    raise
                time.sleep(_AGAIN_AFTER)
        yield hold


def _lock_file(job: str) -> Path:
    database = Path(str(connection.settings_dict["NAME"]))
    return database.with_name(f"{database.name}.{job}.lock")
