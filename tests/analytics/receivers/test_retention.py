"""What is kept for a time goes when it is over, and no sooner; what pages need of it is still there."""

import gzip
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.models import Alert, CohortDay, Digest, Message, PolicyTrial, PortfolioDay, Snapshot, WebhookEvent
from analytics.retention import RETAINED_KINDS, old_dates
from analytics.scoring.snapshots import score_day
from customers.archive import files
from customers.audit import trail
from customers.models import AuditEntry, Batch, Customer, ImportRun, InboxEvent, QuarantinedRow, RowChange
from customers.runs import retention
from customers.runs.undo import NotUndoable, undo
from customers.text.counts import counts_in_words
from rsolv_cs import environment
from tests.factories import (
    csv_row,
    make_customer,
    make_day,
    make_engagement,
    make_message,
    make_policy,
    make_run,
    make_snapshot,
    make_staff,
    write_feed,
)
from tests.support import ROOT
from tests.support.commands import run
from tests.support.inbox import event, reported
from tests.support.loading import load
from tests.support.pages import words
from tests.support.policies import make_draft
from tests.support.storage import on_disk

pytestmark = pytest.mark.django_db

NOTHING = (
    "0 archived files, 0 closed rows in quarantine, 0 changes in the journal, 0 scored dates, 0 texts of emails, "
    "0 runs of events, 0 batches of the inbox, 0 rows of pushes, 0 sessions, 0 failed logins, 0 erasures completed, "
    "0 audit entries of failed logins, 0 months of back-tests, "
    "0 attempts at webhooks, 0 webhook deliveries, 0 webhook events."
)


@pytest.fixture(autouse=True)
def own_folders(settings: Settings, tmp_path: Path) -> None:
    settings.ARCHIVE_DIR, settings.UPLOAD_DIR = tmp_path / "archive", tmp_path / "uploads"


def ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def expired() -> str:
    """What a run says it would do and then does, which must be the same; the next one finds nothing."""
    would = run("expire", "--dry-run").lines[-1].removeprefix("Would go: ")
    done = run("expire")
    assert (done.code, done.err) == (0, "")
    assert done.lines == [f"Expired: {would}"]
    assert run("expire").lines == [f"Expired: {NOTHING}"]
    return would


def expect(**counts: int) -> str:
    """The summary with these counts, the others being 0."""
    said = NOTHING
    for kind, number in counts.items():
        name = kind.replace("_", " ")
        said = said.replace(f"0 {name}", counts_in_words({name: number}))
    return said


# --- The ledger -------------------------------------------------------------------------------------------------


def bad_row(opened: int, status: str = "open", closed: int | None = None) -> QuarantinedRow:
    """A row that came so many days ago, and left the quarantine so many days ago."""
    return QuarantinedRow.objects.create(
        run=make_run(started_at=ago(opened)),
        feed="customers",
        line=2,
        raw="x",
        reasons=["bad"],
        status=status,
        resolved_by=None if closed is None else make_run(started_at=ago(closed)),
    )


def test_closed_rows_go_after_their_days_and_open_ones_never(settings: Settings) -> None:
    kept = [bad_row(900), bad_row(900, "loaded", 399), bad_row(399, "superseded"), bad_row(10, "loaded", 5)]
    for status, closed in (("loaded", 401), ("superseded", None), ("superseded", 800)):
        bad_row(900, status, closed)
    assert expired() == expect(closed_rows_in_quarantine=3)
    assert list(QuarantinedRow.objects.order_by("pk")) == kept
    settings.QUARANTINE_DAYS = 0
    bad_row(5000, "loaded", 4000)
    assert expired() == NOTHING


def test_batches_of_the_inbox_go_with_their_events_unless_one_waits() -> None:
    (done,), (waiting,) = reported(event()), reported(event())
    InboxEvent.objects.filter(pk=done.pk).update(state="loaded")
    Batch.objects.update(received_at=ago(89))
    assert expired() == NOTHING
    Batch.objects.update(received_at=ago(91))
    assert expired() == expect(batches_of_the_inbox=1)
    assert list(InboxEvent.objects.all()) == [waiting]


def test_webhook_events_go_after_30_days() -> None:
    old, young = (WebhookEvent.objects.create(kind="run.finished", occurred_at=ago(days)) for days in (31, 29))
    assert expired() == NOTHING.replace("0 webhook events", "1 webhook event")
    assert list(WebhookEvent.objects.all()) == [young]
    assert old.uid != young.uid


