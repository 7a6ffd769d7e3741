"""What goes wrong without stopping the night is said: no archive, no tables, no file of that name."""

import json
import logging
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import Night, PortfolioDay
from customers.models import Customer, ImportRun
from tests.factories import csv_row, make_staff, write_feed, write_feeds
from tests.support.commands import python, run
from tests.support.pages import main_part, words
from tests.support.processes import manage

pytestmark = pytest.mark.django_db

WHY = "Not a directory"
BEGINNING = "3 of 3 feeds loaded: 3 created, 0 updated, 0 unchanged, 0 quarantined."
COMMANDS = [
    ["nightly"],
    ["import_csvs"],
    ["undo_import", "1"],
    ["score"],
    ["send_alerts"],
    ["send_reports"],
    ["export_metrics"],
    ["expire"],
    ["erase_customer", "c1", "--yes"],
    ["backup"],
    ["copy_database", "sqlite:////tmp/nowhere.sqlite3"],
    ["demo"],
]


@pytest.fixture(autouse=True)
def drop(settings: Settings, tmp_path: Path) -> Path:
    settings.EXPORT_DIR = tmp_path / "exports"
    settings.ARCHIVE_DIR = tmp_path / "archive"
    (tmp_path / "csv").mkdir()
    return write_feeds(
        tmp_path / "csv",
        customers=[csv_row("customers")],
        onboarding=[csv_row("onboarding")],
        engagement=[csv_row("engagement")],
    )


# --- Not archived -------------------------------------------------------------------------------------------------


