"""What is loaded and not scored is said, whoever may import can score it, and a night that was put right is quiet."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.alerts.evaluate import evaluate
from analytics.models import Alert, Night, PortfolioDay, ScoringPolicy, Snapshot
from analytics.nights import ledger
from analytics.pages import scoring_stream
from analytics.scoring.unscored import unscored
from customers.models import AuditEntry
from tests.factories import csv_row, make_staff, write_feed, write_feeds
from tests.support.commands import held_elsewhere, run
from tests.support.loading import load
from tests.support.pages import links, main_part, notices, words

pytestmark = pytest.mark.django_db

SCORE = "/admin/score/"
FIRST, SECOND = (timezone.localdate() - timedelta(days=days) for days in (2, 1))
NIGHT = ("customers", "onboarding", "engagement")


@pytest.fixture
def drop(settings: Settings, tmp_path: Path) -> Path:
    """The drop folder, with one customer in the three required feeds; its engagement is two days old."""
    settings.EXPORT_DIR = tmp_path / "exports"
    settings.CSV_DIR = tmp_path / "csv"
    settings.CSV_DIR.mkdir()
    rows = {name: [csv_row(name)] for name in NIGHT}
    rows["engagement"] = [csv_row("engagement", date=str(FIRST))]
    return write_feeds(settings.CSV_DIR, **rows)


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff("Program manager", username="mira"))
    return client


def of_the_next_day(drop: Path) -> Path:
    rows = [csv_row("engagement", date=str(FIRST)), csv_row("engagement", id="e2", date=str(SECOND))]
    write_feed(drop, "engagement", rows)
    return drop


def said(client: Client, address: str = "/admin/") -> list[str]:
    return [text for text in notices(client.get(address)) if "scor" in text]


def scored(response: object) -> str:
    return words(b"".join(response.streaming_content).decode())


# --- Loaded, not scored -------------------------------------------------------------------------------------------


def test_rows_of_a_later_day_are_said_until_they_are_scored(drop: Path, manager: Client) -> None:
    load(drop)
    run("score")
    assert (unscored(), said(manager)) == (None, [])

    load(of_the_next_day(drop))
    days = f"Data through {SECOND:%-d %b %Y}, scored to {FIRST:%-d %b %Y}"
    text = f"{days}: what was loaded since is in no figure yet. Score now"
    key = csv_row("customers")["id"]
    for address in ("/admin/", "/admin/cohorts/", "/admin/my-day/?owner=", f"/admin/customer/{key}/"):
        assert said(manager, address) == [text], address
    run("score")
    assert said(manager) == []


def test_one_notice_says_through_which_day_the_data_are(
    drop: Path, manager: Client, today_is: Callable[[date], None]
) -> None:
    load(drop)
    run("score")
    load(of_the_next_day(drop))
    today_is(SECOND + timedelta(days=30))
    assert notices(manager.get("/admin/")) == [
        f"Figures of {FIRST:%-d %b %Y}, 31 days old.",
        f"Data through {SECOND:%-d %b %Y}, scored to {FIRST:%-d %b %Y}: what was loaded since is in no figure yet. "
        "Score now",
    ]


def test_rows_of_the_same_day_are_said_too(drop: Path, manager: Client) -> None:
    load(drop)
    run("score")
    write_feed(drop, "customers", [csv_row("customers", cohort="Another")])
    load(drop, "customers")
    assert said(manager) == [
        f"Data through {FIRST:%-d %b %Y}, of which 1 import came after the last scoring: "
        "what was loaded since is in no figure yet. Score now"
    ]


def test_an_import_that_changes_nothing_is_not_said(drop: Path, manager: Client) -> None:
    load(drop)
    run("score")
    load(drop)
    assert said(manager) == []


def test_dates_that_an_undo_left_stale_are_said(drop: Path, manager: Client) -> None:
    load(drop)
    run("score")
    outcome = load(of_the_next_day(drop))["engagement"]
    run("score")
    run("undo_import", str(outcome.run))
    assert "1 scored date waits to be scored again." in " ".join(said(manager))


def test_who_may_not_import_is_told_without_the_link(drop: Path, client: Client) -> None:
    load(drop)
    run("score")
    load(of_the_next_day(drop))
    client.force_login(make_staff("Success manager"))
    [text] = said(client)
    assert text.endswith("The next nightly scores it.")
    assert client.get(SCORE).status_code == client.post(SCORE).status_code == 403


# --- Score now ----------------------------------------------------------------------------------------------------


def test_a_person_scores_what_is_loaded_and_sees_how_far_it_is(drop: Path, manager: Client) -> None:
    load(drop)
    page = manager.get("/admin/")
    assert set(links(page, "Score now")) == {SCORE}
    assert "Nothing is scored yet" in main_part(page)
    assert f"Data through {FIRST:%-d %b %Y}, not scored yet" in words(main_part(manager.get(SCORE)))
    text = scored(manager.post(SCORE))
    assert f"Scoring 1 date: {FIRST:%-d %b %Y}. 0 of 1 {FIRST:%-d %b %Y}: 1 customer, " in text
    assert text.index("1 of 1") < text.index("Done.")
    assert PortfolioDay.objects.get().date == FIRST
    assert Snapshot.objects.count() == 1
    entry = AuditEntry.objects.filter(action="command", subject="score").get()
    assert (entry.actor, entry.source, entry.address) == ("mira", f"POST {SCORE}", "127.0.0.1")
    assert said(manager) == []


@pytest.mark.parametrize("job", ["score", "import"])
def test_it_waits_for_nobody_and_says_so(job: str, drop: Path, manager: Client) -> None:
    load(drop)
    with held_elsewhere(job):
        text = scored(manager.post(SCORE))
    assert "Nothing was scored: another scoring or an import is running." in text
    assert not PortfolioDay.objects.exists()


def test_a_database_that_is_busy_in_the_middle_is_said(
    drop: Path, manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_date: date) -> None:
        raise OperationalError("database is locked")

    load(drop)
    monkeypatch.setattr(scoring_stream, "score_day", busy)
    text = scored(manager.post(SCORE))
    assert "It stopped here: the database is busy, or cannot be reached. Try again later." in text
    assert "Done." not in text
    assert "locked" not in text


def test_a_date_that_no_policy_is_for_is_said(drop: Path, manager: Client) -> None:
    load(drop)
    ScoringPolicy.objects.update(effective_from=SECOND)
    text = scored(manager.post(SCORE))
    assert "Nothing was scored:" in text
    assert "Done." not in text
    assert not PortfolioDay.objects.exists()


# --- A night that was put right -----------------------------------------------------------------------------------


def trouble() -> str:
    found = ledger.night_problem(ledger.read_status())
    return found.text if found else ""


def failed_night(drop: Path) -> Night:
    """A night whose engagement was refused, so that nothing was scored."""
    good = (drop / "engagement.csv").read_text()
    (drop / "engagement.csv").write_text("")
    assert run("nightly").code == 1
    (drop / "engagement.csv").write_text(good)
    assert trouble().endswith("failed.")
    assert Alert.objects.open().filter(feed="engagement").count() == 1
    return Night.objects.get()


@pytest.mark.django_db(transaction=True)
def test_the_banner_and_the_alert_close_once_the_right_file_is_loaded_and_scored(drop: Path, manager: Client) -> None:
    night = failed_night(drop)
    load(drop, "engagement")
    assert not Alert.objects.open().filter(feed="engagement").exists()
    assert trouble()  # What is loaded is not scored yet.
    scored(manager.post(SCORE))
    assert trouble() == ""
    night.refresh_from_db()
    assert (night.state, night.put_right_at is not None) == ("failed", True)
    assert "What failed was put right on" in words(
        main_part(manager.get(f"/admin/analytics/night/{night.pk}/change/"))
    )
    assert run("nightly").code == 0


def test_the_commands_put_it_right_as_well(drop: Path) -> None:
    failed_night(drop)
    run("import_csvs")
    assert trouble()
    run("score")
    assert trouble() == ""


def test_another_feed_does_not_put_it_right(drop: Path) -> None:
    failed_night(drop)
    load(drop, "customers")
    run("score")
    assert trouble()


def test_a_step_that_failed_is_put_right_by_its_command(drop: Path, settings: Settings, tmp_path: Path) -> None:
    settings.EXPORT_DIR = tmp_path / "file" / "exports"
    (tmp_path / "file").write_text("")
    assert run("nightly").code == 1
    assert [step["result"] for step in Night.objects.get().steps if step["name"] == "export"] == ["failed"]
    evaluate()
    assert Alert.objects.open().filter(customer=None, feed="").count() == 1
    run("score")
    assert trouble()
    settings.EXPORT_DIR = tmp_path / "exports"
    assert run("export_metrics").code == 0
    assert trouble() == ""
    assert not Alert.objects.open().filter(customer=None, feed="").exists()
    assert evaluate().raised == 0


def test_a_night_that_was_interrupted_is_put_right_by_all_of_its_steps(drop: Path) -> None:
    done = [{"name": "score", "result": "done", "seconds": 1, "message": ""}]
    Night.objects.create(state="interrupted", started_by="cron", steps=done)
    load(drop)
    run("score")
    for command in ("forecast", "send_alerts", "playbooks", "export_metrics", "send_reports", "expire"):
        assert trouble().endswith("was interrupted.")
        assert run(command).code == 0
    assert trouble() == ""
