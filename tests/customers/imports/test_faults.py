"""An import that is killed, or not alone: the data is wholly before or after, and the next import completes.

Each test has a database of its own, which real processes use too.
"""

import gzip
import hashlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.test import Client
from pytest_django.fixtures import Settings

from customers.feeds.declarations import FEEDS
from customers.imports.folder import import_folder
from customers.imports.interface import Options, Outcome
from customers.models import Customer, ImportRun, QuarantinedRow, StepSighting
from tests.factories import csv_row, load_demo_program, make_staff, write_feed, write_feeds
from tests.support.databases import create_database, drop_database, name_in
from tests.support.faults import NAMES, feed_state, small_feeds, structure
from tests.support.loading import load, states
from tests.support.own_databases import COMMIT, SECONDS, database, signalled, wait_until_alone
from tests.support.processes import manage

INTERRUPTED = "the process ended before the run did; nothing of it was loaded"


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

POINTS: list[tuple[str, int, int, str | None]] = [
    # A function, which of its calls, how many feeds are committed by then, and whose run is interrupted.
    ("customers.imports.folder:find_file", 3, 0, None),
    ("customers.feeds.reader:CsvReader._read_bytes", 1, 0, "customers"),
    ("customers.feeds.reader:CsvReader._read_bytes", 5, 1, "onboarding"),  # once more, for the bad rows
    ("customers.feeds.reader:CsvReader.skip", 2, 4, "events"),
    ("customers.imports.strategies.stager:copy_rows", 1, 0, "customers"),
    ("customers.imports.strategies.stager:copy_lines", 1, 2, "engagement"),
    ("customers.imports.load:find_problems", 2, 1, "onboarding"),
    ("customers.imports.checks.cross_row:add_problems", 3, 2, "engagement"),
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
    ("customers.archive.files:_ChecksummedGzip.seal", 2, 2, None),
    ("customers.imports.load:onboarding.date_sightings", 2, 5, None),
    ("customers.imports.folder:archive.expire", 1, 5, None),
]


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
    assert second.stderr == "CommandError: Another nightly run is going on; nothing was done.\n"
    assert (first.returncode, err) == (0, "")
    steps = (
        "import done, score done, forecast done, alerts done, playbooks done, export done, reports done, expire done"
    )
    last = f"Nightly: {steps}."
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
