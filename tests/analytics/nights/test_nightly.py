"""``nightly``: the steps in their order, and what a failed one holds back."""

import csv
import io
import logging
import shutil
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.core.mail import EmailMessage
from django.core.management import ManagementUtility
from django.db import OperationalError
from pytest_django.fixtures import Settings

from analytics.management.commands import nightly as command
from analytics.management.commands import score as score_command
from analytics.models import AlertRule, Night, PortfolioDay, Report, ScoringPolicy, Snapshot
from customers.feeds.declarations import FEEDS
from customers.feeds.exports import feed_rows
from customers.imports.feed_states import feed_states
from customers.models import Customer, ImportRun, StepSighting
from tests.factories import csv_row, make_staff, write_feed
from tests.support.commands import Ran, held_elsewhere, python, run
from tests.support.mails import free_port

pytestmark = pytest.mark.django_db

ALL_DONE = (
    "Nightly: import done, score done, forecast done, alerts done, playbooks done, export done, reports done, "
    "expire done."
)
NOTHING_OLD = (
    "Expired: 0 archived files, 0 closed rows in quarantine, 0 changes in the journal, 0 scored dates, "
    "0 texts of emails, 0 runs of events, 0 batches of the inbox, 0 rows of pushes, 0 sessions, 0 failed logins, "
    "0 erasures completed, 0 audit entries of failed logins, 0 months of back-tests, "
    "0 attempts at webhooks, 0 webhook deliveries, 0 webhook events."
)
ACME = (
    "c1001,Acme Inc.,VIP,2025-05-03,no,80,,github_permissions,5,0,0,,4,45,at_risk,20,0,15,10,,declining,"
    "initial_adoption,2025-05-07,2025-05-10,,,v1,"
)


@pytest.fixture(autouse=True)
def archives(settings: Settings, tmp_path: Path) -> Path:
    """Where the exports go."""
    settings.EXPORT_DIR = tmp_path / "exports"
    return settings.EXPORT_DIR


def add_a_day(drop: Path) -> None:
    """The next night: a customer more, and data through 3 May."""
    write_feed(drop, "customers", [csv_row("customers"), csv_row("customers", id="c2002")])
    write_feed(drop, "engagement", [csv_row("engagement"), csv_row("engagement", id="e2002", date="2025-05-03")])


def stored() -> dict[str, Any]:
    """Everything that a night may change, but the times of its runs."""
    return {
        **{name: list(feed_rows(feed)) for name, feed in FEEDS.items()},
        "provenance": [
            list(feed.model.objects.order_by("pk").values_list("pk", "run", "line")) for feed in FEEDS.values()
        ],
        "sightings": list(StepSighting.objects.values()),
        "days": [
            {name: value for name, value in row.items() if name not in {"scored_at", "last_run", "last_api_run"}}
            for row in PortfolioDay.objects.values()
        ],
        "snapshots": [
            {name: value for name, value in row.items() if name != "id"}
            for row in Snapshot.objects.order_by("date", "customer_id").values()
        ],
    }


def scored_dates() -> list[date]:
    return list(PortfolioDay.objects.order_by("date").values_list("date", flat=True))


def troubles() -> dict[str, str]:
    """What the dashboard's banner says: the reason of each feed's newest run that did not load."""
    return {state.file: state.trouble.reason for state in feed_states() if state.trouble}


def exported(archives: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in archives.glob("*")} if archives.exists() else {}