def test_the_journal_goes_and_its_run_can_no_longer_be_undone(settings: Settings, tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [csv_row("customers")])
    load(tmp_path, "customers")
    write_feed(tmp_path, "customers", [csv_row("customers", cohort="Beta")])
    load(tmp_path, "customers")
    first, second = ImportRun.objects.order_by("pk")
    ImportRun.objects.filter(pk=second.pk).update(started_at=ago(399))
    assert expired() == NOTHING
    ImportRun.objects.filter(pk__in=[first.pk, second.pk]).update(started_at=ago(401))
    settings.ARCHIVE_DAYS = 0
    assert expired() == expect(changes_in_the_journal=1)
    assert not RowChange.objects.exists()
    second.refresh_from_db()
    why = f"Run {second.pk} is older than 400 days: what it changed is no longer kept."
    with pytest.raises(NotUndoable, match=why):
        undo(second, "x")
    assert run("undo_import", second.pk).code == 2
    client = Client()
    client.force_login(make_staff("Program manager"))
    page = words(client.get(f"/admin/customers/importrun/{second.pk}/change/").content.decode())
    assert "This run can no longer be undone" in page
    assert "Undo this import" not in page
    settings.UNDO_DAYS = 0
    assert second.why_not_undoable == ""
    assert Customer.objects.get().cohort == "Beta"


def test_many_rows_go_some_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_BATCH_SIZE", 3)
    old = make_run(started_at=ago(401))
    RowChange.objects.bulk_create(RowChange(run=old, model="customer", key=f"c{n}") for n in range(10))
    assert retention.delete(retention.old_changes()) == 10
    assert not RowChange.objects.exists()


def test_archives_that_no_recent_run_names_go() -> None:
    for number, days in (("1", 401), ("2", 399)):
        place = on_disk(files.place_of(number * 64))
        place.parent.mkdir(parents=True)
        place.write_bytes(gzip.compress(b"x"))
        make_run(sha256=number * 64, started_at=ago(days))
    assert expired() == expect(archived_files=1)
    assert [place.own_name[0] for place in files.all_archives()] == ["2"]


# --- Scored dates -----------------------------------------------------------------------------------------------

NEWEST = date(2025, 5, 10)
FIRST = date(2024, 3, 1)


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@pytest.fixture
def history(today_is: Callable[[date], None]) -> Customer:
    """One customer scored each day from a Friday on, 435 days up to a Saturday; all of it long ago."""
    today_is(NEWEST)
    customer = make_customer(id="c1", signup_date=FIRST)
    for day in days(FIRST, NEWEST):
        make_snapshot(customer, date=day, score=50 + day.day)
        make_day(date=day, scored_at=ago(600), total=1)
        for by, name in (("all", ""), ("cohort", ""), ("month", "2024-03")):
            CohortDay.objects.create(date=day, by=by, name=name, weeks=[1], **{**_zeros(), "size": 1})
    return customer


def _zeros() -> dict[str, Any]:
    names = ("size", "onboarded", "days_to_value", "score_sum", "prs_generated", "prs_merged", "champion", "healthy")
    return dict.fromkeys((*names, "needs_attention", "at_risk", "inactive"), 0)


def scored() -> list[date]:
    found = list(PortfolioDay.objects.order_by("date").values_list("date", flat=True))
    for model in (Snapshot, CohortDay):
        assert set(model.objects.values_list("date", flat=True)) == set(found)
    return found


def test_after_their_days_the_last_date_of_each_week_stays(history: Customer) -> None:
    oldest = NEWEST - timedelta(days=400)
    assert oldest == date(2024, 4, 5)
    expected = [date(2024, 3, day) for day in (3, 10, 17, 24, 31)] + days(oldest, NEWEST)
    # Sundays, and every day from the 5th of April on; 1 to 4 April are of a week that goes on.
    gone = len(days(FIRST, NEWEST)) - len(expected)
    assert expired() == expect(scored_dates=gone)
    assert scored() == expected


