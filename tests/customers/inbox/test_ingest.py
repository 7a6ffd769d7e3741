"""What the product reported becomes provisional rows, once, with what became of each event and a run in the ledger."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from customers.audit import trail
from customers.erasure.erase import erase
from customers.feeds.declarations import ENGAGEMENT, EVENTS
from customers.feeds.exports import feed_rows
from customers.inbox.ingest import has_work, ingest
from customers.jobs.lock import job_lock
from customers.models import AuditEntry, Engagement, Event, ImportRun, InboxEvent, QuarantinedRow
from customers.runs.undo import undo
from tests.factories import csv_row, make_customer, write_feed, write_feeds
from tests.support.inbox import event, new_token, reported
from tests.support.loading import load

pytestmark = pytest.mark.django_db

DAY = "2026-11-20"
AT = f"{DAY}T10:00:00+00:00"
PR = {"issue_url": "https://x/1", "pr_url": "https://x/2", "success": True, "duration_ms": 5321}
NO_PR = {"issue_url": "https://x/1", "pr_url": None, "success": False, "duration_ms": 12}
COUNTERS = ("issues_tagged", "prs_generated", "prs_merged", "prs_rejected", "support_requests")


def load_events() -> list[ImportRun]:
    """Load what waits; each run's ledger adds up."""
    with job_lock("import") as lock:
        runs = ingest("test", lock)
    for run in runs:
        assert (run.status, run.scope) == ("loaded", "events"), run.reason
        assert run.created + run.updated + run.unchanged + run.quarantined == run.rows
    return runs


def counters() -> dict[str, tuple[int, ...]]:
    return {row[0]: row[1:] for row in Engagement.objects.order_by("pk").values_list("pk", *COUNTERS)}


def states() -> list[str]:
    return list(InboxEvent.objects.order_by("pk").values_list("state", flat=True))


def file_of(folder: Path, **engagement: str) -> ImportRun:
    """The files, with this one row of engagement; the run that loaded it."""
    write_feeds(
        folder,
        customers=[csv_row("customers", id="c1"), csv_row("customers", id="c2")],
        engagement=[csv_row("engagement", **{"id": "e1", "customer_id": "c1", "date": DAY, **engagement})],
    )
    return ImportRun.objects.get(pk=load(folder)["engagement"].run)


# --- Counters -----------------------------------------------------------------------------------------------------


def test_the_counters_of_a_customer_and_day_are_one_provisional_row() -> None:
    make_customer(id="c1")
    reported(
        event("c1", metadata=PR, occurred_at=AT),
        event("c1", metadata=NO_PR, occurred_at=f"{DAY}T23:59:59+00:00"),
        event("c1", "pr_merged", occurred_at=AT),
        event("c1", "pr_rejected", occurred_at=AT),
        event("c1", "support_request", occurred_at=AT),
        # In UTC it is the next day already.
        event("c1", occurred_at=f"{DAY}T23:30:00-01:00"),
    )
    [run] = load_events()
    assert counters() == {f"~{DAY}~c1": (2, 1, 1, 1, 1), "~2026-11-21~c1": (1, 0, 0, 0, 0)}
    assert all(Engagement.objects.values_list("provisional", flat=True))
    assert (run.rows, run.created, run.updated) == (6, 2, 4)
    assert states() == ["loaded"] * 6
    assert set(InboxEvent.objects.values_list("run", flat=True)) == {run.pk}
    assert AuditEntry.objects.filter(action=trail.Action.IMPORT, text__startswith="Engagement: Loaded").exists()


def test_a_second_ingest_adds_and_a_third_has_nothing_to_do() -> None:
    make_customer(id="c1")
    reported(event("c1", metadata=PR, occurred_at=AT))
    load_events()
    reported(event("c1", metadata=NO_PR, occurred_at=AT))
    [run] = load_events()
    assert counters() == {f"~{DAY}~c1": (2, 1, 0, 0, 0)}
    assert (run.rows, run.created, run.updated) == (1, 0, 1)
    assert not has_work()
    assert load_events() == []


def test_a_replayed_event_counts_once() -> None:
    make_customer(id="c1")
    token, _secret = new_token()
    once = event("c1", metadata=PR, occurred_at=AT, event_id="e-1")
    reported(once, once, token=token)
    load_events()
    reported(once, token=token)
    load_events()
    assert counters() == {f"~{DAY}~c1": (1, 1, 0, 0, 0)}
    assert Counter(states()) == {"loaded": 1, "duplicate": 2}


def test_an_event_that_is_ahead_of_our_clock_waits_for_its_time() -> None:
    make_customer(id="c1")
    soon = timezone.now() + timedelta(minutes=3)
    reported(event("c1", occurred_at=soon.isoformat()), event("c1", occurred_at=AT))
    load_events()
    assert states() == ["waiting", "loaded"]
    InboxEvent.objects.filter(state="waiting").update(occurred_at=timezone.now())
    load_events()
    assert states() == ["loaded", "loaded"]


# --- Files --------------------------------------------------------------------------------------------------------


def test_what_comes_after_the_file_is_superseded_and_counted(tmp_path: Path) -> None:
    file_of(tmp_path, issues_tagged="5")
    reported(event("c1", occurred_at=AT), event("c2", occurred_at=AT))
    [run] = load_events()
    assert counters() == {"e1": (5, 3, 2, 1, 1), f"~{DAY}~c2": (1, 0, 0, 0, 0)}
    assert (run.created, run.unchanged) == (1, 1)
    assert states() == ["superseded", "loaded"]


