"""The portfolio of a week: its figures with their changes, who crossed the line, and when it is sent."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.digests.weekly import compose_weekly, figures, movers, statuses
from analytics.models import AlertRule, Digest, PortfolioDay
from customers.models import Customer
from tests.factories import make_customer, make_day, make_engagement, make_run, make_snapshot, make_staff
from tests.support.commands import run

pytestmark = pytest.mark.django_db

DAY = date(2025, 5, 10)
BEFORE = date(2025, 5, 3)


def two_weeks() -> tuple[PortfolioDay, PortfolioDay]:
    """What was counted on 3 and on 10 May."""
    before = make_day(
        date=BEFORE, total=10, onboarded=4, days_known=4, days_to_value=18, prs_generated=10, prs_merged=6, at_risk=3
    )
    now = make_day(
        total=12,
        active_today=7,
        onboarded=9,
        days_known=6,
        days_to_value=21,
        prs_generated=44,
        prs_merged=36,
        at_risk=2,
        healthy=10,
    )
    return before, now


def test_the_six_figures_with_their_changes() -> None:
    before, now = two_weeks()
    assert [(one.label, one.value, one.change) for one in figures(now, before)] == [
        ("Total customers", "12", "+2"),
        ("Active today", "7", "+7"),
        ("At risk", "2", "−1"),
        ("Onboarding rate", "75%", "+35 points"),
        ("Success rate", "82%", "+22 points"),
        ("Average time to value", "3.5d (of 6 of 9 onboarded)", "−1.0d"),
    ]
    assert [(one.label, one.value, one.change) for one in statuses(now, before)] == [
        ("Champion", "0 (0%)", "no change"),
        ("Healthy", "10 (83%)", "+10"),
        ("Needs attention", "0 (0%)", "no change"),
        ("At risk", "2 (17%)", "−1"),
        ("Inactive", "0 (0%)", "no change"),
    ]


def test_what_does_not_exist_is_a_dash() -> None:
    now = make_day()
    assert {(one.value, one.change) for one in figures(now, None)} == {("0", "–"), ("–", "–")}
    composed = compose_weekly(now)
    assert "There is no earlier week to compare with." in composed.text
    assert "The data is" in composed.text


def status_of(customer: Customer, before: str, now: str) -> None:
    for day, status in ((BEFORE, before), (DAY, now)):
        if status:
            make_snapshot(customer, date=day, status=status)


def test_who_crossed_the_line() -> None:
    before, now = two_weeks()
    for name, then, today in (
        ("Fell", "healthy", "at_risk"),
        ("Came", "", "at_risk"),
        ("Stayed", "at_risk", "at_risk"),
        ("Rose", "at_risk", "needs_attention"),
        ("Left", "at_risk", "inactive"),
    ):
        status_of(make_customer(organization=name), then, today)
    found = [(one.title, one.count, sorted(who.name for who in one.names)) for one in movers(now, before)]
    assert found == [("Became at risk", 2, ["Came", "Fell"]), ("Recovered", 1, ["Rose"])]
    for name, days in (("Left", 0), ("Stayed", -40)):
        since = make_run(started_at=datetime(DAY.year, DAY.month, DAY.day, 2, tzinfo=UTC) + timedelta(days=days))
        Customer.objects.filter(organization=name).update(missing_since=since)
    [*_others, gone] = movers(now, before)
    assert (gone.title, gone.count, [who.name for who in gone.names]) == (
        "Newly missing from customers.csv",
        1,
        ["Left"],
    )


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """Sets the night of the run."""

    def set_night(day: date) -> None:
        now = datetime(day.year, day.month, day.day, 2, 30, tzinfo=UTC)
        monkeypatch.setattr(timezone, "now", lambda: now)

    return set_night


def scored(day: date) -> None:
    make_day(date=day)
    make_engagement(make_customer(), day, issues_tagged=1)


def test_it_is_sent_with_the_first_night_of_a_week_and_once(settings: Settings, night: Callable[[date], None]) -> None:
    """Monday is 12 May; there is no night on Monday the 19th, and nothing new in the week of the 26th."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    AlertRule.objects.update(active=False)
    make_staff("Program manager", email="mira@example.com")
    make_staff("Success manager", email="olga@example.com")
    make_run(feed="engagement")
    sent: list[Any] = []
    for number in range(16):
        day = date(2025, 5, 12) + timedelta(days=number)
        if day == date(2025, 5, 19):
            continue
        night(day)
        if day < date(2025, 5, 22):
            scored(day - timedelta(days=1))
        for _twice in range(2):
            run("send_alerts")
        sent += [(day, message.to, message.subject) for message in mail.outbox]
        mail.outbox.clear()
    to = ["mira@example.com"]
    assert sent == [
        (date(2025, 5, 12), to, "Your week to 11 May 2025: 0 customers at risk"),
        (date(2025, 5, 20), to, "Your week to 19 May 2025: 0 customers at risk"),
        (date(2025, 5, 26), to, "Your week to 20 May 2025: 0 customers at risk"),
    ]
    assert set(Digest.objects.values_list("kind", "day")) == {("weekly", date(2025, 5, day)) for day in (12, 19, 26)}


def test_the_same_date_is_not_summed_up_twice(settings: Settings, night: Callable[[date], None]) -> None:
    AlertRule.objects.update(active=False)
    make_staff("Program manager", email="mira@example.com")
    scored(date(2025, 5, 11))
    for week in range(3):
        night(date(2025, 5, 12) + timedelta(days=7 * week))
        run("send_alerts")
    assert len(mail.outbox) == 1
