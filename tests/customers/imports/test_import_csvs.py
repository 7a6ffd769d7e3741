"""The command's contract: options, exit codes, one JSON object, and a summary as the last line."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from customers.imports import load as loader
from customers.management.commands.import_csvs import Command
from customers.models import Customer, Engagement, ImportRun
from tests.factories import csv_row, write_feed, write_feeds
from tests.support.loading import write_bytes
from tests.support.processes import manage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_10_may")]

KEYS = [
    *("feed", "file", "sha256", "status", "rows", "created", "updated", "unchanged", "quarantined", "retried"),
    *("warnings", "reason", "run", "problems", "missing", "returned", "key_changes"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two customers, one of them not acceptable, and a call of an unknown one."""
    rows = [csv_row("customers", id="c1"), csv_row("customers", id="c2", team_size="many")]
    return write_feeds(tmp_path, customers=rows, engagement=[csv_row("engagement", customer_id="c9")])


class Result:
    """How a run of the command ended, and what it wrote."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: Any) -> None:
        self.code = 0
        try:
            call_command("import_csvs", *map(str, arguments))
        except SystemExit as end:
            self.code = int(end.code or 0)
        self.out, self.err = capsys.readouterr()

    def feeds(self) -> dict[str, dict[str, Any]]:
        """The one JSON object on standard output, by feed."""
        assert self.out.count("\n") == 1
        content = json.loads(self.out)
        assert list(content) == ["feeds"]
        return {feed["feed"]: feed for feed in content["feeds"]}


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda *arguments: Result(capsys, *arguments)


def test_the_last_line_is_a_summary(run: Run, folder: Path) -> None:
    result = run("--dir", folder)
    assert result.code == 0
    assert result.err == ""
    assert result.out.splitlines() == [
        "customers.csv: loaded 2 rows: 1 created, 0 updated, 0 unchanged, 1 quarantined",
        "  line 3: team_size: 'many' is not a whole number (digits only)",
        "onboarding.csv: loaded 0 rows: 0 created, 0 updated, 0 unchanged, 0 quarantined",
        "engagement.csv: loaded 1 row: 0 created, 0 updated, 0 unchanged, 1 quarantined",
        "  line 2: customer_id: there is no customer c9",
        "3 of 3 feeds loaded: 1 created, 0 updated, 0 unchanged, 2 quarantined.",
    ]


def test_retried_rows_and_warnings_are_told(run: Run, folder: Path) -> None:
    run("--dir", folder)
    rows = [csv_row("customers", id=key, email="ops@nine.example") for key in ("c9", "C9")]
    write_feeds(folder, customers=rows, engagement=[csv_row("engagement", customer_id="c9")])
    lines = run("--dir", folder).out.splitlines()
    assert lines[1] == "  warning: ids differ in case alone and are kept apart: C9 and c9"
    assert lines[3] == (
        "engagement.csv: loaded 1 row: 0 created, 0 updated, 1 unchanged, 0 quarantined; 1 retried from quarantine"
    )


def test_json_is_one_object_and_everything_else_goes_to_standard_error(run: Run, folder: Path) -> None:
    result = run("--dir", folder, "--json")
    feeds = result.feeds()
    assert result.code == 0
    assert list(feeds) == ["customers", "onboarding", "engagement"]
    assert all(list(feed) == KEYS for feed in feeds.values())
    assert feeds["customers"] == {
        "feed": "customers",
        "file": "customers.csv",
        "sha256": hashlib.sha256((folder / "customers.csv").read_bytes()).hexdigest(),
        "status": "loaded",
        "rows": 2,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "quarantined": 1,
        "retried": 0,
        "warnings": [],
        "reason": None,
        "run": ImportRun.objects.get(feed="customers").pk,
        "problems": [{"line": 3, "reasons": ["team_size: 'many' is not a whole number (digits only)"]}],
        "missing": 0,
        "returned": 0,
        "key_changes": [],
    }
    assert result.err.splitlines()[-1] == "3 of 3 feeds loaded: 1 created, 0 updated, 0 unchanged, 2 quarantined."


def test_a_refused_feed_exits_1_and_the_others_are_loaded(run: Run, folder: Path) -> None:
    write_bytes(folder, "customers.csv", b"nothing\n")
    result = run("--dir", folder, "--json")
    assert result.code == 1
    feeds = result.feeds()
    assert [feed["status"] for feed in feeds.values()] == ["refused", "loaded", "loaded"]
    refused = feeds["customers"]
    reason = refused.pop("reason")
    assert refused == {
        "feed": "customers",
        "file": "customers.csv",
        "sha256": hashlib.sha256(b"nothing\n").hexdigest(),
        "status": "refused",
        **dict.fromkeys(("rows", "created", "updated", "unchanged", "quarantined", "retried"), 0),
        "warnings": [],
        "run": ImportRun.objects.get(feed="customers").pk,
        "problems": [],
        "missing": 0,
        "returned": 0,
        "key_changes": [],
    }
    assert reason.startswith("line 1: there is no header")
    assert f"customers.csv: refused: {reason}" in result.err.splitlines()
    assert result.err.splitlines()[-1] == "2 of 3 feeds loaded: 0 created, 0 updated, 0 unchanged, 1 quarantined."


def test_a_missing_file_exits_1(run: Run, tmp_path: Path) -> None:
    result = run("--dir", tmp_path, "--json")
    assert result.code == 1
    assert {(feed["reason"], feed["sha256"]) for feed in result.feeds().values()} == {
        ("customers.csv is missing", None),
        ("onboarding.csv is missing", None),
        ("engagement.csv is missing", None),
    }
    assert result.err.splitlines()[-1] == "0 of 3 feeds loaded: 0 created, 0 updated, 0 unchanged, 0 quarantined."


def test_a_failure_of_ours_exits_1(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_arguments: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column FROM customers_customer")

    monkeypatch.setattr(loader, "mark_missing", break_down)
    result = run("--dir", folder, "--json")
    assert result.code == 1
    assert [feed["status"] for feed in result.feeds().values()] == ["failed", "failed", "loaded"]
    assert "no_such_column" in result.feeds()["customers"]["reason"]
    assert not Customer.objects.exists()


def test_a_database_that_takes_nothing_is_told_of_each_feed(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImportRun, "save", mock.Mock(side_effect=OperationalError("the disk is full")))
    result = run("--dir", folder, "--json")
    assert result.code == 1
    assert {(feed["status"], feed["reason"], feed["run"]) for feed in result.feeds().values()} == {
        ("failed", "OperationalError: the disk is full", None)
    }
    assert result.err.splitlines()[-1] == "0 of 3 feeds loaded: 0 created, 0 updated, 0 unchanged, 0 quarantined."


def test_a_database_out_of_reach_is_told_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = mock.Mock(side_effect=OperationalError("no connection\nIs the server running?"))
    monkeypatch.setattr("customers.management.commands.import_csvs.import_folder", broken)
    with pytest.raises(CommandError, match=r"^The database cannot be used: no connection$") as error:
        call_command("import_csvs", "--dir", str(folder), "--json")
    assert (error.value.returncode, capsys.readouterr().out) == (1, '{"feeds": []}\n')


@pytest.mark.parametrize("path", ["/no/such/folder", "manage.py"], ids=["missing", "file"])
def test_a_folder_that_is_none_is_a_usage_error(run: Run, path: str) -> None:
    with pytest.raises(CommandError, match="is not a folder") as error:
        run("--dir", path)
    assert error.value.returncode == 2
    assert not ImportRun.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--feed", "nonsense"], 2), (["--unknown"], 2), (["--dir"], 2), (["customers.csv"], 2), (["--help"], 0)],
    ids=["feed", "option", "value", "argument", "help"],
)
def test_usage(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        Command().run_from_argv(["manage.py", "import_csvs", *arguments])
    assert end.value.code == code
    assert ("usage: manage.py import_csvs" in "".join(capsys.readouterr())) and not ImportRun.objects.exists()


def test_feed_loads_just_those(run: Run, folder: Path) -> None:
    assert list(run("--dir", folder, "--json", "--feed", "customers").feeds()) == ["customers"]
    both = run("--dir", folder, "--json", "--feed", "engagement", "--feed", "customers").feeds()
    assert list(both) == ["customers", "engagement"]
    optional = run("--dir", folder, "--json", "--feed", "events")
    assert (optional.code, optional.feeds()["events"]["reason"]) == (1, "events.csv is missing")
    write_feed(folder, "events")
    assert list(run("--dir", folder, "--json").feeds()) == ["customers", "onboarding", "engagement", "events"]


def test_strict_refuses_a_feed_with_a_quarantined_row(run: Run, folder: Path) -> None:
    result = run("--dir", folder, "--json", "--strict")
    assert result.code == 1
    assert [feed["status"] for feed in result.feeds().values()] == ["refused", "loaded", "refused"]


def test_force_is_recorded_under_the_system_users_name(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "nightly-cron")
    rows = [csv_row("engagement", id=f"e{number}", customer_id="c9") for number in range(20)]
    write_feed(folder, "engagement", rows)
    assert run("--dir", folder).code == 1
    assert run("--dir", folder, "--force").code == 0
    forced = ImportRun.objects.get(feed="engagement", status="loaded")
    assert (forced.started_by, forced.forced_by) == ("nightly-cron", "nightly-cron")
    assert ImportRun.objects.filter(feed="customers", status="loaded").latest("pk").forced_by == ""


def test_a_dry_run_says_so_and_leaves_nothing(run: Run, folder: Path) -> None:
    write_feed(folder, "engagement", [csv_row("engagement", customer_id="c1")])
    result = run("--dir", folder, "--dry-run")
    assert result.code == 0
    assert result.out.splitlines()[-1] == (
        "Dry run, nothing was changed: 3 of 3 feeds loaded: 2 created, 0 updated, 0 unchanged, 1 quarantined."
    )
    assert run("--dir", folder, "--dry-run", "--json").feeds()["engagement"]["created"] == 1
    assert not Customer.objects.exists()
    assert not Engagement.objects.exists()
    assert not ImportRun.objects.exists()


def test_ten_problems_are_printed_and_all_are_in_the_json(run: Run, tmp_path: Path) -> None:
    rows = [csv_row("customers", id=f"c{number}", team_size="many") for number in range(12)]
    write_feeds(tmp_path, customers=rows)
    lines = run("--dir", tmp_path).out.splitlines()
    assert lines[10].startswith("  line 11: ")
    assert lines[11] == "  and 2 more quarantined rows, all in the admin"
    problems = run("--dir", tmp_path, "--json").feeds()["customers"]["problems"]
    assert [problem["line"] for problem in problems] == list(range(2, 14))


HOSTILE = "\x1b[2J\x1b]0;title\x07\u202eevil\u2028\r\nline\x9b31m"


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["text", "json"])
def test_hostile_text_is_escaped(arguments: list[str], run: Run, tmp_path: Path) -> None:
    columns = ["id", "email", "signup_date", "team_size", "status"]
    rows = [csv_row("customers", id=f"c{number}", **{column: HOSTILE}) for number, column in enumerate(columns[1:])]
    write_feeds(tmp_path, customers=[*rows, csv_row("customers", id=HOSTILE)])
    path = tmp_path / "customers.csv"
    header, rest = path.read_bytes().split(b"\r\n", 1)
    path.write_bytes(header + f',"{HOSTILE}"\r\n'.encode() + rest.replace(b",active\r\n", b",active,\r\n"))
    result = run("--dir", tmp_path, *arguments)
    written = result.out + result.err
    assert "\\x1b[2J" in written.replace("\\\\", "\\")
    assert [char for char in written if not char.isprintable() and char != "\n"] == []
    assert "\nline" not in written


@pytest.mark.parametrize("terminal", [False, True], ids=["none", "terminal"])
def test_progress_is_shown_on_a_terminal_alone(
    terminal: bool, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars: list[dict[str, Any]] = []

    class Bar:
        def __init__(self, **options: Any) -> None:
            self.got, self.closed = 0, False
            bars.append({"options": options, "bar": self})

        def update(self, count: int) -> None:
            self.got += count

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr("customers.management.commands.import_csvs.tqdm", Bar)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    write_bytes(folder, "onboarding.csv", b"nothing\n")
    result = run("--dir", folder, "--json")
    assert len(result.feeds()) == 3
    assert len(bars) == (3 if terminal else 0)
    assert all(bar["bar"].closed and bar["bar"].got == bar["options"]["total"] for bar in bars)
    assert all(bar["options"]["file"] is sys.stderr for bar in bars)


def test_as_a_process(migrated_database: str, tmp_path: Path) -> None:
    """Exit codes and streams as a shell sees them, CSV_DIR as the default folder, and no colours or bars."""
    url = migrated_database
    folder = tmp_path / "drop"
    folder.mkdir()
    write_feeds(folder, customers=[csv_row("customers", organization="家")])

    good = manage(url, "import_csvs", "--json", CSV_DIR=str(folder))
    assert (good.returncode, len(json.loads(good.stdout)["feeds"])) == (0, 3)
    assert "\x1b" not in good.stderr
    assert "it/s" not in good.stderr

    (folder / "onboarding.csv").unlink()
    refused = manage(url, "import_csvs", "--dir", folder, "--json")
    assert (refused.returncode, len(json.loads(refused.stdout)["feeds"])) == (1, 3)