def test_thinning_day_by_day_comes_to_the_same_as_at_once(history: Customer) -> None:
    newest = date(2024, 12, 1)
    at_once = [
        day
        for day in days(FIRST, NEWEST)
        if day >= NEWEST - timedelta(days=40) or day.isoweekday() == 7 or day == NEWEST
    ]
    PortfolioDay.objects.filter(date__gt=newest).delete()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.SNAPSHOT_DAYS", 40)
        for day in days(newest, NEWEST)[1:]:
            make_day(date=day, scored_at=ago(600), total=1)
            PortfolioDay.objects.filter(date__in=old_dates()).delete()
        assert list(PortfolioDay.objects.order_by("date").values_list("date", flat=True)) == at_once


def test_a_date_that_is_scored_again_stays_for_its_days(history: Customer) -> None:
    run("expire")
    again = date(2024, 3, 6)
    assert again not in scored()
    done = run("score", "--as-of", again)
    assert done.code == 0, done.err
    assert expired() == NOTHING
    assert again in scored()
    PortfolioDay.objects.filter(date=again).update(scored_at=ago(401))
    assert expired() == expect(scored_dates=1)


def test_all_dates_stay_for_ever_with_0(history: Customer, settings: Settings) -> None:
    settings.SNAPSHOT_DAYS = 0
    assert expired() == NOTHING
    assert len(scored()) == 436


def test_pages_work_on_what_is_left(history: Customer, client: Client) -> None:
    make_engagement(history, date(2024, 3, 5), issues_tagged=1)
    run("expire")
    client.force_login(make_staff("Administrator"))
    for address in ("/admin/", "/admin/customer/c1/", "/admin/cohorts/"):
        for as_of in ("2024-03-06", "2024-03-24", "2024-04-04", "2024-04-07", ""):
            assert client.get(f"{address}?as_of={as_of}").status_code == 200
    page = words(client.get("/admin/?as_of=2024-03-22").content.decode())
    assert "22 Mar 2024 is not scored; this is the newest date before it that is." in page
    # A week apart, there is still something to compare with.
    assert client.get("/admin/customer/c1/?as_of=2024-03-24").context["change"].then.date == date(2024, 3, 17)
    score_day(date(2024, 3, 24))
    assert run("send_alerts").code == 0
    assert not Alert.objects.filter(opened_on__lt=NEWEST).exists()


# --- Texts ------------------------------------------------------------------------------------------------------


def test_texts_stay_unless_days_are_set(settings: Settings, client: Client) -> None:
    make_message(state="canceled", attempted_at=ago(102), subject="S102", body="Secret")
    for days_ago, state in ((101, "sent"), (99, "sent"), (500, "failed")):
        make_message(state=state, sent_at=ago(days_ago), subject=f"S{days_ago}", body="Secret")
        Digest.objects.create(
            kind="alerts", channel=str(days_ago), day=NEWEST, claimed_at=ago(days_ago), sent_at=ago(days_ago),
            state=state, text="Secret",
        )  # fmt: skip
    assert expired() == NOTHING
    settings.MESSAGE_DAYS = 100
    assert expired() == expect(texts_of_emails=3)
    assert dict(Message.objects.values_list("subject", "body")) == {
        "S102": "",
        "S101": "",
        "S99": "Secret",
        "S500": "Secret",
    }
    assert dict(Digest.objects.values_list("channel", "text")) == {"101": "", "99": "Secret", "500": "Secret"}
    client.force_login(make_staff("Viewer"))
    page = client.get(f"/admin/messages/{Message.objects.get(subject='S101').pk}/")
    assert "The text is no longer kept." in words(page.content.decode())


# --- Settings ---------------------------------------------------------------------------------------------------


def test_back_tests_go_with_the_night_and_once_their_draft_is_published() -> None:
    draft, published = make_draft(), make_policy("Published")
    made = {"key": "x", "counts": {}, "cases": b"", "made_at": timezone.now()}
    kept = PolicyTrial.objects.create(draft=draft, date=date(2025, 4, 30), **made)
    PolicyTrial.objects.create(draft=draft, date=date(2025, 3, 31), **{**made, "made_at": ago(1)})
    PolicyTrial.objects.create(draft=published, date=date(2025, 4, 30), **made)
    assert expired() == NOTHING.replace("0 months", "2 months")
    assert PolicyTrial.objects.get() == kept


