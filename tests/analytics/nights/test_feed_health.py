"""A feed that is late, refused or implausible: one alert about it, and no wave of customers called bad."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics.alerts.evaluate import evaluate
from analytics.models import Alert, AlertRule, Night, Snapshot
from analytics.nights import feed_health
from analytics.nights.feed_health import FeedHealth, implausible
from customers.imports.feed_states import feed_states
from tests.factories import make_customer, make_day, make_engagement, make_run, make_snapshot

pytestmark = pytest.mark.django_db

DAY = date(2025, 5, 10)


@pytest.fixture(autouse=True)
def today(today_is: Callable[[date], None]) -> None:
    today_is(DAY)


def run_of(feed: str, day: date = DAY, **overrides: Any) -> None:
    at = datetime(day.year, day.month, day.day, 2, 30, tzinfo=UTC)
    make_run(**{"feed": feed, "file": f"{feed}.csv", "started_at": at, **overrides})


def good_night(day: date = DAY) -> None:
    for feed in ("customers", "onboarding", "engagement"):
        run_of(feed, day)


def silent_customers(number: int = 3) -> None:
    """Scored on 10 May: all inactive, whatever the reason."""
    make_day(date=DAY)
    for _ in range(number):
        make_snapshot(make_customer(signup_date=date(2025, 3, 1)), status="inactive", first_pr_generated=True)


def kinds() -> list[tuple[str, str]]:
    return list(Alert.objects.order_by("pk").values_list("rule__kind", "text"))


HELD = "Alerts that are computed from engagement are paused until it is there."


def test_a_refused_feed_raises_its_own_alert_and_no_other() -> None:
    good_night()
    make_engagement(make_customer(), DAY, issues_tagged=1)
    silent_customers()
    run_of("engagement", status="refused", reason="the header is missing id")
    found = evaluate()
    assert (found.raised, found.held_back) == (1, "engagement.csv was refused on 10 May 2025, 02:30")
    assert kinds() == [("feed", f"engagement.csv was refused on 10 May 2025, 02:30: the header is missing id. {HELD}")]
    assert evaluate().raised == 0
    # The next night it is loaded: the feed's alert is over, and what is true is told.
    good_night()
    found = evaluate()
    assert (found.raised, found.closed, found.held_back) == (3, 1, "")
    assert Alert.objects.get(rule__kind="feed").ending_text == "The feed is back to normal"


def test_held_back_alerts_do_not_close_either() -> None:
    good_night()
    make_engagement(make_customer(), DAY, issues_tagged=1)
    silent_customers(1)
    AlertRule.objects.update(recovery=1)
    assert evaluate().raised == 1
    Snapshot.objects.update(status="healthy")
    run_of("engagement", status="failed", reason="out of disk")
    assert evaluate().closed == 0
    assert Alert.objects.open().filter(rule__kind="inactive").exists()


def test_what_is_not_computed_from_engagement_is_not_held_back() -> None:
    good_night()
    run_of("engagement", status="refused", reason="x")
    customer = make_customer(signup_date=date(2025, 3, 1))
    for days in range(4):
        make_day(date=DAY - timedelta(days=days))
        make_snapshot(customer, date=DAY - timedelta(days=days), blocker_type="sso", first_pr_generated=True)
    evaluate()
    assert [kind for kind, _text in kinds()] == ["blocked", "feed"]


def test_an_evaluation_reads_the_state_of_the_feeds_once(monkeypatch: pytest.MonkeyPatch) -> None:
    good_night()
    make_day(date=DAY)
    reads: list[int] = []
    monkeypatch.setattr(feed_health, "feed_states", lambda: reads.append(1) or feed_states())
    evaluate()
    assert reads == [1]


def test_a_date_beyond_the_engagement_judges_nobody() -> None:
    good_night()
    make_engagement(make_customer(), date(2025, 5, 9), issues_tagged=1)
    silent_customers()
    assert evaluate().held_back == "engagement ends on 9 May 2025, but 10 May 2025 is scored"
    assert kinds() == [("feed", f"Engagement ends on 9 May 2025, but 10 May 2025 is scored. {HELD}")]


def test_engagement_that_stops_growing_is_late_and_makes_nobody_inactive(today_is: Callable[[date], None]) -> None:
    """The date stands still with the data; each night's file is loaded, but says nothing new."""
    customer = make_customer(signup_date=date(2025, 3, 1))
    make_engagement(customer, DAY, issues_tagged=1)
    make_day(date=DAY)
    make_snapshot(customer, first_pr_generated=True)
    texts = []
    for nights in (2, 3, 5, 6):
        today_is(DAY + timedelta(days=nights))
        good_night(DAY + timedelta(days=nights))
        found = evaluate()
        texts.append((nights, found.raised, found.worse, [text for _kind, text in kinds()]))
    late = "Engagement ends on 10 May 2025, {} days ago; customers are judged as of then."
    assert texts == [
        (2, 0, 0, []),
        (3, 1, 0, [late.format(3)]),
        (5, 0, 0, [late.format(5)]),
        (6, 0, 1, [late.format(6)]),
    ]


