"""Whatever ends an import half-way: the data is wholly before or wholly after, and the next import completes.

Each test has a database of its own, which real processes use too.
"""

import gzip
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.db import connection, connections
from django.test import Client
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings

from customers.core.sql import execute, fetch, is_postgres
from customers.feeds.declarations import FEEDS
from customers.imports import load as loader
from customers.imports.folder import import_folder
from customers.imports.interface import Options, Outcome
from customers.imports.strategies.file_load import FileLoad
from customers.models import Customer, ImportRun, QuarantinedRow, RowChange, StepSighting
from tests.customers.archive.test_archive import on_a_full_disk
from tests.factories import csv_row, load_demo_program, make_staff, write_feed, write_feeds
from tests.support.commands import Ran
from tests.support.databases import create_database, drop_database, name_in, url_of
from tests.support.loading import load, states
from tests.support.processes import environment, manage

SECONDS = 120
INTERRUPTED = "the process ended before the run did; nothing of it was loaded"
CHANGED = "the file changed while it was read; import it again once it is complete"
NAMES = list(FEEDS)


# --- A database of the test's own ---------------------------------------------------------------------------------


@contextmanager
def database(name: str) -> Iterator[None]:
    """Make this the default database of the test's own process: a file on SQLite, a name on PostgreSQL."""
    ours = connections["default"]
    other = ours.copy()
    other.settings_dict = {**ours.settings_dict, "NAME": name}
    connections["default"] = other
    try:
        yield
    finally:
        other.close()
        connections["default"] = ours


OF_THIS_DATABASE = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"


@pytest.fixture(scope="module")
def unblocked(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def own(
    unblocked: None, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], str]]:
    """Copies a database, makes the copy the test's default one, and returns its URL; the archive is apart too."""
    monkeypatch.undo()  # The lock files lie beside the database again.
    (tmp_path / "own").mkdir()
    settings.ARCHIVE_DIR = tmp_path / "own" / "archive"
    with ExitStack() as stack:

        def copy(template: str) -> str:
            name = name_in(tmp_path / "own")
            create_database(name, template)
            stack.callback(drop_database, name)
            stack.enter_context(database(name))
            return url_of(name)

        yield copy


@pytest.fixture
def url(django_db_setup: str, own: Callable[[str], str]) -> str:
    """The URL of a database without rows, which is the test's default one too."""
    return own(django_db_setup)


# --- Killed -------------------------------------------------------------------------------------------------------


def yesterday(folder: Path) -> Path:
    """What is loaded before the night that goes wrong: a feedback row waits for its customer."""
    return write_feeds(
        folder,
        customers=[csv_row("customers", id=key) for key in ("c1", "c2", "c3")],
        onboarding=[csv_row("onboarding", id=f"o{n}", customer_id=f"c{n}") for n in (1, 2)],
        feedback=[csv_row("feedback", id="f1", customer_id="c1"), csv_row("feedback", id="f2", customer_id="c9")],
        events=[csv_row("events", id="v1", customer_id="c1")],
    )


def tonight(folder: Path) -> Path:
    """A night with something for each step: changes, a row gone, one replaced, bad ones, a first load, a tail."""
    e = [csv_row("engagement", id=f"e{n}", customer_id="c1") for n in (1, 2, 3, 4, 4, 5, 6)]
    e[4]["issues_tagged"] = "6"
    e[5]["date"] = "soon"
    e[6]["customer_id"] = "c77"
    return write_feeds(
        folder,
        customers=[
            csv_row("customers", id="c1", cohort="New"),
            csv_row("customers", id="c2"),
            csv_row("customers", id="c4", signup_date="soon"),
            csv_row("customers", id="c9"),
        ],
        onboarding=[
            csv_row("onboarding", id="o1", customer_id="c1", first_issue_tagged="true"),
            csv_row("onboarding", id="o5", customer_id="c2"),
            csv_row("onboarding", id="o7", customer_id="c77"),
        ],
        engagement=e,
        feedback=[csv_row("feedback", id="f1", customer_id="c1"), csv_row("feedback", id="f3", customer_id="c9")],
        events=[csv_row("events", id="v1", customer_id="c1"), csv_row("events", id="v2", customer_id="c9")],
    )