def combined(archive: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        return members.read("combined_metrics.csv").decode().splitlines()


# --- A good night -------------------------------------------------------------------------------------------------


def test_a_good_night_imports_then_scores_then_exports(drop: Path, archives: Path) -> None:
    done = run("nightly", "--dir", drop)
    assert (done.code, done.err) == (0, "")
    assert [line.split(":")[0] for line in done.lines[:3]] == ["customers.csv", "onboarding.csv", "engagement.csv"]
    assert done.lines[3].startswith("3 of 3 feeds loaded: 3 created")
    # 45 points: 5 for one active day, 17 for two of three PRs, 10 for two steps, 13 after one support request.
    assert done.lines[4:] == [
        "2 May 2025: 1 customer, 1 at risk",
        "Scored 1 date: 2 May 2025.",
        "2 May 2025, Going quiet: too little to learn from (0 customers, 0 outcomes).",
        "2 May 2025, First PR: too little to learn from (0 customers, 0 outcomes).",
        "Forecast 1 date, compared 0 with what happened.",
        "Alerts as of 2 May 2025: 1 raised, 0 worse, 0 closed; 0 sent, 0 failed.",
        "Playbooks: 0 started, 0 ended; 0 steps done, 0 wait for approval, 0 skipped, 0 held.",
        f"Exported 1 customer as of 2 May 2025 to {archives / 'rsolv_metrics_2025-05-02.zip'}.",
        "Reports: 0 mails sent, 0 failed.",
        NOTHING_OLD,
        ALL_DONE,
    ]
    assert scored_dates() == [date(2025, 5, 2)]
    assert Snapshot.objects.values_list("customer", "score").get() == ("c2001", 45)
    assert list(exported(archives)) == ["rsolv_metrics_2025-05-02.zip"]
    assert troubles() == {}


@pytest.mark.usefixtures("drop")
def test_the_folder_is_csv_dir_unless_one_is_named() -> None:
    assert run("nightly").lines[-1] == ALL_DONE
    assert Customer.objects.count() == 1


def test_the_demo_program_gives_the_golden_case(archives: Path) -> None:
    done = run("nightly", "--dir", project.BASE_DIR / "fixtures")
    assert (done.code, done.lines[-1]) == (0, ALL_DONE)
    lines = combined(exported(archives)["rsolv_metrics_2025-05-10.zip"])
    assert ACME in lines
    assert [row["customer_id"] for row in csv.DictReader(lines)] == [f"c{number}" for number in range(1001, 1013)]


def test_a_second_run_changes_nothing(drop: Path, archives: Path) -> None:
    shutil.copytree(project.BASE_DIR / "fixtures", drop, dirs_exist_ok=True)
    run("nightly", "--dir", drop)
    first = stored(), exported(archives)
    done = run("nightly", "--dir", drop)
    assert (done.code, done.lines[-1]) == (0, ALL_DONE)
    assert "0 created, 0 updated" in done.out
    assert (stored(), exported(archives)) == first


def test_the_next_night_adds_its_date_and_leaves_the_last_one(drop: Path, archives: Path) -> None:
    run("nightly", "--dir", drop)
    before = stored()["snapshots"]
    add_a_day(drop)
    assert run("nightly", "--dir", drop).lines[-1] == ALL_DONE
    assert scored_dates() == [date(2025, 5, 2), date(2025, 5, 3)]
    assert stored()["snapshots"][:1] == before
    assert sorted(exported(archives)) == ["rsolv_metrics_2025-05-02.zip", "rsolv_metrics_2025-05-03.zip"]


def test_an_alert_rule_that_is_not_understood_is_a_warning(drop: Path) -> None:
    AlertRule.objects.create(kind="custom", name="Lost", query="mood=bad")
    done = run("nightly", "--dir", drop)
    assert done.lines[-1] == ALL_DONE.replace("alerts done", "alerts done with a warning")
    assert done.code == 1
    night = Night.objects.get()
    [message] = [step["message"] for step in night.steps if step["name"] == "alerts"]
    assert (night.state, message) == ("warned", "Alert rule “Lost” raises nothing: There is no filter “mood”.")


def test_quarantined_rows_are_no_failure(drop: Path) -> None:
    write_feed(drop, "feedback", [csv_row("feedback", nps="11")])
    done = run("nightly", "--dir", drop)
    assert (done.code, done.lines[-1]) == (0, ALL_DONE)
    assert "1 quarantined" in done.out


# --- A step that fails --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feed", ["customers", "onboarding", "engagement"])
def test_a_refused_required_feed_holds_back_scoring_and_export(feed: str, drop: Path, archives: Path) -> None:
    run("nightly", "--dir", drop)
    before = stored()["snapshots"], stored()["days"], exported(archives)
    add_a_day(drop)
    (drop / f"{feed}.csv").write_text("id,customer_id\n")
    done = run("nightly", "--dir", drop)
    assert done.code == 1
    assert done.lines[-1] == (
        f"Nightly: import failed ({feed}.csv), score skipped, forecast skipped, alerts done, "
        "playbooks skipped, export skipped, reports skipped, "
        "expire done."
    )
    assert (stored()["snapshots"], stored()["days"], exported(archives)) == before
    assert list(troubles()) == [f"{feed}.csv"]
    assert "the header is missing" in troubles()[f"{feed}.csv"]


def test_a_required_feed_that_is_missing_does_so_too_until_it_is_there(drop: Path, archives: Path) -> None:
    add_a_day(drop)
    missing = (drop / "onboarding.csv").rename(drop / "elsewhere.csv")
    done = run("nightly", "--dir", drop)
    assert (done.code, scored_dates(), exported(archives)) == (1, [], {})
    assert done.lines[-1].startswith(
        "Nightly: import failed (onboarding.csv), score skipped, forecast skipped, alerts done, "
    )
    assert done.lines[-1].endswith(", playbooks skipped, export skipped, reports skipped, expire done.")
    assert troubles() == {"onboarding.csv": "onboarding.csv is missing"}
    assert Customer.objects.count() == 2, "the other feeds are loaded"
    missing.rename(drop / "onboarding.csv")
    assert run("nightly", "--dir", drop).lines[-1] == ALL_DONE
    assert troubles() == {}


def test_a_refused_optional_feed_is_a_failure_but_holds_nothing_back(drop: Path, archives: Path) -> None:
    (drop / "events.csv").write_text("")
    done = run("nightly", "--dir", drop)
    assert (done.code, done.lines[-1]) == (
        1,
        "Nightly: import failed (events.csv), score done, forecast done, alerts done, "
        "playbooks done, export done, reports done, expire done.",
    )
    assert scored_dates() == [date(2025, 5, 2)]
    assert list(exported(archives)) == ["rsolv_metrics_2025-05-02.zip"]
    assert troubles() == {"events.csv": "the file is empty"}


def test_where_scoring_is_impossible_the_export_is_held_back(drop: Path, archives: Path) -> None:
    ScoringPolicy.objects.update(effective_from=date(2025, 5, 3))
    done = run("nightly", "--dir", drop)
    assert (done.code, done.lines[-1]) == (
        1,
        "Nightly: import done, score failed, forecast skipped, alerts done, "
        "playbooks skipped, export skipped, reports skipped, expire done.",
    )
    assert done.err == "score: No scoring policy is in force on 2 May 2025.\n"
    assert (scored_dates(), exported(archives)) == ([], {})


def test_a_step_that_breaks_down_is_logged_and_ends_with_the_summary_too(
    drop: Path, archives: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_day: date, _newest: date) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(score_command, "score_day", fail)
    with caplog.at_level(logging.ERROR):
        done = run("nightly", "--dir", drop)
    assert (done.code, done.lines[-1]) == (
        1,
        "Nightly: import done, score failed, forecast skipped, alerts done, "
        "playbooks skipped, export skipped, reports skipped, expire done.",
    )
    assert [record.getMessage() for record in caplog.records] == ["score failed"]
    assert "the server closed the connection" in caplog.text
    assert (scored_dates(), exported(archives)) == ([], {})


def test_while_another_scoring_runs_the_export_is_held_back(drop: Path, archives: Path) -> None:
    with held_elsewhere("score"):
        done = run("nightly", "--dir", drop)
    assert (done.code, done.lines[-1]) == (
        1,
        "Nightly: import done, score failed, forecast skipped, alerts failed, "
        "playbooks skipped, export skipped, reports skipped, expire done.",
    )
    assert done.err.startswith("score: Another scoring ")
    assert exported(archives) == {}


def test_an_export_that_fails_leaves_the_scores(drop: Path, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    settings.EXPORT_DIR = tmp_path / "file" / "exports"
    done = run("nightly", "--dir", drop)
    assert (done.code, done.lines[-1]) == (
        1,
        "Nightly: import done, score done, forecast done, alerts done, playbooks done, export failed, reports done, "
        "expire done.",
    )
    assert done.err == f"export_metrics: {settings.EXPORT_DIR}: Not a directory\n"
    assert scored_dates() == [date(2025, 5, 2)]


def test_a_database_that_cannot_be_used_is_a_failure(drop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(command, "import_folder", fail)
    done = run("nightly", "--dir", drop)
    assert (done.code, done.lines) == (
        1,
        [
            "Nightly: import failed, score skipped, forecast skipped, alerts skipped, "
            "playbooks skipped, export skipped, reports skipped, expire skipped."
        ],
    )
    assert done.err == "The database cannot be used: attempt to write a readonly database\n"


def test_the_alerts_of_a_night_whose_feed_was_refused_are_sent(drop: Path, mailoutbox: list[EmailMessage]) -> None:
    make_staff("Program manager", email="mira@example.com")
    (drop / "engagement.csv").write_text("id,customer_id\n")
    done = run("nightly", "--dir", drop)
    assert done.code == 1
    [mail] = mailoutbox
    assert mail.to == ["mira@example.com"]
    assert mail.subject.startswith("Feed: Engagement: engagement.csv was refused on ")


def test_alerts_that_cannot_be_sent_are_a_failure_and_hold_back_nothing(
    drop: Path, archives: Path, settings: Settings
) -> None:
    make_staff("Program manager", email="mira@example.com")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    done = run("nightly", "--dir", drop)
    assert (done.code, done.lines[-1]) == (
        1,
        "Nightly: import done, score done, forecast done, alerts failed, playbooks done, export done, reports done, "
        "expire done.",
    )
    assert done.err.splitlines()[-1] == "send_alerts: 2 messages could not be sent; the next run tries again."
    assert list(exported(archives)) == ["rsolv_metrics_2025-05-02.zip"]


def test_a_broken_report_is_told_to_its_owner_and_is_no_failure_of_the_night(
    drop: Path, mailoutbox: list[EmailMessage]
) -> None:
    owner = make_staff("Success manager", email="zoe@example.com")
    for name, query in (("Fine", ""), ("Broken", "region=emea")):
        report = Report.objects.create(owner=owner, name=name, query=query, schedule="daily")
        report.recipients.add(owner)
    done = run("nightly", "--dir", drop)
    assert (done.code, done.lines[-1], done.err) == (0, ALL_DONE, "")
    assert done.lines[-4:-2] == [
        "Broken, for its owner to mend: Broken: There is no filter “region”.",
        "Reports: 1 mail sent, 0 failed, 1 broken.",
    ]
    assert [mail.subject for mail in mailoutbox] == [
        "Fine: 1 customer as of 2 May 2025",
        "Your report “Broken” could not be sent",
    ]


# --- A night that does not begin ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_without_a_folder_it_ends_with_2(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    done = run("nightly", "--dir", tmp_path / name)
    assert done == Ran(2, "", f"{tmp_path / name} is not a folder; name one with --dir or CSV_DIR.\n")
    assert not ImportRun.objects.exists()


@pytest.mark.parametrize("name", ["nightly", "export_metrics", "demo"])
def test_an_option_that_does_not_exist_ends_with_2(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        ManagementUtility(["manage.py", name, "--no-such-option"]).execute()
    assert stopped.value.code == 2
    assert "unrecognized arguments: --no-such-option" in capsys.readouterr().err


def test_while_another_import_runs_it_ends_with_75(drop: Path, archives: Path) -> None:
    with held_elsewhere("import"):
        done = run("nightly", "--dir", drop)
    assert done == Ran(75, "", "Another import is running; nothing was done.\n")
    assert (ImportRun.objects.count(), exported(archives)) == (0, {})


# --- As cron runs it ----------------------------------------------------------------------------------------------


def test_cron_can_run_it_on_the_database_of_the_environment(migrated_database: str, archives: Path) -> None:
    surroundings = {
        "SECRET_KEY": "a key of the tests, long enough for Django not to complain",
        "DATABASE_URL": migrated_database,
        "EXPORT_DIR": archives,
    }

    def manage(*arguments: str) -> Ran:
        return python("manage.py", *arguments, **surroundings)

    for created, unchanged in ((418, 0), (0, 418)):
        done = manage("nightly", "--dir", "fixtures")
        assert (done.code, done.err) == (0, "")
        assert (
            f"5 of 5 feeds loaded: {created} created, 0 updated, {unchanged} unchanged, 0 quarantined." in done.lines
        )
        assert done.lines[-1] == ALL_DONE
    assert ACME in combined(exported(archives)["rsolv_metrics_2025-05-10.zip"])
