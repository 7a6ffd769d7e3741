"""One long job of a kind at a time, with other processes that really hold the lock."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from customers.core.sql import is_postgres
from customers.jobs import lock
from customers.jobs.lock import LockHeld, job_lock, short_job
from rsolv_cs.operations import backups
from tests.factories import write_feeds
from tests.support.commands import held_elsewhere
from tests.support.processes import database_url, lock_held, manage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database of the other process, whose locks this one sees."""
    monkeypatch.setattr(lock, "_lock_file", lambda job: tmp_path / f"db.sqlite3.{job}.lock")
    return database_url(tmp_path)


def test_an_import_beside_another_one_does_nothing_and_exits_75(url: str, tmp_path: Path) -> None:
    folder = write_feeds(tmp_path)
    with lock_held(url, "import"):
        run = manage(url, "import_csvs", "--dir", folder, "--json")
        dry_run = manage(url, "import_csvs", "--dir", folder, "--dry-run")
    assert (run.returncode, dry_run.returncode) == (75, 75)
    assert (run.stdout, dry_run.stdout) == ('{"feeds": []}\n', "")
    for stream in (run.stderr, dry_run.stderr):
        assert stream == "CommandError: Another import is running; nothing was done.\n"


def test_the_lock_of_a_process_that_was_killed_is_free(url: str) -> None:
    with lock_held(url, "import") as process:
        with pytest.raises(LockHeld), job_lock("import"):
            pass
        process.kill()
        process.wait()
        # PostgreSQL's server may take a moment to notice.
        for _attempt in range(500):
            try:
                with job_lock("import"):
                    return
            except LockHeld:
                time.sleep(0.01)
        pytest.fail("the lock is still held")


def test_the_lock_is_free_after_its_job_even_if_that_failed(url: str) -> None:
    with pytest.raises(ZeroDivisionError), job_lock("import"):
        _ = 1 / 0
    with lock_held(url, "import"), job_lock("score"), pytest.raises(LockHeld), job_lock("import"):
        pass


def busy(*, shared: bool) -> bool:
    try:
        with job_lock("import", shared=shared):
            return False
    except LockHeld:
        return True


def test_a_lock_is_held_by_several_or_alone(url: str) -> None:
    with lock_held(url, "import", "shared"):
        assert (busy(shared=True), busy(shared=False)) == (False, True)
    with lock_held(url, "import", "alone"):
        assert (busy(shared=True), busy(shared=False)) == (True, True)
    assert (busy(shared=True), busy(shared=False)) == (False, False)


def test_sqlites_lock_file_lies_beside_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(connection.settings_dict, "NAME", Path("/srv/rsolv/db.sqlite3"))
    assert lock._lock_file("import") == Path("/srv/rsolv/db.sqlite3.import.lock")


def test_json_is_one_object_when_the_database_cannot_be_used(tmp_path: Path) -> None:
    run = manage(f"sqlite:///{tmp_path / 'not-migrated.sqlite3'}", "import_csvs", "--dir", tmp_path, "--json")
    assert run.returncode == 1
    assert json.loads(run.stdout) == {"feeds": []}
    assert run.stderr.splitlines()[-1] == (
        f"CommandError: The database lacks {len(backups.migrated())} migrations of this version: "
        "run `manage.py migrate`, then `import_csvs` again."
    )


def test_a_lock_is_taken_again_where_the_connection_was_lost(url: str, tmp_path: Path) -> None:
    with job_lock("import") as lock:
        connection.close()
        lock.renew()
        assert manage(url, "import_csvs", "--dir", write_feeds(tmp_path)).returncode == 75


def test_a_lock_that_another_took_meanwhile_cannot_be_renewed(url: str) -> None:
    if not is_postgres():
        pytest.skip("SQLite's lock is on a file, and no connection has it")
    with job_lock("import") as lock:
        connection.close()
        with lock_held(url, "import"), pytest.raises(LockHeld):
            lock.renew()


# --- Jobs that end within seconds -------------------------------------------------------------------------------


@contextmanager
def ingest_elsewhere(seconds: float) -> Iterator[None]:
    """A short job of somebody else, which has the lock of imports for so long."""
    holding = threading.Event()

    def hold() -> None:
        try:
            with short_job(), job_lock("import"):
                holding.set()
                time.sleep(seconds)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(10)
    yield
    thread.join()


@pytest.mark.parametrize("shared", [False, True])
def test_whoever_meets_a_short_job_waits_for_its_end(url: str, *, shared: bool) -> None:
    with ingest_elsewhere(0.4):
        began = time.monotonic()
        assert not busy(shared=shared)
        assert time.monotonic() - began > 0.2


def test_a_short_job_that_takes_long_is_waited_for_no_longer_than_said(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "SHORT_JOB_SECONDS", 0.2)
    with ingest_elsewhere(1):
        assert busy(shared=False)


def test_a_long_job_is_not_waited_for_and_a_short_one_waits_for_nobody(url: str) -> None:
    began = time.monotonic()
    with held_elsewhere("import"):
        assert busy(shared=False)
        with short_job():
            assert busy(shared=False)
            assert busy(shared=True)
    assert time.monotonic() - began < lock.SHORT_JOB_SECONDS / 4
    with short_job(), job_lock("import"):
        pass