LEDGER = {
    "customers": (1, 1, 1, 1),
    "onboarding": (0, 2, 0, 1),
    "engagement": (3, 0, 0, 4),
    "feedback": (1, 0, 1, 0),
    "events": (1, 0, 1, 0),
}
"""What that night creates, updates, leaves unchanged and quarantines."""
SAME_AGAIN = {
    "customers": (0, 0, 3, 1),
    "onboarding": (0, 0, 2, 1),
    "engagement": (0, 0, 3, 4),
    "feedback": (0, 0, 2, 0),
    "events": (0, 0, 2, 0),
}
COMMIT = "django.db.backends.base.base:BaseDatabaseWrapper._commit"
POINTS: list[tuple[str, int, int, str | None]] = [
    # A function, which of its calls, how many feeds are committed by then, and whose run is interrupted.
    ("customers.imports.folder:find_file", 3, 0, None),
    ("customers.feeds.reader:CsvReader._read_bytes", 1, 0, "customers"),
    ("customers.feeds.reader:CsvReader._read_bytes", 5, 1, "onboarding"),  # once more, for the bad rows
    ("customers.feeds.reader:CsvReader.skip", 2, 4, "events"),
    ("customers.imports.strategies.stager:copy_rows", 1, 0, "customers"),
    ("customers.imports.strategies.stager:copy_lines", 1, 2, "engagement"),
    ("customers.imports.load:find_problems", 2, 1, "onboarding"),
    ("customers.imports.checks.cross_row:copy_rows", 2, 2, "engagement"),
    ("customers.imports.quarantine:execute", 2, 1, "onboarding"),
    ("customers.imports.merge:save_before", 1, 0, "customers"),
    ("customers.imports.merge:execute", 2, 0, "customers"),  # updated, but nothing created yet
    ("customers.imports.merge:execute", 4, 0, "customers"),
    ("customers.imports.merge:execute", 6, 1, "onboarding"),  # the replaced row is deleted
    ("customers.core.deferred_indexes:execute", 1, 2, "engagement"),
    ("customers.imports.merge:execute", 9, 2, "engagement"),  # no index and, on PostgreSQL, no constraint
    ("customers.core.deferred_indexes:execute", 2, 2, "engagement"),
    ("customers.imports.load:supersede", 3, 2, "engagement"),  # everything is built again
    ("customers.imports.retry:merge", 1, 3, "feedback"),
    ("customers.imports.load:onboarding.record_sightings", 1, 1, "onboarding"),
    ("customers.imports.load:drop_temporary", 6, 2, "engagement"),
    (COMMIT, 1, 0, "customers"),
    (COMMIT, 2, 1, None),  # the customers' alerts are closed
    (COMMIT, 5, 2, "engagement"),
    ("customers.imports.load:run_loaded.send", 1, 1, None),
    ("customers.archive.files:files.move", 2, 2, None),
    ("customers.imports.load:onboarding.date_sightings", 2, 5, None),
    ("customers.imports.folder:archive.expire", 1, 5, None),
]


def feed_state(name: str) -> dict[str, list[dict[str, Any]]]:
    """All that a feed's run writes, with the numbers of the runs."""
    model = FEEDS[name].model
    quarantine = QuarantinedRow.objects.filter(feed=name).order_by("run", "line")
    state = {
        "rows": list(model.objects.order_by("pk").values()),
        "quarantine": [{**row, "id": None} for row in quarantine.values()],
        "journal": [
            {**row, "id": None}
            for row in RowChange.objects.filter(model=model._meta.model_name).order_by("run", "key").values()
        ],
    }
    if name == "onboarding":
        sightings = StepSighting.objects.order_by("customer", "step")
        state["sightings"] = list(sightings.values("customer", "step", "at_first_import", "run"))
    return state


def outline() -> dict[str, Any]:
    """All that the last import says about the program, whichever run it was that said so."""
    waiting = QuarantinedRow.objects.filter(status="open").order_by("feed", "line")
    return {
        **{
            name: list(feed.model.objects.order_by("pk").values(*feed.column_names, "line"))
            for name, feed in FEEDS.items()
        },
        "missing": list(Customer.objects.exclude(missing_since=None).values_list("pk", flat=True)),
        "quarantine": list(waiting.values("feed", "line", "raw", "key", "reasons", "waits_for_customer")),
        "sightings": list(
            # Not their date: engagement gives it, which the night may not have come to.
            StepSighting.objects.order_by("customer", "step").values("customer", "step", "at_first_import")
        ),
    }


def structure() -> list[tuple[Any, ...]]:
    """Every table, index and constraint; on PostgreSQL temporary tables too, of whatever session."""
    if not is_postgres():
        assert fetch("PRAGMA integrity_check") == [("ok",)]
        assert fetch("PRAGMA foreign_key_check") == []
        return fetch("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2")
    return fetch(
        """
        SELECT relkind::text, relname::text, relpersistence::text FROM pg_class
        WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
          AND relnamespace <> 'pg_toast'::regnamespace
        UNION ALL SELECT conrelid::regclass::text, pg_get_constraintdef(oid), convalidated::text FROM pg_constraint
        WHERE conrelid <> 0
        UNION ALL SELECT tablename::text, indexdef, '' FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2, 3"""
    )


