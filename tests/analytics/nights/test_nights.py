"""The ledger of nights: what ``nightly`` writes into it, who sees it, and what says that a night failed."""

import os
import re
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.management.commands import nightly as command
from analytics.management.commands import score as score_command
from analytics.models import Night
from analytics.nights import ledger
from tests.factories import csv_row, make_customer, make_day, make_run, make_staff, write_feeds
from tests.support.commands import held_elsewhere, run
from tests.support.pages import links, main_part, notices, words
from tests.support.processes import environment, manage

pytestmark = pytest.mark.django_db

HOSTILE = '<script>alert("x")</script>\u202e\nforged'
ESCAPED = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"
PAGES = [
    "/admin/",
    "/admin/cohorts/",
    "/admin/alerts/",
    "/admin/tasks/?whose=everybody",
    "/admin/reports/",
    "/admin/customers/event/",
]


@pytest.fixture
def drop(settings: Settings, tmp_path: Path) -> Path:
    """The drop folder, with one customer in the three required feeds."""
    settings.EXPORT_DIR = tmp_path / "exports"
    settings.CSV_DIR = tmp_path / "csv"
    settings.CSV_DIR.mkdir()
    return write_feeds(
        settings.CSV_DIR,
        customers=[csv_row("customers")],
        onboarding=[csv_row("onboarding")],
        engagement=[csv_row("engagement")],
    )


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(make_staff("Viewer"))
    return client


def make_night(state: str = "done", *, hours_ago: float = 1, **overrides: Any) -> Night:
    started = timezone.now() - timedelta(hours=hours_ago)
    ended = None if state == "running" else started + timedelta(minutes=3)
    values = {"state": state, "started_at": started, "finished_at": ended, "started_by": "cron", **overrides}
    return Night.objects.create(**values)


def moment(night: Night) -> str:
    return f"{timezone.localtime(night.started_at):%-d %b %Y, %H:%M}"


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
        [(step, "done") for step in ("import", "score", "alerts", "export", "reports", "expire")],
    )
    assert before <= night.started_at <= night.finished_at <= timezone.now()
    assert night.started_by
    assert [step["message"] for step in night.steps][:2] == [
        "3 of 3 feeds loaded: 3 created, 0 updated, 0 unchanged, 0 quarantined.",
        "Scored 1 date: 2025-05-02.",
    ]
    assert all(0 <= step["seconds"] < 60 for step in night.steps)


