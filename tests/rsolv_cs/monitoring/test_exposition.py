"""What the metrics say, by hand; under names of Prometheus' conventions; by a number of queries that stays."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import ProgrammingError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import ForecastDay, Night, Push, Task
from analytics.models import WebhookEvent as Event
from customers.core.replica.watch import WATCH, Verdict, Why
from customers.models import QuarantinedRow
from rsolv_cs.monitoring import database, exposition
from rsolv_cs.version import application_version
from tests.factories import make_alert, make_customer, make_day, make_message, make_run
from tests.support.crm import make_destination
from tests.support.inbox import event, reported
from tests.support.metrics import Samples, families, scraped, scraper
from tests.support.webhook_events import listen, make_delivery, make_event

pytestmark = pytest.mark.django_db

UNITS = ("_seconds", "_bytes", "_total", "_info", "_bucket", "_sum", "_count")
NUMBERS = {
    *("rsolv_customers", "rsolv_night_failing", "rsolv_night_running", "rsolv_night_state", "rsolv_night_step_state"),
    *("rsolv_import_rows", "rsolv_import_state", "rsolv_quarantined_rows", "rsolv_queue_waiting", "rsolv_score_stale"),
    *("rsolv_alerts_open", "rsolv_tasks_open", "rsolv_tasks_overdue", "rsolv_database_up", "rsolv_scrape_failed"),
    *("rsolv_forecast_brier_score", "rsolv_forecast_compared_dates", "rsolv_migrations_missing", "process_open_fds"),
    *("rsolv_database_connections", "rsolv_database_connections_max", "rsolv_websockets"),
    *("rsolv_replica_up", "rsolv_replica_left_out", "rsolv_replica_requests"),
    "rsolv_storage_writable",
}
"""What has no unit: counts of what is there now, states, and a mean of squares."""


def near(told: float | None, expected: float, within: float = 60) -> bool:
    return told is not None and abs(told - expected) <= within


def of(told: Samples, name: str) -> dict[tuple[str, ...], float]:
    return {key[1:]: value for key, value in told.items() if key[0] == name}


# --- Nights and feeds ---------------------------------------------------------------------------------------------


def test_a_night_is_told_with_its_steps() -> None:
    now = timezone.now()
    began, ended = now - timedelta(hours=3), now - timedelta(hours=2)
    steps = [
        {"name": "import", "result": "done", "seconds": 12.5, "message": "secret"},
        {"name": "score", "result": "failed", "seconds": 3, "message": "secret"},
        {"name": "export", "result": "skipped", "seconds": 0, "message": ""},
        {"name": "expire", "result": "done with a warning", "seconds": 1, "message": ""},
    ]
    Night.objects.create(state="done", started_at=now - timedelta(days=1), finished_at=now - timedelta(hours=23))
    Night.objects.create(state="failed", started_at=began, finished_at=ended, steps=steps)
    told = scraped(scraper())
    assert near(told["rsolv_night_start_timestamp_seconds",], began.timestamp(), 0.01)
    assert near(told["rsolv_night_end_timestamp_seconds",], ended.timestamp(), 0.01)
    assert near(told["rsolv_night_success_timestamp_seconds",], (now - timedelta(hours=23)).timestamp(), 0.01)
    assert told["rsolv_night_duration_seconds",] == pytest.approx(3600)
    assert (told["rsolv_night_failing",], told["rsolv_night_running",]) == (1, 0)
    assert of(told, "rsolv_night_state") == {("failed",): 1, ("done",): 0, ("warned",): 0, ("interrupted",): 0}
    seconds = {("import",): 12.5, ("score",): 3, ("export",): 0, ("expire",): 1}
    assert of(told, "rsolv_night_step_duration_seconds") == seconds
    states = {key for key, value in of(told, "rsolv_night_step_state").items() if value == 1}
    # By the names of the labels: state, step.
    assert states == {("done", "import"), ("failed", "score"), ("skipped", "export"), ("warned", "expire")}
    assert len(of(told, "rsolv_night_step_state")) == 16


def test_a_night_that_runs_leaves_the_one_before_told() -> None:
    now = timezone.now()
    Night.objects.create(state="done", started_at=now - timedelta(hours=25), finished_at=now - timedelta(hours=24))
    Night.objects.create(state="running", started_at=now - timedelta(minutes=5))
    told = scraped(scraper())
    assert near(told["rsolv_night_start_timestamp_seconds",], now.timestamp() - 300)
    assert near(told["rsolv_night_end_timestamp_seconds",], now.timestamp() - 24 * 3600)
    assert (told["rsolv_night_failing",], told["rsolv_night_running",]) == (0, 1)
    assert told["rsolv_night_state", "done"] == 1


def test_before_the_first_night_there_is_no_moment() -> None:
    told = scraped(scraper())
    assert ("rsolv_night_start_timestamp_seconds",) not in told
    assert told["rsolv_night_failing",] == 0
    assert told["rsolv_database_up",] == 1
    assert not any(of(told, "rsolv_scrape_failed").values())


def test_the_last_file_of_a_feed_is_told_and_what_waits_in_quarantine() -> None:
    make_run(feed="customers", rows=9, created=9)
    ended = datetime(2026, 11, 28, 2, 30, tzinfo=UTC)
    run = make_run(feed="customers", rows=10, created=1, updated=2, unchanged=3, quarantined=4, finished_at=ended)
    make_run(feed="feedback", status="refused")
    # Neither an undo, nor what came by the API, nor a run that goes on is the last file.
    make_run(feed="customers", undoes=run)
    make_run(feed="customers", scope="partial", created=77)
    make_run(feed="customers", status="running")
    for number in range(3):
        QuarantinedRow.objects.create(run=run, feed="customers", line=number, raw="Secret row", reasons=["x"])
    QuarantinedRow.objects.create(run=run, feed="customers", line=9, raw="x", reasons=["x"], status="loaded")
    told = scraped(scraper())
    rows = {key[1]: value for key, value in of(told, "rsolv_import_rows").items() if key[0] == "customers"}
    assert rows == {"created": 1, "updated": 2, "unchanged": 3, "quarantined": 4}
    assert told["rsolv_import_end_timestamp_seconds", "customers"] == ended.timestamp()
    assert told["rsolv_import_state", "customers", "loaded"] == 1
    assert told["rsolv_import_state", "feedback", "refused"] == 1
    assert told["rsolv_import_state", "feedback", "loaded"] == 0
    assert told["rsolv_quarantined_rows", "customers"] == 3
    assert told["rsolv_quarantined_rows", "events"] == 0


# --- What waits ---------------------------------------------------------------------------------------------------


def test_what_waits_is_told_with_the_age_of_the_oldest() -> None:
    now = timezone.now()

    def before(seconds: int) -> datetime:
        return now - timedelta(seconds=seconds)

    make_message(state="scheduled", send_at=before(600))
    make_message(state="scheduled", send_at=before(60))
    make_message(state="scheduled", send_at=now + timedelta(days=2))
    make_message(state="sending", attempted_at=before(120))
    make_message(state="sent", attempted_at=before(9_000))
    make_event(occurred_at=before(30))
    make_event(occurred_at=before(9_000), handed_out=True)
    make_delivery(Event.objects.first(), state="waiting", created_at=before(400))
    make_delivery(None, state="sent", created_at=before(9_000))
    make_delivery(None, state="waiting", created_at=before(9_000), endpoint=listen(enabled=False))
    [waiting, _other] = reported(event("c1"), event("c2"))
    waiting.batch.received_at = before(90)
    waiting.batch.save()
    push = {"destination": make_destination(), "as_of": date(2025, 5, 10), "settings": "x", "started_by": "x"}
    Push.objects.create(**push, total=10, new=2, refused=1, erased=1, started_at=before(50))
    told = scraped(scraper())
    assert {name: value for (name,), value in of(told, "rsolv_queue_waiting").items()} == {
        "emails": 2,
        "emails_in_doubt": 1,
        "digests": 0,
        "webhook_events": 1,
        "webhook_deliveries": 1,
        "events": 2,
        "event_files": 0,
        "pushes": 6,
    }
    ages = {name: value for (name,), value in of(told, "rsolv_queue_oldest_age_seconds").items()}
    expected = {"emails": 600, "emails_in_doubt": 120, "webhook_events": 30, "webhook_deliveries": 400, "events": 90}
    expected |= {"digests": 0, "event_files": 0, "pushes": 50}
    assert set(ages) == set(expected)
    assert [name for name, value in ages.items() if not near(value, expected[name], 20)] == []


# --- The program --------------------------------------------------------------------------------------------------


def test_the_newest_scored_date_is_told() -> None:
    make_day(date=date(2025, 5, 9), champion=99)
    counts = {"champion": 1, "healthy": 2, "needs_attention": 3, "at_risk": 4, "inactive": 5}
    scored = datetime(2025, 5, 11, 2, 40, tzinfo=UTC)
    make_day(date=date(2025, 5, 10), scored_at=scored, stale=True, total=15, **counts)
    told = scraped(scraper())
    assert of(told, "rsolv_customers") == {(name,): value for name, value in counts.items()}
    assert told["rsolv_data_timestamp_seconds",] == datetime(2025, 5, 10, tzinfo=UTC).timestamp()
    assert told["rsolv_score_timestamp_seconds",] == scored.timestamp()
    assert told["rsolv_score_stale",] == 1


def test_open_alerts_and_tasks_are_told() -> None:
    customer = make_customer()
    make_alert(customer, "at_risk")
    make_alert(make_customer(), "at_risk", closed_on=date(2025, 5, 9))
    make_alert(make_customer(), "at_risk")
    make_alert(customer, "fell")
    today = timezone.localdate()
    for what, kind, due, state in [
        ("a", "call", today, "open"),
        ("b", "call", today - timedelta(days=1), "open"),
        ("c", "email", today - timedelta(days=9), "done"),
    ]:
        Task.objects.create(customer=customer, what=what, kind=kind, due=due, state=state)
    told = scraped(scraper())
    alerts = {key[0]: value for key, value in of(told, "rsolv_alerts_open").items()}
    assert alerts == {"at_risk": 2, "fell": 1}
    assert {key[1] for key in of(told, "rsolv_alerts_open")} <= {"critical", "warning", "info"}
    assert (told["rsolv_tasks_open", "call"], told["rsolv_tasks_overdue", "call"]) == (2, 1)
    assert (told["rsolv_tasks_open", "email"], told["rsolv_tasks_overdue", "email"]) == (0, 0)


def test_the_live_brier_score_is_that_of_the_dates_that_came_due() -> None:
    make_day(date=date(2025, 5, 10))
    compared = {"compared_at": timezone.now(), "made_at": timezone.now()}
    for day, backfilled, number, error in [
        (date(2025, 4, 1), False, 10, 1.0),
        (date(2025, 4, 2), False, 30, 5.0),
        (date(2025, 4, 3), True, 10, 9.0),
        # Its thirty days are not over.
        (date(2025, 5, 1), False, 10, 9.0),
    ]:
        more = {"customers": 50, "rarer": 20, "compared": number, "squared_error": error}
        ForecastDay.objects.create(date=day, target="quiet", backfilled=backfilled, **compared, **more)
    told = scraped(scraper())
    assert of(told, "rsolv_forecast_brier_score") == {("quiet",): pytest.approx(0.15)}
    assert of(told, "rsolv_forecast_compared_dates") == {("quiet",): 2}


# --- Requests, processes, the database ----------------------------------------------------------------------------


def test_requests_are_counted_by_their_pages_name_and_no_customer_stands_there(client: Client) -> None:
    customer = make_customer(id="c-hidden-7", organization="Hidden-7 Inc.")
    reader = scraper()
    before = scraped(reader)
    for path in (f"/admin/customer/{customer.pk}/", "/hidden-page-7/", "/static/hidden-7.css", "/healthz", "/healthz"):
        client.get(path)
    client.generic("HIDDEN7", "/healthz")
    text = reader.get("/metrics").text
    told = scraped(reader)
    assert "hidden-7" not in text.lower().replace("hidden7", "hidden-7")

    def grown(*key: str) -> float:
        return told[key] - before.get(key, 0)

    assert grown("rsolv_http_requests_total", "GET", "analytics:customer", "302") == 1
    assert grown("rsolv_http_requests_total", "GET", "healthz", "200") == 2
    assert grown("rsolv_http_requests_total", "other", "healthz", "405") == 1
    assert grown("rsolv_http_requests_total", "GET", "static", "404") == 1
    assert grown("rsolv_http_request_duration_seconds_count", "healthz") == 3
    assert grown("rsolv_http_request_duration_seconds_bucket", "+Inf", "healthz") == 3
    assert grown("rsolv_http_request_queries_total", "api:metrics") > 20
    assert 0 < grown("rsolv_http_request_query_seconds_total", "api:metrics") < 60


def test_this_process_and_the_database_are_told() -> None:
    told = scraped(scraper())
    [(place,)] = of(told, "process_resident_memory_bytes")
    assert place == "web-0"
    assert 30e6 < told["process_resident_memory_bytes", place] < 4e9
    assert 0 < told["process_cpu_seconds_total", place] <= time.process_time() + 5
    assert told["process_open_fds", place] > 3
    assert 0 <= told["rsolv_database_ping_seconds",] < 10
    assert told["rsolv_migrations_missing",] == 0
    [about] = [family for family in families(scraper().get("/metrics").text) if family.name == "rsolv_build_info"]
    assert about.samples[0].labels["database"] == connection.vendor
    assert about.samples[0].labels["version"] == application_version()
    if connection.vendor == "postgresql":
        assert told["rsolv_database_size_bytes",] > 1e6
        assert told["rsolv_database_connections", "active"] >= 1
        assert told["rsolv_database_connections_max",] > 1


# --- As a whole ---------------------------------------------------------------------------------------------------


def test_names_follow_the_conventions_and_every_family_says_what_it_is() -> None:
    for family in families(scraper().get("/metrics").text):
        assert family.name.startswith(("rsolv_", "process_"))
        assert family.documentation.endswith(".") or family.name.endswith("_info")
        for sample in family.samples:
            assert sample.name.endswith(UNITS) or sample.name in NUMBERS, sample.name


def test_the_number_of_queries_does_not_grow_with_rows() -> None:
    client = scraper()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            scraped(client)
        return len(captured)

    before = queries()
    for _ in range(5):
        customer = make_customer()
        make_alert(customer)
        make_message(customer, state="scheduled", send_at=timezone.now())
        make_delivery(make_event(customer), state="waiting")
        Night.objects.create(state="done", finished_at=timezone.now())
        make_run()
        reported(event(customer.pk))
    # The inbox's oldest event names its batch.
    assert queries() <= before + 1 <= 25


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's planner looks at how large a table is")
def test_what_is_open_is_found_in_indexes_of_its_own() -> None:
    client = scraper()
    with CaptureQueriesContext(connection) as captured:
        scraped(client)
    plans = []
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            if query["sql"].startswith("SELECT"):
                cursor.execute("EXPLAIN QUERY PLAN " + query["sql"].replace("%", "%%"))
                plans += [row[-1] for row in cursor.fetchall()]
    for index in ("message_waits", "run_of_files", "task_open_kind", "alert_open_once_a_customer", "event_waiting"):
        assert [plan for plan in plans if index in plan], index
    for table in ("analytics_message", "customers_importrun", "analytics_task", "analytics_alert"):
        assert not [plan for plan in plans if plan.split() == ["SCAN", table]], table


def test_a_part_that_cannot_be_read_is_named_and_the_others_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> list[object]:
        raise ProgrammingError("column secret does not exist")

    monkeypatch.setitem(exposition.PARTS, "feeds", fail)
    make_day()
    told = scraped(scraper())
    failed = {key[0] for key, value in of(told, "rsolv_scrape_failed").items() if value}
    assert (failed, told["rsolv_database_up",]) == ({"feeds"}, 1)
    assert of(told, "rsolv_customers")
    assert not of(told, "rsolv_import_rows")
    assert "The metrics of feeds cannot be read: ProgrammingError" in caplog.text
    assert "secret" not in caplog.text


# --- The replica ----------------------------------------------------------------------------------------------------


def test_without_a_replica_nothing_is_told_of_one() -> None:
    assert {key[0] for key in scraped(scraper()) if key[0].startswith("rsolv_replica")} == set()


@pytest.mark.parametrize(("why", "lag"), [(Why.NOTHING, 0.5), (Why.BEHIND, 60.0), (Why.NO_ANSWER, None)])
def test_a_replica_is_told_with_why_it_is_left_out(
    monkeypatch: pytest.MonkeyPatch, why: Why, lag: float | None
) -> None:
    monkeypatch.setattr(database, "is_used", lambda: True)
    monkeypatch.setattr(WATCH, "verdict", lambda: Verdict(why, lag))
    told = scraped(scraper())
    assert told["rsolv_replica_up",] == (why is Why.NOTHING)
    assert told.get(("rsolv_replica_lag_seconds",)) == lag
    assert [key for key, value in of(told, "rsolv_replica_left_out").items() if value] == ([(why,)] if why else [])
