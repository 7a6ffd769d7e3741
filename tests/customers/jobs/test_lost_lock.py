"""A lock that ends in mid-job with its connection: nobody else begins, or nothing of the job is stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import DataError, connection, connections, transaction
from pytest_django.fixtures import Settings

from customers.core.dry_run import temporarily
from customers.core.sql import execute, is_postgres, read_snapshot, unguarded
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.jobs import lock
from customers.jobs.lock import JobLock, LockHeld, LockLost, job_lock
from customers.models import Customer, ImportRun
from tests.factories import make_customer, write_feeds
from tests.support.processes import database_url, lock_held

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def postgresql() -> None:
    if not is_postgres():
        pytest.skip("SQLite's lock is on a file, and no connection has it")


@pytest.fixture
def pooler(settings: Settings) -> None:
    """As behind a pooler: the lock has a connection of its own."""
    settings.DATABASE_POOLER = True


def cut(held: JobLock) -> None:
    """End the connection that has the lock, and wait until the server has done so."""
    assert isinstance(held, lock._TransactionLock)
    session = held._own.connection.info.backend_pid
    execute("SELECT pg_terminate_backend(%s, 5000)", [session])


@contextmanager
def taken_elsewhere(job: str, *, shared: bool = False) -> Iterator[None]:
    """Somebody else has a lock meanwhile, with a connection of its own to the server."""
    other = connection.copy()
    ours, connections["default"] = connections["default"], other
    try:
        with job_lock(job, shared=shared):
            connections["default"] = ours
            yield
            connections["default"] = other
    finally:
        connections["default"] = ours
        other.close()


@pytest.mark.parametrize("shared", [False, True])
def test_nobody_gets_the_lock_that_was_lost_before_the_transaction_has_ended(pooler: None, *, shared: bool) -> None:
    with job_lock("import", shared=shared) as held:
        with transaction.atomic():
            make_customer(id="a")
            cut(held)
            with pytest.raises(LockHeld), taken_elsewhere("import"):
                pass
        assert Customer.objects.count() == 1
        # From then on it is free, for nobody writes.
        with taken_elsewhere("import"):
            pass


def test_one_past_the_pooler_does_not_get_it_either(pooler: None, settings: Settings) -> None:
    with job_lock("import") as held, transaction.atomic():
        cut(held)
        settings.DATABASE_POOLER = False
        with pytest.raises(LockHeld), taken_elsewhere("import"):
            pass


def test_no_transaction_begins_of_whom_the_lock_was_taken(pooler: None) -> None:
    with job_lock("import") as held:
        cut(held)
        with taken_elsewhere("import"):
            with pytest.raises(LockLost, match=r"lock of import .* run the job again"), transaction.atomic():
                make_customer(id="a")
            # The connection is as it was.
            assert not Customer.objects.exists()
            with unguarded(), transaction.atomic():
                make_customer(id="b")
        with transaction.atomic():
            make_customer(id="c")
        with pytest.raises(LockHeld), taken_elsewhere("import"):
            pass
    assert sorted(Customer.objects.values_list("pk", flat=True)) == ["b", "c"]
    with taken_elsewhere("import"):
        pass


def test_without_a_pooler_a_new_connection_begins_with_the_lock_or_with_nothing(tmp_path: Path) -> None:
    with job_lock("import"):
        connection.close()
        with lock_held(database_url(tmp_path), "import"), pytest.raises(LockLost), transaction.atomic():
            make_customer(id="a")
        with transaction.atomic(), pytest.raises(LockHeld), taken_elsewhere("import", shared=True):
            pass
    with transaction.atomic(), taken_elsewhere("import"):
        pass


def test_what_is_read_of_one_moment_asks_for_no_lock_first(pooler: None) -> None:
    with job_lock("import"):
        with read_snapshot():
            assert not Customer.objects.exists()
        with temporarily():
            make_customer(id="a")
    assert not Customer.objects.exists()


def test_several_share_a_lock_while_each_of_them_writes(pooler: None) -> None:
    both = job_lock("import", shared=True), taken_elsewhere("import", shared=True)
    with both[0], transaction.atomic(), both[1], pytest.raises(LockHeld), taken_elsewhere("import"):
        pass


def test_an_import_that_lost_its_lock_says_so_in_its_run(
    pooler: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = write_feeds(tmp_path)
    renew, first_try = lock._TransactionLock.renew, lock._TransactionLock._try

    def lose(held: lock._TransactionLock) -> None:
        renew(held)
        if ImportRun.objects.exists():
            cut(held)

    monkeypatch.setattr(lock._TransactionLock, "renew", lose)
    monkeypatch.setattr(lock, "_LOST_SESSION_LASTS", 0)
    monkeypatch.setattr(lock._TransactionLock, "_try", lambda held: not held._was_held and first_try(held))
    outcomes = import_folder(folder, ["customers"], Options(started_by="test"))
    assert [(outcome.status, outcome.reason) for outcome in outcomes] == [
        (
            "failed",
            "LockLost: the connection that held the lock of import has ended, and another process has the lock now; "
            "nothing of this transaction is stored: run the job again when the other one has ended",
        )
    ]
    assert not Customer.objects.exists()


def test_an_error_as_a_transaction_begins_leaves_the_connection_usable() -> None:
    ours = connection.copy()

    def fail() -> None:
        with ours.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    ours.at_begin.append(fail)
    with pytest.raises(DataError):
        ours.set_autocommit(False)
    ours.at_begin.clear()
    with ours.cursor() as cursor:
        assert cursor.execute("SELECT 1").fetchone() == (1,)
    assert ours.connection.autocommit
    ours.close()
