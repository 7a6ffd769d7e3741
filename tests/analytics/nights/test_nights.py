"""The ledger of nights: what ``nightly`` writes into it, and what says that a night failed."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.management.commands import nightly as command
from analytics.management.commands import score as score_command
from analytics.models import Night
from analytics.nights import ledger
from tests.factories import make_staff
from tests.support.commands import held_elsewhere, run
from tests.support.nights import make_night, moment
from tests.support.pages import links, main_part, words
from tests.support.processes import environment, manage

pytestmark = pytest.mark.django_db


def steps() -> list[tuple[str, str]]:
    return [(step["name"], step["result"]) for step in Night.objects.latest("pk").steps]


# --- What a night writes ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("drop")
def test_a_night_that_went_well_stands_with_each_step_and_what_it_said() -> None:
    before = timezone.now()
    assert run("nightly").code == 0
    night = Night.objects.get()
    assert (night.state, steps()) == (
        "done",
        [
            (step, "done")
            for step in ("import", "score", "forecast", "alerts", "playbooks", "export", "reports", "expire")
        ],
    )
    assert before <= night.started_at <= night.finished_at <= timezone.now()
    assert night.started_by
    assert [step["message"] for step in night.steps][:2] == [
        "3 of 3 feeds loaded: 3 created, 0 updated, 0 unchanged, 0 quarantined.",
        "Scored 1 date: 2 May 2025.",
    ]
    assert all(0 <= step["seconds"] < 60 for step in night.steps)


def test_a_night_whose_feed_was_refused_has_failed_and_says_which(drop: Path) -> None:
    (drop / "engagement.csv").write_text("")
    assert run("nightly").code == 1
    night = Night.objects.get()
    assert night.state == "failed"
    assert steps() == [
        ("import", "failed"),
        ("score", "skipped"),
        ("forecast", "skipped"),
        ("alerts", "done"),
        ("playbooks", "skipped"),
        ("export", "skipped"),
        ("reports", "skipped"),
        ("expire", "done"),
    ]
    assert night.steps[0]["message"] == "engagement.csv refused: the file is empty"


@pytest.mark.usefixtures("drop")
def test_a_step_that_breaks_down_is_noted_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_days: object) -> None:
        raise OperationalError("the server\x1b[31m closed\u2028 the connection\nDETAIL: Key (email)=(a@b.example)")

    monkeypatch.setattr(score_command, "score_day", fail)
    assert run("nightly").code == 1
    assert steps()[1] == ("score", "failed")
    message = Night.objects.get().steps[1]["message"]
    assert message == "OperationalError: the server [31m closed the connection"


@pytest.mark.usefixtures("drop")
def test_a_database_that_fails_is_noted_as_soon_as_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OperationalError("disk full")

    monkeypatch.setattr(command, "import_folder", fail)
    assert run("nightly").code == 1
    assert Night.objects.get().state == "failed"
    assert Night.objects.get().steps[0]["message"] == "The database could not be used: disk full"
    assert len(steps()) == 8


@pytest.mark.usefixtures("drop")
def test_where_no_ledger_can_be_written_the_night_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(ledger.Night.objects, "create", fail)
    done = run("nightly")
    assert (done.code, done.err) == (1, "The database cannot be used: attempt to write a readonly database\n")
    assert done.lines[-1].startswith("Nightly: import failed, score skipped")


@pytest.mark.usefixtures("drop")
def test_a_ledger_that_fails_later_does_not_end_the_night(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise OperationalError("locked")

    create = Night.objects.create

    def created(**values: Any) -> Night:
        night = create(**values)
        monkeypatch.setattr(night, "save", fail)
        return night

    monkeypatch.setattr(ledger.Night.objects, "create", created)
    assert run("nightly").code == 0
    assert "could not be written" in caplog.text
    assert Night.objects.get().state == "running"


@pytest.mark.usefixtures("drop")
def test_an_import_that_is_in_the_way_fails_the_night_and_another_night_does_not() -> None:
    with held_elsewhere("import"):
        assert run("nightly").code == 75
    assert Night.objects.get().state == "failed"
    assert steps()[0] == ("import", "failed")
    with held_elsewhere("nightly"):
        done = run("nightly")
    assert (done.code, done.err) == (75, "Another nightly run is going on; nothing was done.\n")
    assert Night.objects.count() == 1


@pytest.mark.usefixtures("drop")
@pytest.mark.parametrize(
    ("error", "state"), [(RuntimeError, "failed"), (KeyboardInterrupt, "interrupted"), (SystemExit, "interrupted")]
)
def test_whatever_ends_a_night_is_noted(
    error: type[BaseException], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(command, "report", fail)
    with pytest.raises(error):
        call_command("nightly")
    night = Night.objects.get()
    assert (night.state, night.finished_at is not None) == (state, True)


@pytest.mark.usefixtures("drop")
def test_the_next_night_marks_one_that_was_killed_and_forgets_old_ones() -> None:
    old, kept = make_night(hours_ago=24 * 400 + 1), make_night(hours_ago=24 * 400 - 1)
    killed = make_night("running", hours_ago=24)
    run("nightly")
    killed.refresh_from_db()
    assert (killed.state, killed.finished_at is not None) == ("interrupted", True)
    assert not Night.objects.filter(pk=old.pk).exists()
    assert Night.objects.filter(pk=kept.pk).exists()


@pytest.mark.parametrize(("days", "left"), [(30, 1), (0, 2)])
def test_how_long_a_night_is_kept_is_a_setting_and_0_is_for_ever(settings: Settings, days: int, left: int) -> None:
    settings.NIGHT_DAYS = days
    make_night(hours_ago=24 * 30 + 1)
    with ledger.night_log("cron"):
        assert Night.objects.count() == left


HELD_UP = """
import time, sys, django
django.setup()
from analytics.management.commands import nightly
from django.core.management import call_command
def wait(*_):
    print("running", flush=True)
    time.sleep(60)
