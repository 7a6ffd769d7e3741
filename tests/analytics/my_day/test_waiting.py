"""Who of the worklist waits, and what brings a customer back: each rule of docs/metrics.md by hand."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import Alert, Deferral, Message, Task
from analytics.my_day.deferrals import bring_back, dismiss, snooze
from analytics.my_day.facts import Kind
from analytics.my_day.members import TEAM
from analytics.my_day.worklist import Worklist, known_day, newest_days, worklist
from analytics.page_cache.version import DataVersion, StateVersion
from customers.models import Customer, Note
from tests.factories import make_alert, make_customer, make_day, make_message, make_snapshot, make_staff
from tests.support.pages import forget
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db

T = date(2025, 5, 20)
"""Today, a Tuesday; the data are those of yesterday."""
D = T - timedelta(days=1)


def at(days: int, hour: int = 12) -> datetime:
    """So many days before today."""
    return datetime(T.year, T.month, T.day, hour, tzinfo=UTC) - timedelta(days=days)


def scored(days: int) -> None:
    """Score the date of so many days before today in the early morning of the next day."""
    make_day(date=T - timedelta(days=days), scored_at=at(days - 1, 3))


@pytest.fixture(autouse=True)
def the_same_day(today_is: Callable[[date], None]) -> None:
    today_is(T)


@pytest.fixture
def acme() -> Customer:
    """At risk for long, with a snapshot for each of ten days; not yet touched by anybody."""
    customer = make_customer(id="c1", organization="Acme", signup_date=date(2025, 1, 1))
    for days in range(1, 11):
        scored(days)
        make_snapshot(customer, date=T - timedelta(days=days), status="at_risk", score=40)
    return customer


def now(**changed: Any) -> None:
    """Change the newest snapshot of Acme."""
    row = Customer.objects.get(pk="c1").snapshots.get(date=D)
    for name, value in changed.items():
        setattr(row, name, value)
    row.save()


def lists() -> Worklist:
    forget()
    version = StateVersion(1, "", 0, DataVersion(1, "", 1))
    portfolio, before = newest_days(version.data)
    assert portfolio
    return worklist(portfolio, before, TEAM, T, version)


def waits_by() -> tuple[Kind, date | None] | None:
    """Why Acme waits and until when; None where it is to do."""
    found = lists()
    assert len(found.to_do) + len(found.waiting) == 1
    return next(((wait.fact.kind, wait.until) for _one, wait in found.waiting), None)


def put_aside(days: int, **values: Any) -> Deferral:
    """A deferral of so many days ago."""
    return Deferral.objects.create(customer_id="c1", created_by="sofia", created_at=at(days), **values)


def task(due: int, created: int = 3, **values: Any) -> Task:
    """An open task, due so many days after today."""
    what = f"Task {Task.objects.count()}"
    return Task.objects.create(
        customer_id="c1", what=what, due=T + timedelta(days=due), created_at=at(created), **values
    )


def test_nobody_waits_untouched(acme: Customer) -> None:
    assert waits_by() is None


# --- Snoozed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("until", "waits"), [(2, True), (1, True), (0, False), (-1, False)])
def test_a_snoozed_customer_comes_back_on_its_date(acme: Customer, until: int, waits: bool) -> None:
    day = T + timedelta(days=until)
    put_aside(2, until=day)
    assert waits_by() == ((Kind.SNOOZE, day) if waits else None)


def test_a_snooze_hides_a_task_that_is_due(acme: Customer) -> None:
    put_aside(2, until=T + timedelta(days=3))
    task(0)
    assert waits_by() == (Kind.SNOOZE, date(2025, 5, 23))


# --- Contacted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "waits"), [(0, True), (6, True), (7, False), (8, False)])
@pytest.mark.parametrize("how", ["call", "meeting", "mail"])
def test_a_contacted_customer_comes_back_after_seven_days(acme: Customer, how: str, days: int, waits: bool) -> None:
    if how == "mail":
        make_message(acme, sent_at=at(days))
    else:
        Note.objects.create(customer=acme, author="Sofia", kind=how, text="Hello", created_at=at(days))
    back = {0: date(2025, 5, 27), 6: date(2025, 5, 21)}.get(days)
    assert waits_by() == ((Kind.CONTACT, back) if waits else None)


@pytest.mark.parametrize("state", ["sending", "failed"])
def test_what_was_not_sent_or_only_noted_is_no_contact(acme: Customer, state: str) -> None:
    make_message(acme, state=state)
    Note.objects.create(customer=acme, author="Sofia", text="Looked at their page", created_at=at(0))
    assert waits_by() is None


@pytest.mark.parametrize(
    ("goes", "until"),
    [(at(-3), date(2025, 5, 24)), (at(0, 23), date(2025, 5, 21)), (at(1), None)],
    ids=["in three days", "today", "should have gone yesterday"],
)
def test_a_scheduled_email_is_waited_for_until_the_day_it_goes(
    acme: Customer, goes: datetime, until: date | None
) -> None:
    make_message(acme, state="scheduled", created_at=at(1), send_at=goes)
    assert waits_by() == ((Kind.SCHEDULED, until) if until else None)


def test_a_scheduled_email_is_no_answer_to_what_came_after_it_nor_to_a_task_that_is_due(acme: Customer) -> None:
    make_message(acme, state="scheduled", created_at=at(5), send_at=at(-3))
    now(score=30)
    assert waits_by() is None
    now(score=40)
    assert waits_by() == (Kind.SCHEDULED, date(2025, 5, 24))
    task(0)
    assert waits_by() is None


def test_a_canceled_email_is_waited_for_no_more(acme: Customer) -> None:
    make_message(acme, state="canceled", created_at=at(1), send_at=at(-3))
    assert waits_by() is None


def test_a_task_that_is_due_is_to_do_whoever_was_contacted(acme: Customer) -> None:
    make_message(acme, sent_at=at(1))
    task(0)
    assert waits_by() is None


def test_who_has_recovered_is_on_no_list(acme: Customer) -> None:
    make_message(acme, sent_at=at(1))
    now(status="healthy", score=80)
    found = lists()
    assert ([*found.to_do], found.waiting) == ([], [])


# --- Tasks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("due", "until"), [([3], 3), ([5, 2], 2), ([0], None), ([-1, 4], None)])
def test_a_customer_with_a_task_comes_back_when_the_first_is_due(
    acme: Customer, due: list[int], until: int | None
) -> None:
    for days in due:
        task(days)
    assert waits_by() == (None if until is None else (Kind.TASK, T + timedelta(days=until)))


def test_a_closed_task_is_none(acme: Customer) -> None:
    task(3, state="done", closed_at=at(1), closed_on=D)
    assert waits_by() is None


# --- Dismissed --------------------------------------------------------------------------------------------------


def test_a_dismissed_customer_waits_without_a_date(acme: Customer) -> None:
    put_aside(8, reason="expected")
    assert waits_by() == (Kind.DISMISSAL, None)


@pytest.mark.parametrize(
    ("then", "since", "waits"),
    [
        ("", "sso_login", False),
        ("sso_login", "sso_login", True),
        ("sso_login", "github", False),
        ("sso_login", "", True),
    ],
)
def test_another_blocker_is_a_new_reason(acme: Customer, then: str, since: str, waits: bool) -> None:
    acme.snapshots.all().update(blocker_type=then)
    now(blocker_type=since)
    put_aside(2, reason="nothing")
    assert waits_by() == ((Kind.DISMISSAL, None) if waits else None)


@pytest.mark.parametrize(("due", "waits"), [(-3, True), (-2, True), (-1, False), (0, False), (1, True)])
def test_a_task_that_came_due_since_is_a_new_reason(acme: Customer, due: int, waits: bool) -> None:
    put_aside(2, reason="other")
    task(due, created=9)
    assert (waits_by() is not None) is waits


def test_another_blocker_does_not_wake_who_is_snoozed(acme: Customer) -> None:
    now(blocker_type="sso_login")
    put_aside(2, until=T + timedelta(days=3))
    assert waits_by() == (Kind.SNOOZE, date(2025, 5, 23))


# --- Got worse --------------------------------------------------------------------------------------------------


def deal_with(how: str, customer: Customer) -> None:
    """Deal with a customer at noon two days ago, in one of the ways."""
    match how:
        case "snooze":
            put_aside(2, until=T + timedelta(days=3))
        case "dismissal":
            put_aside(2, reason="nothing")
        case "contact":
            make_message(customer, sent_at=at(2))
        case "call":
            note = Note.objects.create(customer=customer, kind="call", author="sofia", text="They call back")
            Note.objects.filter(pk=note.pk).update(created_at=at(2))
        case "scheduled":
            planned = make_message(customer, state="scheduled", sent_at=None, send_at=at(-3))
            Message.objects.filter(pk=planned.pk).update(created_at=at(2))
        case _:
            task(5, created=2)


WAYS = ["snooze", "dismissal", "contact", "call", "scheduled", "task"]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize(
    ("alert", "waits"),
    [
        ({"raised_at": at(3)}, True),
        ({"raised_at": at(1)}, False),
        ({"raised_at": at(3), "worse_at": at(1)}, False),
        ({"raised_at": at(1), "acknowledged_at": at(0)}, True),
        ({"raised_at": at(1), "snoozed_until": T + timedelta(days=1)}, True),
        ({"raised_at": at(1), "closed_on": D}, True),
    ],
)
def test_a_new_alert_brings_back_at_once(acme: Customer, how: str, alert: dict[str, Any], waits: bool) -> None:
    deal_with(how, acme)
    make_alert(acme, **alert)
    assert (waits_by() is not None) is waits


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize(
    ("status", "score", "waits"),
    [("at_risk", 31, True), ("at_risk", 30, False), ("inactive", 40, False), ("needs_attention", 25, False)],
)
def test_a_new_drop_brings_back_at_once(acme: Customer, how: str, status: str, score: int, waits: bool) -> None:
    """Against the score of 40 at risk that was known when it was dealt with."""
    deal_with(how, acme)
    now(status=status, score=score)
    assert (waits_by() is not None) is waits


def test_a_drop_that_was_known_then_brings_nobody_back(acme: Customer) -> None:
    """Two days ago the newest scored date was that of three days ago, on which the score was already 20."""
    deal_with("snooze", acme)
    acme.snapshots.filter(date__gte=T - timedelta(days=3)).update(score=20)
    assert waits_by() == (Kind.SNOOZE, date(2025, 5, 23))
    acme.snapshots.filter(date=T - timedelta(days=3)).update(score=30)
    assert waits_by() is None


@pytest.mark.parametrize(
    ("moment", "known"),
    [
        (at(1, 2), 2),
        (at(1, 12), 2),
        # The day's own date was scored on that very day.
        (at(0, 4), 0),
        (at(0, 2), 1),
        (at(9), None),
    ],
)
def test_which_date_was_known(moment: datetime, known: int | None) -> None:
    days = [(T - timedelta(days=days), at(days - 1, 3)) for days in (3, 2, 1)] + [(T, at(0, 3))]
    assert known_day(days, moment) == (None if known is None else T - timedelta(days=known))


# --- Several ----------------------------------------------------------------------------------------------------


def test_the_one_that_ends_last_is_told(acme: Customer) -> None:
    make_message(acme, sent_at=at(1))
    assert waits_by() == (Kind.CONTACT, date(2025, 5, 26))
    task(9)
    assert waits_by() == (Kind.TASK, date(2025, 5, 29))
    by = make_staff("Success manager")
    snooze(acme, T + timedelta(days=2), by)
    assert waits_by() == (Kind.TASK, date(2025, 5, 29))
    dismiss(acme, "other", "Their pilot ends", by)
    assert waits_by() == (Kind.DISMISSAL, None)
    assert bring_back(acme, by)
    assert waits_by() == (Kind.TASK, date(2025, 5, 29))
    assert not bring_back(acme, by)
    assert [(one.until, one.reason, one.ended_by) for one in Deferral.objects.order_by("pk")] == [
        (date(2025, 5, 22), "", ""),
        (None, "other", by.username),
    ]


# --- Any order of actions ---------------------------------------------------------------------------------------

STEPS = ["snooze", "dismiss", "back", "mail", "task", "due task", "close", "alert", "acknowledge", "drop", "recover"]


def take(step: str, customer: Customer) -> None:
    """One step of a random story, now."""
    by = make_staff("Success manager")
    match step:
        case "snooze":
            snooze(customer, T + timedelta(days=1), by)
        case "dismiss":
            dismiss(customer, "other", "", by)
        case "back":
            bring_back(customer, by)
        case "mail":
            make_message(customer, sent_at=at(0))
        case "task" | "due task":
            task(3 if step == "task" else 0, created=0)
        case "close":
            Task.objects.open().update(state="done", closed_at=at(0), closed_on=D)
        case "alert":
            if not Alert.objects.open().exists():
                make_alert(customer)
        case "acknowledge":
            Alert.objects.update(acknowledged_at=at(0))
        case "drop":
            now(score=5)
        case _:
            now(status="healthy", score=80)


@settings(
    max_examples=examples_of_a_push(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.sampled_from(STEPS), max_size=7))
def test_whatever_was_done_who_has_a_reason_is_in_one_of_both(acme: Customer, steps: list[str]) -> None:
    Deferral.objects.all().delete()
    Task.objects.all().delete()
    Alert.objects.all().delete()
    acme.mails.all().delete()
    now(status="at_risk", score=40)
    for step in steps:
        take(step, acme)
    found = lists()
    row = acme.snapshots.get(date=D)
    has_reason = (
        row.status == "at_risk"
        or row.score == 5
        or Alert.objects.waiting(T).exists()
        or Task.objects.open().filter(due__lte=T).exists()
    )
    assert [one.customer for one in found.to_do] + [one.customer for one, _wait in found.waiting] == (
        ["c1"] if has_reason else []
    )