def test_an_undo_of_the_file_lets_what_it_superseded_count(tmp_path: Path) -> None:
    make_customer(id="c1")
    reported(event("c1", metadata=PR, occurred_at=AT))
    load_events()
    loaded = file_of(tmp_path)
    reported(event("c1", metadata=NO_PR, occurred_at=AT))
    load_events()
    assert list(counters()) == ["e1"]
    undo(loaded, "test")
    assert counters() == {f"~{DAY}~c1": (1, 1, 0, 0, 0)}
    assert states() == ["loaded", "waiting"]
    load_events()
    assert counters() == {f"~{DAY}~c1": (2, 1, 0, 0, 0)}


def test_an_undo_of_an_ingest_takes_back_what_it_added() -> None:
    make_customer(id="c1")
    reported(event("c1", occurred_at=AT))
    load_events()
    reported(event("c1", occurred_at=AT), event("c1", occurred_at="2026-11-21T10:00:00Z"))
    [run] = load_events()
    undoing = undo(run, "test")
    assert (undoing.updated, undoing.deleted) == (1, 1)
    assert counters() == {f"~{DAY}~c1": (1, 0, 0, 0, 0)}
    assert load_events() == []
    undo(undoing, "test")
    assert counters() == {f"~{DAY}~c1": (2, 0, 0, 0, 0), "~2026-11-21~c1": (1, 0, 0, 0, 0)}


# --- Steps --------------------------------------------------------------------------------------------------------


def test_a_step_is_one_event_of_the_first_day_on_which_it_was_reported() -> None:
    make_customer(id="c1")
    step = "onboarding_step_first_issue_tagged"
    reported(event("c1", step, occurred_at=AT), event("c1", step, occurred_at="2026-11-21T10:00:00Z"))
    [run] = load_events()
    assert (run.feed, run.created, run.updated, run.unchanged) == ("events", 1, 0, 1)
    reported(event("c1", step, occurred_at="2026-11-19T10:00:00Z"))
    [run] = load_events()
    assert (run.created, run.updated) == (0, 1)
    [found] = Event.objects.values_list("pk", "kind", "date", "provisional")
    assert found == ("~first_issue_tagged~c1", "first_issue_tagged", date(2026, 11, 19), True)
    assert states() == ["loaded", "unchanged", "loaded"]


def test_a_step_that_a_file_has_is_superseded(tmp_path: Path) -> None:
    file_of(tmp_path)
    kept = csv_row("events", id="v1", customer_id="c1", kind="account_created")
    write_feed(tmp_path, "events", [kept])
    load(tmp_path, "events")
    reported(event("c1", "onboarding_step_account_created"), event("c1", "onboarding_step_first_pr_generated"))
    load_events()
    assert set(Event.objects.values_list("pk", flat=True)) == {"v1", "~first_pr_generated~c1"}
    assert states() == ["superseded", "loaded"]


# --- Customers ----------------------------------------------------------------------------------------------------


def test_an_event_of_an_unknown_customer_waits_in_quarantine_for_it() -> None:
    make_customer(id="c1")
    reported(event("c1", occurred_at=AT), event("c7", metadata=PR, occurred_at=AT), event("c8", occurred_at=AT))
    [run] = load_events()
    assert (run.rows, run.created, run.quarantined) == (3, 1, 2)
    row = QuarantinedRow.objects.get(customer_key="c7")
    assert (row.line, row.reasons, row.waits_for_customer) == (1, ["customer_id: there is no customer c7"], True)
    assert (row.run, row.feed) == (run, "engagement")
    assert '"pr_url": "https://x/2"' in row.raw
    assert states() == ["loaded", "quarantined", "quarantined"]
    assert not has_work()
    make_customer(id="c7")
    assert has_work()
    [again] = load_events()
    assert (again.rows, again.created, again.retried) == (1, 1, 1)
    assert counters()[f"~{DAY}~c7"] == (1, 1, 0, 0, 0)
    row.refresh_from_db()
    assert (row.status, row.resolved_by) == ("loaded", again)
    assert states() == ["loaded", "loaded", "quarantined"]


def test_a_file_that_brings_the_customer_leaves_its_events_to_the_ingest(tmp_path: Path) -> None:
    reported(event("c1", occurred_at=AT))
    load_events()
    write_feeds(tmp_path, customers=[csv_row("customers", id="c1")])
    assert load(tmp_path)["customers"].retried == 0
    assert QuarantinedRow.objects.get().status == "open"
    load_events()
    assert counters() == {f"~{DAY}~c1": (1, 0, 0, 0, 0)}


def test_nothing_is_kept_of_an_erased_customer() -> None:
    make_customer(id="c1")
    reported(event("c1", occurred_at=AT), event("c9", occurred_at=AT))
    load_events()
    erase("c1", "test")
    erase("c9", "test")
    assert counters() == {}
    assert not QuarantinedRow.objects.exists()
    assert states() == ["refused", "refused"]
    # As if it had come while the erasure ran.
    InboxEvent.objects.update(state="waiting", customer_key="c1", metadata={"name": "Vanishing"})
    [run] = load_events()
    assert (run.rows, run.unchanged, run.left_out) == (2, 2, 2)
    assert states() == ["refused", "refused"]
    assert set(InboxEvent.objects.values_list("customer_key", "reason")) == {("", "the customer was erased")}
    assert list(InboxEvent.objects.values_list("metadata", flat=True)) == [{}, {}]


def test_the_exported_feeds_have_the_rows_of_files_alone(tmp_path: Path) -> None:
    file_of(tmp_path)
    reported(event("c2", occurred_at=AT), event("c2", "onboarding_step_first_issue_tagged", occurred_at=AT))
    load_events()
    assert [row[0] for row in feed_rows(ENGAGEMENT)] == ["e1"]
    assert list(feed_rows(EVENTS)) == []