nightly.import_folder = wait
call_command("nightly", "--dir", "fixtures")
"""
STATES = "import django; django.setup(); from analytics.models import Night; " + (
    "print([night.state for night in Night.objects.order_by('pk')])"
)


def test_a_killed_process_is_marked_by_the_next_night_and_a_stopped_one_at_once(
    migrated_database: str, tmp_path: Path
) -> None:
    surroundings = environment(migrated_database, EXPORT_DIR=str(tmp_path))

    def states() -> str:
        return subprocess.run(
            [sys.executable, "-c", STATES], cwd=project.BASE_DIR, env=surroundings, capture_output=True, text=True
        ).stdout.strip()

    for how, code in ((signal.SIGKILL, -9), (signal.SIGTERM, 143)):
        with subprocess.Popen(
            [sys.executable, "-c", HELD_UP], cwd=project.BASE_DIR, env=surroundings, stdout=subprocess.PIPE, text=True
        ) as night:
            assert night.stdout
            assert night.stdout.readline() == "running\n"
            os.kill(night.pid, how)
            assert night.wait(30) == code
    assert states() == "['interrupted', 'interrupted']"
    assert manage(migrated_database, "nightly", "--dir", "fixtures", EXPORT_DIR=str(tmp_path)).returncode == 0
    assert states() == "['interrupted', 'interrupted', 'done']"


def test_a_night_whose_log_breaks_goes_on_and_its_exit_code_is_true(migrated_database: str, tmp_path: Path) -> None:
    night = subprocess.Popen(
        [sys.executable, "manage.py", "nightly", "--dir", "fixtures"],
        cwd=project.BASE_DIR,
        env=environment(migrated_database, EXPORT_DIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    night.stdout.close()
    assert (night.stderr.read(), night.wait(240)) == (b"", 0)
    night.stderr.close()
    told = manage(
        migrated_database,
        "shell",
        "-v",
        "0",
        "-c",
        "from analytics.models import Night as N; print(N.objects.get().steps)",
    )
    assert told.stdout.count("'done'") == 8


def test_the_page_counts_the_rows_of_each_import(drop: Path, viewer: Client) -> None:
    with (drop / "customers.csv").open("a") as file:
        file.write("bad,row\n")
    assert run("nightly").code == 0
    night = Night.objects.get()
    page = viewer.get(f"/admin/analytics/night/{night.pk}/change/")
    [customers] = [line for line in re.findall(r"<tr>.*?</tr>", main_part(page), re.DOTALL) if "customers.csv" in line]
    assert words(customers).split(" Loaded ")[1] == "2 1 0 0 1 0"
    [link] = links(page, "1")
    assert "has 2 cells" in viewer.get(link).text


# --- What is wrong with the last one ------------------------------------------------------------------------------


def said() -> str:
    found = ledger.night_problem(ledger.read_status())
    return found.text if found else ""


def test_before_the_first_night_nothing_is_wrong() -> None:
    assert said() == ""


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("done", ""),
        ("running", ""),
        ("failed", "The nightly run of {} failed."),
        ("interrupted", "The nightly run of {} was interrupted."),
    ],
)
def test_the_last_night_is_judged(state: str, expected: str) -> None:
    make_night("failed", hours_ago=25)
    make_night(hours_ago=20)
    night = make_night(state)
    assert said() == expected.format(moment(night))


def test_while_a_night_runs_the_one_before_it_counts() -> None:
    failed = make_night("failed", hours_ago=9)
    make_night("running", hours_ago=1)
    assert said() == f"The nightly run of {moment(failed)} failed."


@pytest.mark.parametrize(
    ("state", "hours", "late"), [("done", 25.9, False), ("done", 26.1, True), ("running", 27, True)]
)
def test_a_night_that_does_not_come_is_seen(state: str, hours: float, late: bool, settings: Settings) -> None:
    night = make_night(state, hours_ago=hours)
    assert said() == (f"No nightly run has started since {moment(night)}." if late else "")
    settings.NIGHTLY_HOURS = 0
    assert said() == ""
    settings.NIGHTLY_HOURS = 12
    assert said()


def test_a_night_that_is_dated_in_the_future_is_no_night() -> None:
    night = make_night(hours_ago=-30 * 24)
    assert said() == (
        f"The last nightly run started, by its own record, on {moment(night)}, "
        "which is in the future: check the clock."
    )


def test_both_ways_to_read_it_say_the_same(viewer: Client) -> None:
    make_night("failed", hours_ago=9)
    make_night("running")
    user = make_staff()
    found = type(user).objects.filter(pk=user.pk).values(**ledger.status_columns()).get()
    assert found == ledger.read_status()