def test_sessions_and_failed_logins_go_when_they_are_over() -> None:
    now = timezone.now()
    for name, hours in (("over", -1), ("open", 1)):
        Session.objects.create(session_key=name, session_data="x", expire_date=now + timedelta(hours=hours))
        AccessAttempt.objects.create(username=name, attempt_time=now, failures_since_start=1)
    AccessAttempt.objects.filter(username="over").update(attempt_time=now - timedelta(hours=1))
    assert "1 session, 1 failed login" in run("expire", "--dry-run").lines[-1]
    assert "1 session, 1 failed login" in run("expire").lines[-1]
    assert Session.objects.get().session_key == "open"
    assert AccessAttempt.objects.get().username == "open"
    assert "0 sessions, 0 failed logins" in run("expire").lines[-1]


def test_failed_logins_leave_the_audit_and_nothing_else_does(settings: Settings) -> None:
    settings.FAILED_LOGIN_DAYS = 90
    every = []
    for days in (89, 91):
        for action in AuditEntry.Action.values:
            one = trail.entry(trail.Action(action), f"{action} {days}")
            one.at -= timedelta(days=days)
            every.append(one)
    trail.record_all(every)
    said = "1 audit entry of failed logins"
    assert said in run("expire", "--dry-run").lines[-1]
    assert AuditEntry.objects.filter(subject="login_failed 91").exists()
    assert said in run("expire").lines[-1]
    gone = {one.subject for one in every} - set(AuditEntry.objects.values_list("subject", flat=True))
    assert gone == {"login_failed 91"}
    # The seal is closed again behind it.
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.all().delete()
    settings.FAILED_LOGIN_DAYS = 0
    old = trail.entry(trail.Action.LOGIN_FAILED, "old", actor="")
    old.at -= timedelta(days=5000)
    trail.record_all([old])
    assert "0 audit entries" in run("expire").lines[-1]


def test_each_setting_of_days_has_its_kind() -> None:
    text = (ROOT / "rsolv_cs" / "settings.py").read_text()
    kept = set(re.findall(r"^([A-Z_]+_DAYS) = ", text, re.MULTILINE)) - {"NIGHT_DAYS", "INVITATION_DAYS"}
    assert {kind.setting for kind in RETAINED_KINDS} - {""} == kept


def test_too_few_days_of_snapshots_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, days_kept in (("0", 0), ("35", 35), ("", 400)):
        monkeypatch.setenv("SNAPSHOT_DAYS", value)
        assert environment.days("SNAPSHOT_DAYS", 400, least=35) == days_kept
    monkeypatch.setenv("SNAPSHOT_DAYS", "34")
    with pytest.raises(ImproperlyConfigured, match="SNAPSHOT_DAYS=34 is too few; use 35 or more"):
        environment.days("SNAPSHOT_DAYS", 400, least=35)


# --- A wrong clock ------------------------------------------------------------------------------------------------


def test_a_clock_that_is_ahead_for_a_night_removes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes does not come back: only two nights in a row of the same time are believed."""
    bad_row(opened=399, status="superseded", closed=399)
    now = timezone.now()

    def expire_after(days: int, *options: str) -> str:
        monkeypatch.setattr(timezone, "now", lambda: now + timedelta(days=days))
        monkeypatch.setattr(AuditEntry._meta.get_field("at"), "_get_default", timezone.now)
        return run("expire", *options).lines[-1]

    expire_after(0)
    day = f"{timezone.localtime(now):%-d %b %Y}"
    assert expire_after(30).startswith(f"Expired: nothing. The last run was on {day}, more than a week from now")
    assert expire_after(-300).startswith("Expired: nothing.")
    assert QuarantinedRow.objects.count() == 1
    expire_after(0)
    assert "1 closed row in quarantine" in expire_after(30, "--dry-run")
    assert QuarantinedRow.objects.count() == 1
    expire_after(30, "--force")
    assert QuarantinedRow.objects.count() == 0


def test_after_a_pause_the_second_run_removes_what_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    bad_row(opened=390, status="superseded", closed=390)
    run("expire")
    now = timezone.now() + timedelta(days=20)
    monkeypatch.setattr(timezone, "now", lambda: now)
    monkeypatch.setattr(AuditEntry._meta.get_field("at"), "_get_default", timezone.now)
    run("expire")
    assert QuarantinedRow.objects.count() == 1
    run("expire")
    assert QuarantinedRow.objects.count() == 0