def test_an_import_that_cannot_archive_loads_and_ends_with_1(
    drop: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ARCHIVE_DIR.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        done = run("import_csvs", "--dir", drop)
    assert (done.code, Customer.objects.count()) == (1, 1)
    files = "customers.csv, onboarding.csv, engagement.csv"
    assert done.lines[-1] == f"{BEGINNING} Not archived: {files} ({WHY})."
    # A line a file, and no traceback.
    assert [record.getMessage() for record in caplog.records] == [
        f"The file of run {one.pk} could not be archived: {WHY}" for one in ImportRun.objects.order_by("pk")
    ]
    assert [record.exc_info for record in caplog.records] == [None] * 3


def test_what_is_not_archived_is_in_the_json(drop: Path, settings: Settings) -> None:
    settings.ARCHIVE_DIR.write_text("in the way")
    done = run("import_csvs", "--dir", drop, "--json")
    found = json.loads(done.out)["feeds"]
    assert (done.code, [feed["status"] for feed in found]) == (1, ["loaded"] * 3)
    assert [feed["warnings"] for feed in found] == [[f"the file is not archived: {WHY}"]] * 3
    settings.ARCHIVE_DIR.unlink()
    assert run("import_csvs", "--dir", drop, "--json").code == 0


def test_a_night_that_cannot_archive_does_all_else_and_has_a_warning(
    drop: Path, settings: Settings, client: Client
) -> None:
    settings.ARCHIVE_DIR.write_text("in the way")
    done = run("nightly", "--dir", drop)
    files = "customers.csv, onboarding.csv, engagement.csv"
    assert done.code == 1
    assert done.lines[-1] == (
        f"Nightly: import done with a warning (not archived: {files} ({WHY})), score done, forecast done, "
        "alerts done, playbooks done, export done, reports done, expire done."
    )
    night = Night.objects.get()
    assert (night.state, PortfolioDay.objects.count()) == ("warned", 1)
    assert (night.steps[0]["result"], night.steps[0]["message"]) == (
        "done with a warning",
        f"{BEGINNING} Not archived: {files} ({WHY}).",
    )
    client.force_login(make_staff("Program manager"))
    page = words(main_part(client.get(f"/admin/analytics/night/{night.pk}/change/")))
    assert "⚠ Done with warnings" in page
    assert "⚠ Done with a warning" in page
    assert f"{BEGINNING} Not archived: {files}" in page
    assert "Done with warnings" in words(client.get("/admin/analytics/night/").text)
    # It is no failure: no banner on every page, and the next one makes it good.
    assert "failed" not in words(client.get("/admin/").text)
    settings.ARCHIVE_DIR.unlink()
    assert run("nightly", "--dir", drop).code == 0
    assert Night.objects.latest("pk").state == "done"
    assert len(list(settings.ARCHIVE_DIR.rglob("*.csv.gz"))) == 3


# --- No tables ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_before_migrate_each_command_says_so(command: list[str], monkeypatch: pytest.MonkeyPatch, drop: Path) -> None:
    monkeypatch.setattr("customers.jobs.schema.MigrationRecorder.applied_migrations", lambda _self: {})
    arguments = [*command[1:], *(["--dir", str(drop)] if command[0] in ("nightly", "import_csvs") else [])]
    done = run(command[0], *arguments)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("The database lacks ")
    assert done.err.endswith(f" migrations of this version: run `manage.py migrate`, then `{command[0]}` again.\n")
    assert not ImportRun.objects.exists()


def test_before_migrate_json_stays_json(monkeypatch: pytest.MonkeyPatch, drop: Path) -> None:
    monkeypatch.setattr("customers.jobs.schema.lacking", lambda: ["x"])
    monkeypatch.setattr("customers.jobs.commands.lacking", lambda: ["x"])
    done = run("import_csvs", "--dir", drop, "--json")
    assert (done.code, json.loads(done.out)) == (1, {"feeds": []})
    assert done.err.startswith("The database lacks 1 migration of this version: run `manage.py migrate`")


def test_a_database_without_any_table_is_told_from_one_that_cannot_be_reached(tmp_path: Path, drop: Path) -> None:
    done = manage(f"sqlite:///{tmp_path}/new.sqlite3", "nightly", "--dir", drop)
    assert (done.returncode, done.stdout) == (1, "")
    assert "run `manage.py migrate`, then `nightly` again" in done.stderr
    assert "Traceback" not in done.stderr
    assert "no such table" not in done.stderr


def test_a_folder_of_the_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    done = python("manage.py", "migrate", DEBUG="1", DATABASE_URL=f"sqlite:///{tmp_path}/no/such/folder/db.sqlite3")
    assert done.code == 1
    assert f"the folder {tmp_path}/no/such/folder does not exist." in done.err
    assert not (tmp_path / "no").exists()


# --- No file of that name -----------------------------------------------------------------------------------------


def test_a_file_of_another_name_is_named(drop: Path) -> None:
    (drop / "customers.csv").rename(drop / "Customers_2026-08-22.csv")
    done = run("import_csvs", "--dir", drop)
    assert done.code == 1
    assert done.lines[0] == ("customers.csv: refused: customers.csv is missing; found Customers_2026-08-22.csv")


def test_several_and_hostile_names_are_named_in_short(drop: Path) -> None:
    (drop / "onboarding.csv").unlink()
    for name in (
        "onboarding (1).csv",
        "onboarding\x1b[31m.csv",
        "ONBOARDING.CSV",
        "onboarding.xlsx",
        "myonboardings.csv",
    ):
        (drop / name).touch()
    outcome = run("import_csvs", "--dir", drop, "--feed", "onboarding").lines[0]
    assert outcome == (
        "onboarding.csv: refused: onboarding.csv is missing; found ONBOARDING.CSV, onboarding\\x1b[31m.csv, "
        "onboarding (1).csv and 1 more"
    )


def test_an_optional_file_of_another_name_is_a_warning(drop: Path) -> None:
    write_feed(drop, "events", [csv_row("events")]).rename(drop / "events-new.csv")
    done = run("import_csvs", "--dir", drop)
    assert done.code == 0
    assert done.lines[1] == "  warning: events.csv is missing; found events-new.csv, which is not read"
    assert ImportRun.objects.get(feed="customers").warnings == [
        "events.csv is missing; found events-new.csv, which is not read"
    ]
