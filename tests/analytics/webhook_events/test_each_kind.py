"""Each kind is told by what really happens: runs, nights, alerts, tasks and forecasts; no preview tells anything.

What scorings tell of customers: ``tests/analytics/scoring/test_telling.py``.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.alerts.evaluate import evaluate
from analytics.forecast.store import tell_crossed
from analytics.models import Alert, AlertRule, EventKind, ForecastDay, Night, Task, WebhookEvent
from analytics.nights.ledger import night_log
from analytics.tasks import workflow
from analytics.webhook_events.announce import ORGANIZATION
from analytics.webhook_events.kinds import KINDS
from customers.jobs.lock import job_lock
from customers.models import Customer, ImportRun
from customers.runs.undo import preview_undo, undo
from tests.factories import (
    make_alert,
    make_customer,
    make_day,
    make_engagement,
    make_forecast,
    make_run,
    make_snapshot,
    make_staff,
    write_feed,
    write_feeds,
)
from tests.support.commands import run
from tests.support.loading import customer_row, load, write_bytes
from tests.support.nights import make_night
from tests.support.webhook_events import listen, newest_data, told

pytestmark = pytest.mark.django_db
DAY = date(2025, 5, 10)
RUN, OPENED, CLOSED = "run.finished", "alert.opened", "alert.closed"


@pytest.fixture(autouse=True)
def listening(today_is: Callable[[date], None]) -> None:
    today_is(DAY + timedelta(days=1))
    listen()


@pytest.fixture
def sofia(client: Client) -> User:
    sofia = make_staff("Success manager", username="sofia")
    client.force_login(sofia)
    return sofia


@pytest.fixture(autouse=True)
def each_event_holds_what_is_declared() -> Iterator[None]:
    """Whatever a test has told."""
    yield
    for event in WebhookEvent.objects.exclude(data={}):
        about = {ORGANIZATION} if event.customer_id else set()
        assert set(event.data) == {"old", "new", *KINDS[EventKind(event.kind)].more} | about


# --- Import runs --------------------------------------------------------------------------------------------------


def test_a_run_that_loads_one_that_is_refused_and_an_undo_are_told_and_their_previews_are_not(tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(2), customer_row(3, signup_date="soon")])
    load(tmp_path, "customers", dry_run=True)
    assert told() == []
    load(tmp_path, "customers")
    assert told() == [(RUN, None, "running", "loaded")]
    [loaded] = ImportRun.objects.all()
    assert newest_data() == {
        "old": "running",
        "new": "loaded",
        "run": loaded.pk,
        "feed": "customers",
        "scope": "whole",
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "quarantined": 1,
        "undoes": None,
    }
    write_bytes(tmp_path, "customers.csv", b"nonsense\n1\n")
    load(tmp_path, "customers")
    assert told()[1:] == [(RUN, None, "running", "refused")]
    preview_undo(loaded)
    assert len(told()) == 2
    undoing = undo(loaded, "sofia")
    assert told()[2:] == [(RUN, None, "running", "loaded")]
    assert newest_data() == {**newest_data(), "run": undoing.pk, "undoes": loaded.pk, "updated": 0}


def test_a_run_that_fails_and_one_whose_process_died_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_feed(tmp_path, "customers", [customer_row(1)])
    monkeypatch.setattr("customers.imports.load.merge", lambda *_arguments, **_options: 1 / 0)
    load(tmp_path, "customers")
    killed = ImportRun.objects.create(feed="events", file="events.csv", started_by="cron")
    with job_lock("import"):
        pass
    assert told() == [(RUN, None, "running", "failed"), (RUN, None, "running", "interrupted")]
    assert newest_data()["run"] == killed.pk


def test_an_undo_takes_the_events_of_customers_who_are_gone(tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [customer_row(1)])
    load(tmp_path, "customers")
    gone, kept = Customer.objects.get(), make_customer(run_id=make_run().pk)
    for customer in (gone, kept):
        WebhookEvent.objects.create(kind="customer.at_risk", customer=customer)
    loaded = ImportRun.objects.earliest("pk")
    preview_undo(loaded)
    assert WebhookEvent.objects.filter(customer=gone).exists()
    undo(loaded, "sofia")
    assert set(WebhookEvent.objects.exclude(customer=None).values_list("customer", flat=True)) == {kept.pk}


# --- Nights -------------------------------------------------------------------------------------------------------


def test_a_whole_night_tells_its_runs_and_its_end(settings: Settings, tmp_path: Path) -> None:
    settings.EXPORT_DIR = tmp_path / "exports"
    settings.CSV_DIR = tmp_path
    write_feeds(tmp_path)
    assert run("nightly").code == 0
    night = Night.objects.get()
    assert told(RUN) == [(RUN, None, "running", "loaded")] * 3
    assert told()[-1] == ("night.finished", None, "running", night.state)
    assert newest_data()["night"] == night.pk
    assert newest_data()["failed_steps"] == []


def test_a_night_in_which_a_step_failed_is_told_as_failed_and_so_is_one_that_was_killed() -> None:
    killed = make_night("running")
    with night_log("cron") as noted:
        noted.add("import", "done")
        noted.add("score", "failed", "someone@c1.example")
    assert told() == [
        ("night.failed", None, "running", "interrupted"),
        ("night.failed", None, "running", "failed"),
    ]
    assert WebhookEvent.objects.earliest("pk").data["night"] == killed.pk
    assert newest_data()["failed_steps"] == ["score"]
    assert "c1.example" not in str(newest_data())


def test_a_night_that_is_stopped_is_told() -> None:
    with pytest.raises(KeyboardInterrupt), night_log("cron"):
        raise KeyboardInterrupt
    assert told() == [("night.failed", None, "running", "interrupted")]


# --- Alerts -------------------------------------------------------------------------------------------------------


def alert_at_risk(customer: Customer) -> None:
    make_day(date=DAY)
    make_engagement(customer, DAY, issues_tagged=1)
    make_snapshot(customer, date=DAY, status="at_risk", score=45, first_pr_generated=True)
    for feed in ("customers", "onboarding", "engagement"):
        make_run(feed=feed)
    AlertRule.objects.exclude(kind="at_risk").update(active=False)
    evaluate()


def test_an_alert_that_is_raised_and_that_closes_because_its_rule_is_off_is_told_once() -> None:
    acme = make_customer(signup_date=date(2025, 1, 1))
    alert_at_risk(acme)
    alert = Alert.objects.get()
    assert told() == [(OPENED, acme.pk, None, "open")]
    about = {"alert": alert.pk, "rule": "at_risk", "rule_id": alert.rule_id, "feed": ""}
    assert newest_data() == {"old": None, "new": "open", **about, "severity": "critical", "value": 45}
    assert WebhookEvent.objects.get().as_of == DAY
    evaluate()
    assert len(told()) == 1
    AlertRule.objects.update(active=False)
    evaluate()
    evaluate()
    assert told()[1:] == [(CLOSED, acme.pk, "open", "rule_off")]
    assert newest_data() == {"old": "open", "new": "rule_off", **about}


def test_an_alert_that_is_withdrawn_is_told() -> None:
    acme = make_customer(signup_date=date(2025, 1, 1))
    alert_at_risk(acme)
    acme.snapshots.update(status="healthy", score=75)
    evaluate()
    assert told(CLOSED) == [(CLOSED, acme.pk, "open", "withdrawn")]


def test_the_alerts_of_a_rule_that_is_deleted_are_told_as_closed() -> None:
    rule = AlertRule.objects.create(kind="custom", name="Jane's customers", query="status=at_risk")
    alert, _closed = make_alert(rule=rule), make_alert(rule=rule, closed_on=DAY)
    about = {"alert": alert.pk, "rule": "custom", "rule_id": rule.pk, "feed": ""}
    rule.delete()
    assert told() == [(CLOSED, alert.customer_id, "open", "rule_off")]
    assert newest_data() == {"old": "open", "new": "rule_off", **about}


def test_the_alert_of_a_feed_is_told_without_its_text() -> None:
    AlertRule.objects.exclude(kind="feed").update(active=False)
    make_run(feed="engagement", status="refused", reason="someone@c1.example is not a date")
    evaluate()
    assert {event[:2] for event in told(OPENED)} == {(OPENED, None)}
    events = {one.data["feed"]: one.data for one in WebhookEvent.objects.filter(kind=OPENED)}
    assert events["engagement"]["rule"] == "feed"
    assert "c1.example" in Alert.objects.get(feed="engagement").text
    assert "c1.example" not in str(events)


# --- Tasks --------------------------------------------------------------------------------------------------------


def test_a_task_made_and_closed_in_the_page_is_told_without_its_words(client: Client, sofia: User) -> None:
    acme = make_customer()
    make_day(date=DAY)
    new = {"what": "Call Jane Doe", "kind": "call", "owner": sofia.pk, "due": "2025-05-20", "note": "Jane is away"}
    client.post(f"/admin/tasks/new/?customer={acme.pk}", new)
    task = Task.objects.get()
    assert told() == [("task.created", acme.pk, None, "open")]
    assert newest_data() == {"old": None, "new": "open", "task": task.pk, "kind": "call", "due": "2025-05-20"}
    client.post(f"/admin/tasks/{task.pk}/", {"do": "done", "outcome": "reached", "outcome_note": "Jane"})
    assert told()[1:] == [("task.closed", acme.pk, "open", "done")]
    assert newest_data() == {"old": "open", "new": "done", "task": task.pk, "kind": "call", "outcome": "reached"}
    assert set(WebhookEvent.objects.values_list("as_of", flat=True)) == {DAY}
    assert "Jane" not in str(list(WebhookEvent.objects.values_list("data")))


def test_a_task_for_each_of_many_customers_is_told_and_a_second_one_and_its_undo_are_not(sofia: User) -> None:
    customers = [make_customer(), make_customer()]
    made = workflow.take_for_each(dict.fromkeys(customers, ""), "Call", DAY, sofia)
    workflow.take_for_each(dict.fromkeys(customers, ""), "Call", DAY, sofia)
    assert told() == [("task.created", customer.pk, None, "open") for customer in customers]
    workflow.change(made[0], sofia, ["note"])
    assert workflow.close(made[0], sofia, "dropped", "", "") is True
    assert workflow.close(made[0], sofia, "done", "", "") is False
    assert workflow.reopen(made[0], sofia) is True
    assert workflow.take_back([task.pk for task in made], sofia) == 1
    assert told()[2:] == [("task.closed", customers[0].pk, "open", "dropped")]


# --- Forecasts ----------------------------------------------------------------------------------------------------


def test_a_forecast_that_crosses_the_threshold_in_either_direction_is_told() -> None:
    later = DAY + timedelta(days=1)
    over = {"status": "churned"}
    for key, before, after, status in (
        ("a", {"quiet": 494}, {"quiet": 495, "first_pr": 100}, {}),
        ("b", {"quiet": 800, "first_pr": 700}, {"quiet": 100, "first_pr": 710}, {}),
        ("c", None, {"quiet": 900}, {}),
        ("d", {"first_pr": 600}, None, {}),
        ("e", {"quiet": 700}, {"quiet": 900}, {}),
        ("f", {"quiet": 100}, {"quiet": 900}, over),
    ):
        customer = make_customer(id=key, **status)
        for day, said in ((DAY, before), (later, after)):
            if said:
                make_forecast(customer, date=day, **said)
    sums = {"made_at": "2025-05-11T00:00Z", "backfilled": False, "customers": 0, "rarer": 0}
    ForecastDay.objects.create(date=DAY, target="quiet", **sums)
    tell_crossed(DAY)
    assert told() == [], "the first date"
    ForecastDay.objects.create(date=later, target="quiet", **sums)
    tell_crossed(DAY)
    assert told() == [], "an older date"
    tell_crossed(later)
    kind = "forecast.crossed"
    assert told() == [(kind, "a", 49, 50), (kind, "b", 80, 10), (kind, "c", None, 90), (kind, "d", 60, None)]
    said = [(one.data["forecast"], one.data["likely"]) for one in WebhookEvent.objects.all()]
    assert said == [("quiet", True), ("quiet", False), ("quiet", True), ("first_pr", False)]
    assert set(WebhookEvent.objects.values_list("as_of", flat=True)) == {later}