def test_a_night_whose_feed_was_refused_has_failed_and_says_which(drop: Path) -> None:
    (drop / "engagement.csv").write_text("")
    assert run("nightly").code == 1
    night = Night.objects.get()
    assert night.state == "failed"
    assert steps() == [
        ("import", "failed"),
        ("score", "held back"),
        ("alerts", "done"),
        ("export", "held back"),
        ("reports", "held back"),
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
    assert len(steps()) == 6


@pytest.mark.usefixtures("drop")
def test_where_no_ledger_can_be_written_the_night_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(ledger.Night.objects, "create", fail)
    done = run("nightly")
    assert (done.code, done.err) == (1, "The database cannot be used: attempt to write a readonly database\n")
    assert done.lines[-1].startswith("Nightly: import failed, score held back")


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
    assert (done.code, done.err) == (75, "Another night is running; nothing was done.\n")
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
    assert told.stdout.count("'done'") == 6


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
        ("failed", "The night of {} failed."),
        ("interrupted", "The night of {} was interrupted."),
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
    assert said() == f"The night of {moment(failed)} failed."


@pytest.mark.parametrize(
    ("state", "hours", "late"), [("done", 25.9, False), ("done", 26.1, True), ("running", 27, True)]
)
def test_a_night_that_does_not_come_is_seen(state: str, hours: float, late: bool, settings: Settings) -> None:
    night = make_night(state, hours_ago=hours)
    assert said() == (f"No night has begun since {moment(night)}." if late else "")
    settings.NIGHTLY_HOURS = 0
    assert said() == ""
    settings.NIGHTLY_HOURS = 12
    assert said()


def test_a_night_that_is_dated_in_the_future_is_no_night() -> None:
    night = make_night(hours_ago=-30 * 24)
    assert said() == (
        f"The last night began, by its record, on {moment(night)}, which is still to come: check the clock."
    )


def test_both_ways_to_read_it_say_the_same(viewer: Client) -> None:
    make_night("failed", hours_ago=9)
    make_night("running")
    user = make_staff()
    found = type(user).objects.filter(pk=user.pk).values(**ledger.status_columns()).get()
    assert found == ledger.read_status()


# --- The banner ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PAGES)
def test_every_page_says_that_the_night_failed(viewer: Client, address: str) -> None:
    make_day()
    assert "failed." not in viewer.get(address).text
    night = make_night("failed")
    page = viewer.get(address).text
    assert f"The night of {moment(night)} failed." in page
    assert f"/admin/analytics/night/{night.pk}/change/" in page
    Night.objects.update(state="done")
    assert "The night of" not in viewer.get(address).text


def test_a_night_that_never_ended_leads_to_the_list(viewer: Client) -> None:
    make_night("running", hours_ago=30)
    assert 'href="/admin/analytics/night/">All nights</a>' in viewer.get("/admin/reports/").text


def test_who_may_not_see_imports_is_told_nothing(client: Client) -> None:
    make_night("failed")
    user = make_staff()
    user.user_permissions.add(*permissions("view_task", "view_customer", "view_event"))
    client.force_login(user)
    for address in ("/admin/", "/admin/tasks/?whose=everybody", "/admin/customers/event/"):
        response = client.get(address)
        assert response.status_code == 200
        assert "The night of" not in response.text
    assert "The night of" not in Client().get("/admin/login/").text


def permissions(*names: str) -> list[Any]:
    return list(Permission.objects.filter(codename__in=names))


@pytest.mark.parametrize("address", PAGES)
def test_the_banner_costs_no_query(viewer: Client, address: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get(address).status_code == 200
        return len(captured)

    make_day()
    cost()
    before = cost()
    for _ in range(3):
        make_night("failed")
    assert cost() == before


def test_a_refresh_shows_a_night_that_failed_or_did_not_come(viewer: Client, settings: Settings) -> None:
    make_day()

    def tag() -> str:
        return viewer.get("/admin/").headers["ETag"]

    def refreshed(known: str) -> int:
        return viewer.get("/admin/", headers={"HX-Request": "true", "If-None-Match": known}).status_code

    known = tag()
    assert refreshed(known) == 304
    make_night("done", hours_ago=3)
    known = tag()
    night = make_night("running")
    assert refreshed(known) == 200
    known = tag()
    Night.objects.filter(pk=night.pk).update(state="failed")
    response = viewer.get("/admin/", headers={"HX-Request": "true", "If-None-Match": known})
    assert response.status_code == 200
    assert notices(response)[0] == f"The night of {moment(night)} failed. See that night"
    region = main_part(response).split('id="notices"')[1].split("<section")[0]
    assert "The night of" in region, "it stands where a refresh looks"
    assert main_part(response).count("The night of") == 1
    Night.objects.update(state="done")
    known = tag()
    assert refreshed(known) == 304
    # As if time had passed: the last night began an hour ago. (A day later nobody would be logged in any more.)
    settings.NIGHTLY_HOURS = 1
    assert refreshed(known) == 200


# --- The pages ----------------------------------------------------------------------------------------------------


def test_the_list_and_the_page_of_a_night(viewer: Client) -> None:
    night = make_night(
        "failed",
        started_by=HOSTILE,
        steps=[
            {"name": "import", "result": "failed", "seconds": 1.25, "message": HOSTILE},
            {"name": "score", "result": "held back", "seconds": 0.0, "message": ""},
            {"name": "alerts", "result": "done", "seconds": 2.0, "message": "0 sent"},
        ],
    )
    inside = make_run(started_at=night.started_at + timedelta(minutes=1), file=HOSTILE)
    make_run(started_at=night.started_at + timedelta(hours=5))
    listed = viewer.get("/admin/analytics/night/")
    assert "import failed, score held back" in words(listed.text)
    page = viewer.get(f"/admin/analytics/night/{night.pk}/change/")
    for response in (listed, page):
        assert HOSTILE not in response.text
        assert ESCAPED in response.text
    text = words(main_part(page))
    assert "Import ⚠ Failed 1.2" in text.replace("1.3", "1.2")
    assert "Score Held back 0.0 –" in text
    assert "Alerts Done 2.0 0 sent" in text
    assert links(page, words(f"Run {inside.pk}: {ESCAPED}\u202e forged")) == [
        f"/admin/customers/importrun/{inside.pk}/change/"
    ]
    assert text.count("Run ") == 1
    assert f"Night of {moment(night)} ⚠ Failed" in text
    assert "See that night" in listed.text
    assert "See that night" not in text


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_a_night_without_any_step_has_a_page(viewer: Client, state: str) -> None:
    text = words(viewer.get(f"/admin/analytics/night/{make_night(state).pk}/change/").text)
    assert ("The first step is not done yet." if state == "running" else "No step was done.") in text


@pytest.mark.parametrize(("role", "status"), [("Viewer", 200), ("Administrator", 200), (None, 403)])
def test_who_may_see_nights(client: Client, role: str | None, status: int) -> None:
    night = make_night()
    client.force_login(make_staff(role))
    assert client.get("/admin/analytics/night/").status_code == status
    assert client.get(f"/admin/analytics/night/{night.pk}/change/").status_code == status
    assert client.get("/admin/analytics/night/add/").status_code == 403
    assert client.get(f"/admin/analytics/night/{night.pk}/delete/").status_code == 403
    assert client.post(f"/admin/analytics/night/{night.pk}/change/", {"state": "done"}).status_code == 403
    if role:
        assert client.get("/admin/analytics/night/999999/change/").status_code == 404


def test_the_list_takes_the_same_queries_however_long_it_is(viewer: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get("/admin/analytics/night/").status_code == 200
        return len(captured)

    make_night()
    cost()
    few = cost()
    for _ in range(30):
        make_night()
    assert cost() == few


def test_nobody_has_a_permission_to_change_a_night() -> None:
    assert permissions("add_night", "change_night", "delete_night", "view_night") == []


def test_a_customer_page_shows_the_banner_too(viewer: Client) -> None:
    make_day()
    night = make_night("failed")
    page = viewer.get(f"/admin/customer/{make_customer().pk}/")
    assert notices(page)[0] == f"The night of {moment(night)} failed. See that night"
