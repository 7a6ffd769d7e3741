"""The timeline's other sources (health, staff, imports), its kinds and its pages."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.customer_page.timeline import TimelineFilter, page_number, parse_filter, timeline
from analytics.models import Deferral, Message, Snapshot, Task
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.models import Customer, CustomerCare, Engagement, Event, ImportRun, Note
from customers.owners.assign import assign
from customers.runs.undo import undo
from tests.factories import (
    csv_row,
    make_alert,
    make_customer,
    make_day,
    make_engagement,
    make_event,
    make_snapshot,
    make_staff,
    write_feeds,
)
from tests.support.pages import links, main_part, section

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture
def customer() -> Customer:
    return make_customer()


def told(
    customer: Customer, kind: TimelineFilter = TimelineFilter.ALL, *, day: date = D, is_newest: bool = True
) -> list[tuple[date, str]]:
    page = timeline(customer, day, is_newest=is_newest, chosen=kind)
    return [(entry.day, entry.text) for entry in page.entries]


# --- Health -----------------------------------------------------------------------------------------------------


def test_a_scored_date_that_differs_from_the_one_before_is_told(customer: Customer) -> None:
    may = [date(2025, 5, day) for day in range(1, 8)]
    make_snapshot(customer, date=may[0], status="healthy", stage="onboarding")
    make_snapshot(customer, date=may[1], status="healthy", stage="onboarding")
    make_snapshot(customer, date=may[3], status="at_risk", stage="initial_adoption", first_issue_tagged=True)
    make_snapshot(customer, date=may[4], status="at_risk", stage="initial_adoption", blocker_type="github")
    make_snapshot(customer, date=may[5], status="champion", stage="regular_usage", blocker_type="x", onboarded=True)
    assert told(customer) == [
        (may[5], "Status: At risk → Champion; Stage: Initial adoption → Regular usage; No longer blocked: GitHub"),
        (may[5], "Milestone: Onboarding completed"),
        (may[4], "Blocked: GitHub; First Issue no longer done"),
        (may[3], "Status: Healthy → At risk; Stage: Onboarding → Initial adoption; First Issue done"),
    ]
    assert told(customer, day=may[3]) == told(customer)[3:]


def test_a_step_that_an_event_tells_is_told_once(customer: Customer) -> None:
    make_snapshot(customer, date=date(2025, 5, 1))
    make_snapshot(customer, date=date(2025, 5, 2), account_created=True)
    make_event(customer, date(2025, 5, 2), "account_created")
    page = timeline(customer, D, dated_steps=frozenset({"account_created"}))
    assert [entry.text for entry in page.entries] == ["Created account"]


def test_the_snapshots_of_others_are_not_compared(customer: Customer) -> None:
    make_snapshot(customer, date=date(2025, 5, 1), status="healthy")
    make_snapshot(make_customer(), date=date(2025, 5, 2), status="at_risk")
    assert told(customer) == []


# --- Staff ------------------------------------------------------------------------------------------------------


def test_notes_and_changes_of_care_say_who(customer: Customer) -> None:
    sofia = make_staff(first_name="Sofia", last_name="Marchetti")
    CustomerCare.objects.create(customer=customer)
    log = LogEntry.objects.create(
        user=sofia,
        content_type=ContentType.objects.get_for_model(CustomerCare),
        object_id=customer.pk,
        object_repr="care",
        action_flag=CHANGE,
        change_message='[{"changed": {"fields": ["Owner"]}}]',
    )
    LogEntry.objects.filter(pk=log.pk).update(action_time=datetime(2025, 5, 9, 12, tzinfo=UTC))
    for hour in (9, 11):
        moment = datetime(2025, 5, 9, hour, tzinfo=UTC)
        Note.objects.create(customer=customer, author="Bo", text=f"Called at {hour}", created_at=moment)
    make_engagement(customer, date(2025, 5, 9), issues_tagged=1)
    page = timeline(customer, D)
    assert [(entry.text, entry.who) for entry in page.entries] == [
        ("Assignment: Changed Owner.", "Sofia Marchetti"),
        ("Called at 11", "Bo"),
        ("Called at 9", "Bo"),
        ("Tagged 1 issue", ""),
    ]
    assert [entry.moment and entry.moment.hour for entry in page.entries] == [12, 11, 9, None]


def test_a_call_and_a_meeting_are_told_as_such(customer: Customer) -> None:
    for kind, hour in ((Note.Kind.NOTE, 9), (Note.Kind.CALL, 10), (Note.Kind.MEETING, 11)):
        moment = datetime(2025, 5, 9, hour, tzinfo=UTC)
        Note.objects.create(customer=customer, author="Bo", kind=kind, text="They wait for SSO", created_at=moment)
    staff = timeline(customer, D, chosen=TimelineFilter.STAFF).entries
    assert [(entry.text, entry.kind, entry.by_staff) for entry in staff] == [
        ("Meeting: They wait for SSO", "note", True),
        ("Call: They wait for SSO", "note", True),
        ("They wait for SSO", "note", True),
    ]
    assert not timeline(customer, D, chosen=TimelineFilter.PRODUCT).entries


def test_who_acknowledged_an_alert_is_told_at_its_time(customer: Customer) -> None:
    make_staff(username="sofia", first_name="Sofia", last_name="Marchetti")
    seen = datetime(2025, 5, 9, 10, tzinfo=UTC)
    make_alert(customer, opened_on=date(2025, 5, 8), text="At risk", acknowledged_at=seen, acknowledged_by="sofia")
    for hour in (9, 11):
        moment = datetime(2025, 5, 9, hour, tzinfo=UTC)
        Note.objects.create(customer=customer, author="Bo", text=f"Called at {hour}", created_at=moment)
    assert [(entry.text, entry.who) for entry in timeline(customer, D).entries] == [
        ("Called at 11", "Bo"),
        ("Alert acknowledged: At risk", "Sofia Marchetti"),
        ("Called at 9", "Bo"),
        ("Alert: At risk", ""),
    ]


def test_what_people_do_with_an_alert_is_told_in_the_order_of_time(customer: Customer, client: Client) -> None:
    """Notes, and that it is snoozed or no longer, between the notes, tasks and mails of the day."""
    client.force_login(make_staff("Success manager", username="sofia", first_name="Sofia", last_name="Marchetti"))
    alert = make_alert(customer, opened_on=date(2025, 5, 8), text="At risk")
    later = (timezone.localdate() + timedelta(days=3)).isoformat()
    acts = [
        {"action": "note", "note": "Ann is on leave"},
        {"action": "snooze", "until": later, "note": "Ann is on leave"},
        {"action": "unsnooze", "note": "Ann is on leave"},
        {"action": "note", "note": ""},
    ]
    for number, sent in enumerate(acts):
        client.post("/admin/alerts/act/", {"alert": alert.pk, **sent})
        Note.objects.create(customer=customer, author="Bo", text=f"After act {number}")
    until = f"{date.fromisoformat(later):%-d %b %Y}"
    told = [
        (entry.text, entry.who)
        for entry in timeline(customer, timezone.localdate(), chosen=TimelineFilter.STAFF).entries
    ]
    assert told == [
        ("After act 3", "Bo"),
        ("Note taken off the alert “At risk”", "Sofia Marchetti"),
        ("After act 2", "Bo"),
        ("Alert unsnoozed: At risk", "Sofia Marchetti"),
        ("After act 1", "Bo"),
        (f"Alert snoozed until {until}: At risk", "Sofia Marchetti"),
        ("After act 0", "Bo"),
        ("Note on the alert “At risk”: Ann is on leave", "Sofia Marchetti"),
    ]
    assert all(entry.moment for entry in timeline(customer, timezone.localdate(), chosen=TimelineFilter.STAFF).entries)


def test_what_people_did_after_an_earlier_date_is_not_told_there(customer: Customer) -> None:
    # Midnight is that of TIME_ZONE, which is UTC here.
    Note.objects.create(
        customer=customer, author="Bo", text="In time", created_at=datetime(2025, 5, 10, 23, 59, tzinfo=UTC)
    )
    Note.objects.create(customer=customer, author="Bo", text="Late", created_at=datetime(2025, 5, 11, tzinfo=UTC))
    assert [text for _day, text in told(customer, is_newest=False)] == ["In time"]
    assert [text for _day, text in told(customer)] == ["Late", "In time"]


# --- Imports ----------------------------------------------------------------------------------------------------


def load(folder: Path, **changes: str) -> list[ImportRun]:
    """Import a customer who is like this, and their onboarding."""
    customers = [csv_row("customers", **{key: value for key, value in changes.items() if key != "blocker_type"})]
    onboarding = [csv_row("onboarding", **{key: value for key, value in changes.items() if key == "blocker_type"})]
    write_feeds(folder, customers=customers, onboarding=onboarding)
    return import_folder(folder, None, Options(started_by="test"))


def imports_of(key: str) -> list[tuple[int | None, str, str]]:
    page = timeline(Customer.objects.get(pk=key), D, chosen=TimelineFilter.IMPORTS)
    return [(entry.run, entry.who, entry.text) for entry in page.entries]


def run_of(feed: str, *, nth: int) -> int:
    return list(ImportRun.objects.filter(feed=feed, undoes=None).order_by("pk"))[nth].pk


def test_the_runs_that_changed_the_customers_own_rows(tmp_path: Path) -> None:
    load(tmp_path)
    load(tmp_path, status="paused", team_size="")
    load(tmp_path, status="paused", team_size="", blocker_type="")
    expected = [
        (run_of("onboarding", nth=2), "onboarding.csv", "Onboarding changed: blocker type github_config → –"),
        (
            run_of("customers", nth=1),
            "customers.csv",
            "Details changed: team size 12 → –, account status active → paused",
        ),
        (run_of("onboarding", nth=0), "onboarding.csv", "Onboarding first loaded"),
        (run_of("customers", nth=0), "customers.csv", "Details first loaded"),
    ]
    assert imports_of("c2001") == expected


def test_an_import_that_was_undone_is_not_told(tmp_path: Path) -> None:
    load(tmp_path)
    load(tmp_path, status="paused")
    undo(ImportRun.objects.get(pk=run_of("customers", nth=1)), "test")
    assert [text for _run, _file, text in imports_of("c2001")] == ["Onboarding first loaded", "Details first loaded"]


def test_a_row_whose_run_is_not_known_has_no_entry(customer: Customer) -> None:
    assert imports_of(customer.pk) == []


# --- Kinds and pages --------------------------------------------------------------------------------------------


def test_each_kind_alone(customer: Customer) -> None:
    moment = datetime(2025, 5, 10, tzinfo=UTC)
    make_event(customer, D, "note", detail="Event")
    make_engagement(customer, D, issues_tagged=1)
    make_snapshot(customer, date=date(2025, 5, 1))
    make_snapshot(customer, date=D, status="champion")
    make_alert(customer, text="Blocked", opened_on=D)
    for hour, kind in enumerate(Note.Kind):
        moment = datetime(2025, 5, 10, hour, tzinfo=UTC)
        Note.objects.create(customer=customer, author="Bo", kind=kind, text=f"A {kind}", created_at=moment)
    Task.objects.create(customer=customer, what="Ring them", due=D, created_by="bo", created_at=moment)
    Deferral.objects.create(customer=customer, until=date(2025, 5, 12), created_by="bo", created_at=moment)
    letter = {"subject": "Hello", "recipient": "a@b.example", "message_id": "<1@b.example>", "attempted_at": moment}
    Message.objects.create(customer=customer, sent_by="bo", state="sent", **letter)
    by_kind = {kind: sorted(text for _day, text in told(customer, kind)) for kind in TimelineFilter}
    status, calls = ["Status: Healthy → Champion"], ["Call: A call", "Meeting: A meeting"]
    staff = {"notes": ["A note"], "calls": calls, "emails": ["Email “Hello”"], "tasks": ["Task created: Ring them"]}
    staff |= {"snoozes": ["Snoozed until 12 May 2025"], "owner": []}
    product, of_staff = ["Event", "Tagged 1 issue"], [text for texts in staff.values() for text in texts]
    assert by_kind == {
        "": sorted([*of_staff, *status, "Alert: Blocked", *product]),
        "staff": sorted(of_staff),
        **staff,
        "alerts": ["Alert: Blocked"],
        "status": status,
        "health": ["Alert: Blocked", *status],
        "milestones": ["Milestone: Became Champion"],
        "playbooks": [],
        "product": product,
        "imports": [],
    }


def test_a_change_of_the_owner_is_of_its_own_kind(customer: Customer) -> None:
    assign(Customer.objects.filter(pk=customer.pk), make_staff("Success manager"), make_staff(first_name="Bo"))
    today = timezone.localdate()
    assert [text for _day, text in told(customer, TimelineFilter.OWNER, day=today)] == [
        text for _day, text in told(customer, day=today)
    ]
    assert len(told(customer, TimelineFilter.OWNER, day=today)) == 1


def test_fifty_on_a_page_and_none_lost_between(customer: Customer) -> None:
    for number in range(120):
        make_event(customer, D - timedelta(days=number // 3), "note", detail=f"{number:03}", id=f"v{number:03}")
    pages = [timeline(customer, D, number=number) for number in (1, 2, 3, 4)]
    assert [len(page.entries) for page in pages] == [50, 50, 20, 0]
    assert [entry.text for page in pages for entry in page.entries] == [f"{number:03}" for number in range(120)]
    assert [(page.newer, page.older) for page in pages] == [(None, 2), (1, 3), (2, None), (1, None)]
    assert [page.pages for page in pages] == [3, 3, 3, 1]


def test_a_day_that_events_tell_takes_no_place_on_a_page(customer: Customer) -> None:
    for number in range(49):
        make_event(customer, date(2025, 4, 1), "note", id=f"v{number:02}")
    for words in ("Tagged 1 issue", "Merged 2 PRs", "It hangs"):
        kind = "support_request" if words == "It hangs" else "note"
        make_event(customer, D, kind, detail=words)
    make_engagement(customer, D, issues_tagged=1, prs_merged=2, support_requests=1)
    page = timeline(customer, D)
    assert [len(page.entries), page.pages] == [50, 2]
    assert len(timeline(customer, D, number=2).entries) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 1), ("2", 2), ("0", 1), ("-1", 1), ("x", 1), ("²", 1), ("٣", 1), ("9" * 9, 100_000), ("9" * 99, 1)],
)
def test_page_numbers(text: str, expected: int) -> None:
    assert page_number(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("staff", TimelineFilter.STAFF), ("", TimelineFilter.ALL), ("'--", TimelineFilter.ALL)]
)
def test_kinds_in_the_address(text: str, expected: TimelineFilter) -> None:
    assert parse_filter(text) is expected


@pytest.fixture
def viewer(client: Client, today_is: Callable[[date], None]) -> Client:
    today_is(D)
    client.force_login(make_staff("Viewer"))
    return client


def test_three_thousand_entries_take_no_more_queries(viewer: Client, customer: Customer) -> None:
    make_day()
    make_day(date=D - timedelta(days=7))
    make_snapshot(customer)
    make_snapshot(customer, date=D - timedelta(days=7))
    address = f"/admin/customer/{customer.pk}/"
    viewer.get(f"{address}?as_of={D}")  # finds the scored date
    with CaptureQueriesContext(connection) as before:
        assert viewer.get(f"{address}?as_of={D}").status_code == 200
    days = [D - timedelta(days=number) for number in range(1500)]
    row = {"customer": customer, "run_id": 1, "line": 2}
    Engagement.objects.bulk_create(Engagement(id=f"q{day}", date=day, issues_tagged=1, **row) for day in days)
    Event.objects.bulk_create(Event(id=f"q{day}", date=day, kind="note", detail="Said", **row) for day in days)
    with CaptureQueriesContext(connection) as after:
        response = viewer.get(f"{address}?timeline=60&told=product&as_of={D}&activity=90")
    assert "Page 60 of 60" in section(response, "timeline")
    assert len(after) <= len(before) <= 15
    [newer] = links(response, "Newer")
    assert newer == f"?timeline=59&told=product&as_of={D}&activity=90#timeline"
    [staff] = links(response, "Staff")
    assert staff == f"?told=staff&as_of={D}&activity=90#timeline"
    assert links(response, "← Back to the dashboard") == [f"/admin/?as_of={D}"]


def test_hostile_words_stay_words(viewer: Client, customer: Customer) -> None:
    make_day()
    make_snapshot(customer)
    make_event(customer, D, "note", detail="<script>alert(1)</script>")
    Note.objects.create(customer=customer, author="<b>Bo</b>", text="<img src=x onerror=alert(1)>")
    page = main_part(viewer.get(f"/admin/customer/{customer.pk}/"))
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "<b>Bo" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert Snapshot.objects.count() == 1
