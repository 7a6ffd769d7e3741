"""A disk that is full and a database that goes away end an import as a whole, and the next import completes."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from customers.core.sql import execute, fetch, is_postgres
from customers.imports import load as loader
from customers.models import Customer, ImportRun
from tests.customers.archive.test_archive import on_a_full_disk
from tests.factories import csv_row, write_feed
from tests.support.faults import MANY, feed_state, run_import, small_feeds, statuses, structure
from tests.support.loading import load, states
from tests.support.own_databases import OF_THIS_DATABASE

pytestmark = pytest.mark.slow


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """The database cannot grow: by more than ``room`` pages on SQLite, in the table of engagement on PostgreSQL."""
    if is_postgres():
        execute(
            """
            CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"""
        )
        execute("CREATE TRIGGER full_disk AFTER INSERT ON customers_engagement EXECUTE FUNCTION no_room()")
        yield
        execute("DROP FUNCTION no_room CASCADE")
        return
    execute(f"PRAGMA max_page_count = {fetch('PRAGMA page_count')[0][0] + room}")
    yield
    connection.close()  # The limit is the connection's.


def test_a_full_disk_fails_the_feed_and_the_next_import_completes(url: str, tmp_path: Path) -> None:
    folder = small_feeds(tmp_path)
    before = structure()
    with full_disk(room=40):
        outcomes = run_import(folder)
    reason = "could not extend file: No space left on device" if is_postgres() else "database or disk is full"
    assert statuses(outcomes) == ["loaded", "loaded", "failed"]
    assert outcomes[2].reason == f"OperationalError: {reason}"
    run = ImportRun.objects.get(pk=outcomes[2].run)
    assert (run.status, run.reason, run.rows) == ("failed", outcomes[2].reason, 0)
    assert (len(feed_state("engagement")["rows"]), structure()) == (0, before)
    assert [states(outcome) for outcome in load(folder).values()] == [(0, 0, 2, 0), (0, 0, 0, 0), (MANY, 0, 0, 0)]


def test_a_disk_without_room_for_one_page_more_is_a_failure_that_ends(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if is_postgres():
        pytest.skip("only SQLite's file can be given a largest size")
    folder = small_feeds(tmp_path, engagement=10)
    rows = [csv_row("customers", id=f"c{n}", organization="A" * 200) for n in range(1, 500)]
    write_feed(folder, "customers", rows)
    with full_disk(room=0):
        outcomes = run_import(folder)
    assert (outcomes[0].status, outcomes[0].reason) == ("failed", "OperationalError: database or disk is full")
    assert not Customer.objects.exists()
    assert states(load(folder)["customers"]) == (499, 0, 0, 0)


def test_a_full_disk_under_the_archive_is_a_warning(
    url: str, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_feeds(tmp_path, engagement=10)
    with monkeypatch.context() as patched:
        patched.setattr("customers.core.files.os.fdopen", on_a_full_disk)
        outcomes = run_import(folder)
    assert statuses(outcomes) == ["loaded"] * 3
    assert [outcome.warnings for outcome in outcomes] == [["the file is not archived: No space left on device"]] * 3
    assert [path for path in settings.ARCHIVE_DIR.rglob("*") if not path.is_dir()] == []
    assert [outcome.warnings for outcome in load(folder).values()] == [[], [], []]


def another_session(sql: str, parameters: Sequence[Any] = ()) -> Any:
    """The first value that a query gives to another session of the test's database."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchone()[0]
    finally:
        other.close()


def terminating(feed: str, then: Callable[[str], None]) -> Callable[[Path], Callable[[int], object]]:
    """Progress that ends the import's session as the file of ``feed`` is read, and calls ``then`` for later ones."""

    def progress(path: Path) -> Callable[[int], object]:
        if path.name != f"{feed}.csv":
            then(path.name)
            return lambda count: None
        pid = connection.connection.info.backend_pid
        return lambda count: another_session("SELECT pg_terminate_backend(%s)", [pid])

    return progress


LOCKED = f"SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND {OF_THIS_DATABASE}"


def test_a_database_that_goes_away_fails_the_feed_alone_and_keeps_the_lock(url: str, tmp_path: Path) -> None:
    if not is_postgres():
        pytest.skip("SQLite has no server that could go away")
    folder = small_feeds(tmp_path, engagement=10, events=[csv_row("events", customer_id="c1")])
    locked = {}

    def note_lock(name: str) -> None:
        locked[name] = another_session(LOCKED)

    outcomes = run_import(folder, progress=terminating("onboarding", note_lock))
    assert statuses(outcomes) == ["loaded", "failed", "loaded", "loaded"]
    assert "terminating connection due to administrator command" in outcomes[1].reason
    assert locked == {"customers.csv": 1, "engagement.csv": 1, "events.csv": 1}
    run = ImportRun.objects.get(pk=outcomes[1].run)
    assert (run.status, run.reason) == ("failed", outcomes[1].reason)
    assert another_session(LOCKED) == 0
    assert [states(outcome) for outcome in load(folder).values()] == [
        (0, 0, 2, 0),
        (0, 0, 0, 0),
        (0, 0, 10, 0),
        (0, 0, 1, 0),
    ]


def test_an_import_that_lost_its_lock_to_another_one_loads_nothing_more(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_postgres():
        pytest.skip("SQLite has no server that could go away")
    folder = small_feeds(tmp_path, engagement=10)
    other = connection.copy()
    stop = loader.FeedRun._stop

    def take_lock(*arguments: Any) -> None:
        stop(*arguments)
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [zlib.crc32(b"rsolv_cs.import")])

    monkeypatch.setattr(loader.FeedRun, "_stop", take_lock)
    try:
        outcomes = run_import(folder, progress=terminating("onboarding", lambda name: None))
    finally:
        # Closing alone lets the lock go only when the server notices.
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")
        other.close()
    assert statuses(outcomes) == ["loaded", "failed", "failed"]
    assert outcomes[2].reason.startswith("LockLost: the connection that held the lock of import has ended")
    assert states(load(folder)["engagement"]) == (10, 0, 0, 0)