def wait_until_alone() -> None:
    """PostgreSQL's server may take a moment to notice that a client is dead; then it has given up its locks."""
    if not is_postgres():
        return
    others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    until = time.monotonic() + SECONDS
    while fetch(others):
        assert time.monotonic() < until, "the dead process' session is still there"
        time.sleep(0.01)
    # Tests of other processes use other databases of the same server.
    assert fetch(f"SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND {OF_THIS_DATABASE}") == []


def signalled(url: str, *arguments: Any, **variables: str) -> subprocess.Popen[str]:
    """Start ``manage.py`` so that it sends itself a signal: see ``tests.support.signalled``."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.signalled", *map(str, arguments)],
        cwd=project.BASE_DIR,
        env=environment(url, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def nights(
    unblocked: None, django_db_setup: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """The database before that night, and what is in it before and after the night, when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("nights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project, "ARCHIVE_DIR", folder / "archive")
        name = name_in(folder)
        create_database(name, django_db_setup)
        with database(name):
            load_quietly(yesterday(folder))
        (folder / "copy").mkdir()
        copy = name_in(folder / "copy")
        create_database(copy, name)
        with database(copy):
            before = {feed: feed_state(feed) for feed in NAMES}
            tables = structure()
            assert [states(outcome) for outcome in load_quietly(tonight(folder))] == list(LEDGER.values())
            after = {feed: feed_state(feed) for feed in NAMES}
            whole = outline()
        drop_database(copy)
    yield {"name": name, "before": before, "after": after, "outline": whole, "structure": tables}
    drop_database(name)


def load_quietly(folder: Path) -> list[Outcome]:
    outcomes = import_folder(folder, None, Options(started_by="test"))
    assert [outcome.status for outcome in outcomes] == ["loaded"] * 5
    return outcomes


@pytest.mark.parametrize(("function", "nth", "done", "feed"), POINTS)
def test_a_killed_import_leaves_all_of_a_feed_or_nothing_and_the_next_one_completes(
    function: str,
    nth: int,
    done: int,
    feed: str | None,
    nights: dict[str, Any],
    own: Callable[[str], str],
    settings: Settings,
    tmp_path: Path,
) -> None:
    url = own(nights["name"])
    folder = tonight(tmp_path)
    with signalled(url, "SIGKILL", function, nth, "import_csvs", "--dir", folder) as process:
        _out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (-signal.SIGKILL, "")
    wait_until_alone()

    assert structure() == nights["structure"]
    for name in NAMES[:done]:
        assert feed_state(name) == nights["after"][name], name
    for name in NAMES[done:]:
        assert feed_state(name) == nights["before"][name], name
    running = ImportRun.objects.filter(status="running")
    assert [run.feed for run in running] == ([feed] if feed else [])
    killed = [run.pk for run in running]

    again = load(folder)
    expected = [SAME_AGAIN[name] if name in NAMES[:done] else LEDGER[name] for name in NAMES]
    assert [states(outcome) for outcome in again.values()] == expected
    assert outline() == nights["outline"]
    assert structure() == nights["structure"]
    assert not StepSighting.objects.filter(seen_on=None, at_first_import=False).exists()
    ended = ImportRun.objects.exclude(status="loaded")
    assert list(ended.values_list("pk", "status", "reason")) == [(pk, "interrupted", INTERRUPTED) for pk in killed]
    assert not ended.filter(finished_at=None).exists()
    assert sorted(path.name for path in settings.ARCHIVE_DIR.rglob("*") if path.is_file()) == sorted(
        f"{hashlib.sha256((folder / f'{name}.csv').read_bytes()).hexdigest()}.csv.gz" for name in NAMES
    )
    for path in settings.ARCHIVE_DIR.rglob("*.csv.gz"):
        assert hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest() == path.name.removesuffix(".csv.gz")


# --- Disk full, database gone -------------------------------------------------------------------------------------

MANY = 20_000


def small_feeds(folder: Path, engagement: int = MANY, **feeds: Any) -> Path:
    """Two customers, and enough engagement to be read in several blocks."""
    rows = [csv_row("engagement", id=f"e{n}", customer_id="c1") for n in range(engagement)]
    customers = [csv_row("customers", id=key) for key in ("c1", "c2")]
    return write_feeds(folder, customers=customers, engagement=rows, **feeds)


def statuses(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def run_import(folder: Path, **options: Any) -> list[Outcome]:
    return import_folder(folder, None, Options(started_by="test", **options))


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
    assert outcomes[2].reason == "LockHeld: another process has the lock of import"
    assert states(load(folder)["engagement"]) == (10, 0, 0, 0)


# --- The file changes while it is read ------------------------------------------------------------------------------


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"e-new,c1,2025-05-02,1,1,1,1,1\n")


@pytest.mark.parametrize(
    "change", [Path.unlink, grow, lambda path: os.truncate(path, 300_000)], ids=["removed", "growing", "truncated"]
)
def test_a_file_that_changes_while_it_is_read_is_refused(
    change: Callable[[Path], None], url: str, tmp_path: Path
) -> None:
    folder = small_feeds(tmp_path)
    assert (folder / "engagement.csv").stat().st_size > 600_000
    whole = (folder / "engagement.csv").read_bytes()
    calls = []

    def progress(path: Path) -> Callable[[int], object]:
        def advance(count: int) -> None:
            calls.append(path.name)
            if path.name == "engagement.csv" and calls.count(path.name) == 1:
                change(path)

        return advance

    outcomes = run_import(folder, progress=progress)
    assert (statuses(outcomes), outcomes[2].reason) == (["loaded", "loaded", "refused"], CHANGED)
    assert feed_state("engagement") == {"rows": [], "quarantine": [], "journal": []}
    (folder / "engagement.csv").write_bytes(whole)
    assert states(load(folder)["engagement"]) == (MANY, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Path.unlink, "engagement.csv cannot be opened: No such file or directory"),
        (lambda path: os.truncate(path, 200), CHANGED),
    ],
    ids=["removed", "truncated"],
)
def test_a_file_that_changes_before_its_bad_rows_are_read_again_is_refused(
    change: Callable[[Path], None], reason: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_feeds(tmp_path, engagement=100)
    write_feed(
        folder,
        "engagement",
        [csv_row("engagement", id=f"e{n}", customer_id="c9" if n == 90 else "c1") for n in range(100)],
    )
    whole = (folder / "engagement.csv").read_bytes()
    original = loader.quarantine_problems

    def change_first(file: FileLoad, *rest: Any) -> None:
        if file.path.name == "engagement.csv":
            change(file.path)
        original(file, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(loader, "quarantine_problems", change_first)
        outcomes = run_import(folder)
    assert (outcomes[2].status, outcomes[2].reason) == ("refused", reason)
    assert feed_state("engagement") == {"rows": [], "quarantine": [], "journal": []}
    (folder / "engagement.csv").write_bytes(whole)
    assert states(load(folder)["engagement"]) == (99, 0, 0, 1)


# --- What may not be read -------------------------------------------------------------------------------------------


def manage_as_anybody(url: str, *arguments: Any, **variables: str) -> Ran:
    """Run ``manage.py`` without root's right to read everything."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if drop and not shutil.which("setpriv"):
        pytest.skip("root may read everything, and there is no setpriv to take that away")
    if drop and is_postgres():
        pytest.skip("the server that root's tests start lies in a folder that only root's rights open")
    done = subprocess.run(
        [*drop, sys.executable, "manage.py", *map(str, arguments)],
        cwd=project.BASE_DIR,
        env=environment(url, **variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_folder_that_may_not_be_looked_into_is_refused_and_loaded_once_it_may(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    small_feeds(folder, engagement=10)
    folder.chmod(0)
    ran = manage_as_anybody(url, "import_csvs", "--dir", folder)
    folder.chmod(0o700)
    assert (ran.code, ran.err) == (1, "")
    assert ran.lines == [
        *(f"{name}.csv: refused: {name}.csv cannot be looked for: Permission denied" for name in NAMES),
        "0 of 5 feeds loaded: 0 created, 0 updated, 0 unchanged, 0 quarantined.",
    ]
    assert [states(outcome) for outcome in load(folder).values()] == [(2, 0, 0, 0), (0, 0, 0, 0), (10, 0, 0, 0)]


@pytest.mark.parametrize("command", ["import_csvs", "nightly"])
def test_a_folder_below_one_that_may_not_be_looked_into_is_wrong_usage(command: str, url: str, tmp_path: Path) -> None:
    (tmp_path / "above" / "drop").mkdir(parents=True)
    (tmp_path / "above").chmod(0)
    ran = manage_as_anybody(url, command, "--dir", tmp_path / "above" / "drop")
    (tmp_path / "above").chmod(0o700)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"CommandError: {tmp_path / 'above' / 'drop'} is not a folder; name one with --dir or CSV_DIR.\n"


def test_a_setting_that_names_a_folder_below_such_a_one_stops_the_start(url: str, tmp_path: Path) -> None:
    (tmp_path / "above").mkdir(mode=0)
    ran = manage_as_anybody(url, "import_csvs", CSV_DIR=str(tmp_path / "above" / "drop"))
    (tmp_path / "above").chmod(0o700)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[-1] == (f"The settings are wrong: CSV_DIR='{tmp_path}/above/drop': Permission denied.")


def test_a_file_that_may_not_be_read_is_refused_alone(url: str, tmp_path: Path) -> None:
    folder = small_feeds(tmp_path, engagement=10)
    (folder / "onboarding.csv").chmod(0)
    ran = manage_as_anybody(url, "import_csvs", "--dir", folder)
    assert ran.code == 1
    assert ran.lines[1] == "onboarding.csv: refused: onboarding.csv cannot be opened: Permission denied"
    assert ran.lines[3] == "2 of 3 feeds loaded: 12 created, 0 updated, 0 unchanged, 0 quarantined."


# --- Several at once ------------------------------------------------------------------------------------------------


def wait_until_stopped(process: subprocess.Popen[str]) -> None:
    ended = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert ended and ended.si_status == signal.SIGSTOP, process.communicate()


@pytest.mark.parametrize("function", ["customers.imports.load:merge", "customers.imports.folder:archive.expire"])
def test_of_two_nights_at_the_same_time_one_does_nothing(function: str, url: str, tmp_path: Path) -> None:
    folder = small_feeds(tmp_path, engagement=10)
    exports = str(tmp_path / "exports")
    with signalled(url, "SIGSTOP", function, 1, "nightly", "--dir", folder, EXPORT_DIR=exports) as first:
        try:
            wait_until_stopped(first)
            second = manage(url, "nightly", "--dir", folder, EXPORT_DIR=exports)
        finally:
            first.send_signal(signal.SIGCONT)
        out, err = first.communicate(timeout=SECONDS)
    assert (second.returncode, second.stdout) == (75, "")
    assert second.stderr == "CommandError: Another night is running; nothing was done.\n"
    assert (first.returncode, err) == (0, "")
    last = "Nightly: import done, score done, alerts done, export done, reports done, expire done."
    assert out.splitlines()[-1] == last
    assert list(ImportRun.objects.order_by("pk").values_list("feed", "status", "created")) == [
        ("customers", "loaded", 2),
        ("onboarding", "loaded", 0),
        ("engagement", "loaded", 10),
    ]


PAGES = [
    "/admin/",
    "/admin/?status=at_risk&as_of=2025-05-09",
    "/admin/customer/c1001/",
    "/admin/export/",
    *(
        f"/admin/customers/{model}/"
        for model in (
            *("customer", "onboarding", "engagement", "feedback"),
            *("event", "customercare", "importrun", "quarantinedrow"),
        )
    ),
    "/admin/customers/customer/c1001/change/",
    "/admin/customers/customer/c1001/history/",
    "/admin/customers/importrun/1/change/",
    "/admin/customers/importrun/1/undo/",
    "/admin/analytics/scoringpolicy/",
]


@pytest.mark.parametrize(("function", "nth"), [("customers.imports.load:find_problems", 1), (COMMIT, 1)])
def test_every_page_is_there_during_an_import(function: str, nth: int, url: str, tmp_path: Path) -> None:
    load_demo_program()
    client = Client()
    client.force_login(make_staff(is_superuser=True))
    rows = [csv_row("engagement", id=f"x{n}", customer_id="c1001") for n in range(30_000)]
    write_feed(tmp_path, "engagement", rows)

    def seen(page: str) -> tuple[str, int]:
        response = client.get(page)
        # Reads to its end what is sent bit by bit.
        response.getvalue()
        return page, response.status_code

    # An export and an undo say that an import is running.
    expected = {page: 302 if "export" in page or "undo" in page else 200 for page in PAGES}
    arguments = ("import_csvs", "--feed", "engagement", "--dir", tmp_path)
    with signalled(url, "SIGSTOP", function, nth, *arguments) as process:
        try:
            wait_until_stopped(process)
            assert dict(map(seen, PAGES)) == expected
        finally:
            process.send_signal(signal.SIGCONT)
        while process.poll() is None:
            for page in PAGES:
                assert seen(page)[1] in {200, expected[page]}, page
        assert (process.returncode, process.communicate()[1]) == (0, "")
    assert dict(map(seen, PAGES)) == dict.fromkeys(PAGES, 200)
    assert FEEDS["engagement"].model.objects.filter(pk__startswith="x").count() == 30_000