def test_each_required_feed_may_be_late_and_an_optional_one_may_not() -> None:
    make_engagement(make_customer(), DAY, issues_tagged=1)
    run_of("customers", date(2025, 5, 7))
    run_of("engagement")
    run_of("feedback", date(2025, 1, 1))
    assert {name: str(problem.said) for name, problem in FeedHealth(DAY, None).problems.items()} == {
        "customers": "customers.csv was last loaded on 7 May 2025, 3 days ago.",
        "onboarding": "onboarding.csv was never loaded.",
    }
    run_of("events", status="refused", reason="the file is empty")
    assert "events.csv was refused" in str(FeedHealth(DAY, None).problems["events"].said)


def test_a_feed_that_was_loaded_while_the_clock_was_ahead_is_said() -> None:
    make_engagement(make_customer(), DAY, issues_tagged=1)
    for name, day in (("customers", date(2025, 6, 9)), ("onboarding", date(2025, 5, 11)), ("engagement", DAY)):
        run_of(name, day)
    assert {name: str(problem.said) for name, problem in FeedHealth(DAY, None).problems.items()} == {
        "customers": "customers.csv was last loaded, by its record, on 9 Jun 2025: check the clock.",
    }


def test_before_the_first_import_nothing_is_late() -> None:
    assert FeedHealth(DAY, None).problems == {}
    assert evaluate().raised == 0
    assert FeedHealth(DAY, None).held_back == ""


# --- Implausibly little -------------------------------------------------------------------------------------------


def days(*numbers: int) -> list[tuple[date, int]]:
    """Active customers on consecutive dates, the last one being 10 May 2025, a Saturday."""
    first = DAY - timedelta(days=len(numbers) - 1)
    return [(first + timedelta(days=place), number) for place, number in enumerate(numbers)]


WEEK = [12, 40, 40, 40, 40, 40, 12]
"""From Sunday to Saturday."""


@pytest.mark.parametrize(
    ("numbers", "usual"),
    [
        ([*WEEK, *WEEK, *WEEK], None),
        ([*WEEK, *WEEK, *WEEK[:6], 6], None),
        ([*WEEK, *WEEK, *WEEK[:6], 5], 12),
        ([*WEEK, *WEEK, *WEEK[:6], 0], 12),
        ([*WEEK, *WEEK[:6], 0], None),  # one Saturday is too little to compare with
        ([9] * 20 + [0], None),  # too small a program
        ([50] * 14 + [3] * 7, 50),  # a whole week of it
        ([50] * 14 + [3] * 14, 50),  # what was implausible itself does not count
        ([0] * 21, None),
        ([], None),
    ],
)
def test_implausible(numbers: list[int], usual: int | None) -> None:
    assert implausible(days(*numbers), DAY) == usual


def test_what_is_less_for_good_is_usual_after_four_weeks() -> None:
    assert implausible(days(*[50] * 14, *[15] * 21), DAY) == 50
    assert implausible(days(*[50] * 14, *[15] * 42), DAY) is None


def test_an_implausible_date_is_told_and_judges_nobody() -> None:
    good_night()
    make_engagement(make_customer(), DAY, issues_tagged=1)
    for back in (7, 14):
        make_day(date=DAY - timedelta(days=back), active_today=50)
    silent_customers()
    found = evaluate()
    assert found.held_back == (
        "engagement of 10 May 2025 is implausibly little: 0 customers active, where at least 50 are usual"
    )
    assert [kind for kind, _text in kinds()] == ["feed"]


# --- The night ------------------------------------------------------------------------------------------------------


def night_of(day: int, **results: str) -> None:
    steps = [{"name": name, "result": result, "seconds": 1, "message": "Why."} for name, result in results.items()]
    Night.objects.create(started_at=datetime(2025, 5, day, 2, 30, tzinfo=UTC), steps=steps)


def test_a_step_that_failed_raises_an_alert_until_it_is_done() -> None:
    good_night()
    make_engagement(make_customer(), DAY, issues_tagged=1)
    night_of(8, **{"import": "done"}, score="failed", reports="skipped")
    assert evaluate().raised == 1
    assert kinds() == [("feed", "Score failed in the nightly run of 8 May 2025, 02:30: Why.")]
    assert Alert.objects.get().about == "Nightly run"
    # A night that does not come to it mends nothing; the one that runs has only its first steps.
    night_of(9, **{"import": "failed"}, score="skipped")
    assert (evaluate().raised, evaluate().closed) == (0, 0)
    night_of(10, **{"import": "done"}, score="done")
    assert evaluate().closed == 1
    assert Alert.objects.get().ending_text == "The nightly run is back to normal"


def test_a_step_behind_the_alerts_is_told_by_the_next_night() -> None:
    good_night()
    make_engagement(make_customer(), DAY, issues_tagged=1)
    night_of(9, **{"import": "done"}, score="done", alerts="done", reports="failed")
    night_of(10, **{"import": "done"}, score="done")
    evaluate()
    assert kinds() == [("feed", "Reports failed in the nightly run of 9 May 2025, 02:30: Why.")]
