"""What is stored of a scored date, when, with which policy, and how the ``score`` command answers."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from io import StringIO
from typing import Any
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, ManagementUtility, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import PortfolioDay, ScoringPolicy, Snapshot
from analytics.portfolio.figures import health_distribution, mean_days, onboarding_progress
from analytics.portfolio.kpis import summary
from analytics.rounding import percent, success_rate
from analytics.scoring import snapshots
from analytics.scoring.measure import measure
from analytics.scoring.score import health
from analytics.scoring.snapshots import NotScorable, score_day
from customers.jobs.lock import job_lock
from customers.models import Customer, Engagement, Event, Feedback, Onboarding
from tests.factories import make_customer, make_engagement, make_event, make_feedback, make_onboarding

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
LARGEST = 2_147_483_647


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> date:
    """The clock stands at noon of 2025-05-12, in UTC."""
    monkeypatch.setattr(timezone, "now", lambda: datetime(2025, 5, 12, 12, tzinfo=UTC))
    return date(2025, 5, 12)


def days_before(days: int) -> date:
    """D - days."""
    return D - timedelta(days=days)


def rows_of(day: date) -> list[dict[str, Any]]:
    """What is stored of each customer on a date, keys of the rows aside."""
    rows = list(Snapshot.objects.filter(date=day).order_by("customer").values())
    for row in rows:
        del row["id"]
    return rows


def make_acme() -> Customer:
    """The golden case of metrics.md."""
    acme = make_customer(
        id="c1001", organization="Acme Inc.", signup_date=date(2025, 5, 3), cohort="VIP", team_size=15
    )
    make_onboarding(
        acme,
        welcome_email_sent=True,
        account_created=True,
        github_action_installed=True,
        first_issue_tagged=True,
        blocker_type="github_permissions",
    )
    make_engagement(acme, date(2025, 5, 4), support_requests=1)
    make_engagement(acme, date(2025, 5, 5), issues_tagged=3)
    make_engagement(acme, date(2025, 5, 6), issues_tagged=2)
    make_engagement(acme, date(2025, 5, 7), support_requests=1)
    return acme


# --- What a row says --------------------------------------------------------------------------------------------


def test_the_golden_case_acme() -> None:
    make_acme()
    score_day(D)
    assert rows_of(D) == [
        {
            "date": D,
            "customer_id": "c1001",
            "policy_id": ScoringPolicy.objects.get().pk,
            "score": 45,
            "status": "at_risk",
            "trend": "declining",
            "stage": "initial_adoption",
            "activity": 20,
            "pr_success": 0,
            "adoption": 15,
            "support": 10,
            "nps": None,
            "welcome_email_sent": True,
            "account_created": True,
            "github_action_installed": True,
            "first_issue_tagged": True,
            "first_pr_generated": False,
            "steps_done": 4,
            "onboarded": False,
            "completed_on": None,
            "days_to_complete": None,
            "blocker_type": "github_permissions",
            "issues_tagged": 5,
            "prs_generated": 0,
            "prs_merged": 0,
            "prs_rejected": 0,
            "support_requests": 2,
            "days_active": 4,
            "last_active": date(2025, 5, 7),
            "active_weeks": 0b1,
            "active_days": 4,
            "window_prs_generated": 0,
            "window_prs_merged": 0,
            "window_support_requests": 2,
            "csat_sum": 0,
            "csat_count": 0,
            "trend_now": 5,
            "trend_before": 0,
        }
    ]
    acme = Snapshot.objects.get()
    assert (acme.onboarding_percent, acme.days_since_active, acme.success_rate, acme.blocked) == (
        80,
        3,
        None,
        True,
    )


def test_the_activity_trend_of_acme_by_hand() -> None:
    """Without support requests 4 to 10 May are 0, 3, 2, 0, 0, 0, 0; in thirds around the middle: -2 * 3 - 1 * 2."""
    acme = make_acme()
    slope = Fraction(-2 * 3 - 1 * 2, 9 + 4 + 1 + 0 + 1 + 4 + 9)
    assert (slope < Fraction(-1, 10), round(float(slope), 3)) == (True, -0.286)
    assert next(iter(measure(D, ScoringPolicy.objects.get()))).trend_moment == 2 * (-2 * 3 - 1 * 2)
    score_day(D)
    assert Snapshot.objects.get(customer=acme).trend == "declining"


@pytest.mark.parametrize("signed_up", [date(2025, 4, 1), date(2025, 5, 6)])  # a full week before, or the slope
@pytest.mark.parametrize("day", [date(2025, 5, 4), date(2025, 5, 9), D])
def test_who_only_asks_for_help_does_not_improve(signed_up: date, day: date) -> None:
    make_engagement(make_customer(signup_date=signed_up), day, support_requests=9)
    score_day(D)
    [found] = Snapshot.objects.all()
    assert (found.status, found.trend, found.days_active) == ("at_risk", "stable", 1)


def test_a_row_of_a_customer_that_has_everything() -> None:
    customer = make_customer(id="c1", signup_date=date(2025, 4, 1), status="paused")
    make_onboarding(
        customer,
        welcome_email_sent=True,
        account_created=True,
        github_action_installed=True,
        first_issue_tagged=True,
        first_pr_generated=True,
        blocker_type="sso_login",
    )
    make_event(customer, date(2025, 4, 11), "github_action_installed")
    make_engagement(customer, date(2025, 4, 5), issues_tagged=2, support_requests=1)
    make_engagement(customer, date(2025, 4, 9), prs_generated=4, prs_rejected=1)
    make_engagement(customer, date(2025, 4, 30), prs_generated=2, prs_merged=1, support_requests=3)
    make_engagement(customer, date(2025, 5, 9), prs_merged=7)
    make_feedback(customer, date(2025, 5, 1), nps=6, csat=2)
    make_feedback(customer, date(2025, 5, 2), csat=5)
    score_day(D)
    [row] = rows_of(D)
    assert row == {
        "date": D,
        "customer_id": "c1",
        "policy_id": ScoringPolicy.objects.get().pk,
        "score": 65,
        "status": "inactive",
        "trend": "improving",  # 7 after 3: the support requests do not count
        "stage": "regular_usage",
        "activity": 5,
        "pr_success": 25,
        "adoption": 20,
        "support": 9,  # mean 3.5: 9.375
        "nps": 6,
        "welcome_email_sent": True,
        "account_created": True,
        "github_action_installed": True,
        "first_issue_tagged": True,
        "first_pr_generated": True,
        "steps_done": 5,
        "onboarded": True,
        "completed_on": None,  # nothing says when the welcome e-mail was sent
        "days_to_complete": None,
        "blocker_type": "sso_login",
        "issues_tagged": 2,
        "prs_generated": 6,
        "prs_merged": 8,
        "prs_rejected": 1,
        "support_requests": 4,
        "days_active": 4,
        "last_active": date(2025, 5, 9),
        "active_weeks": 0b110011,  # days 4, 8, 29 and 38 after the signup
        "active_days": 1,
        "window_prs_generated": 2,  # from 2025-04-11 on
        "window_prs_merged": 8,
        "window_support_requests": 3,
        "csat_sum": 7,
        "csat_count": 2,
        "trend_now": 7,
        "trend_before": 3,
    }
    snapshot = Snapshot.objects.get()
    assert (snapshot.success_rate, snapshot.blocked, snapshot.days_since_active) == (100, False, 1)


def test_large_counters_are_stored() -> None:
    customer = make_customer()
    for _ in range(3):
        make_engagement(
            customer,
            D,
            issues_tagged=LARGEST,
            prs_generated=LARGEST,
            prs_merged=LARGEST,
            prs_rejected=LARGEST,
            support_requests=LARGEST,
        )
    portfolio = score_day(D)
    snapshot = Snapshot.objects.get()
    assert (snapshot.prs_generated, snapshot.window_prs_merged) == (6_442_450_941, 6_442_450_941)
    assert (snapshot.trend_now, snapshot.score) == (4 * 3 * LARGEST, 5 + 25 + 0 + 0)
    assert (portfolio.prs_generated, portfolio.day_support_requests) == (6_442_450_941, 6_442_450_941)


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (8, 12, 67),
        (1, 3, 33),
        (1, 8, 13),
        (1, 200, 1),
        (1, 201, 0),
        (0, 5, 0),
        (5, 5, 100),
        (9, 6, 150),
        (0, 0, None),
    ],
)
def test_percentages_are_rounded_half_up(part: int, whole: int, expected: int | None) -> None:
    assert percent(part, whole) == expected


@pytest.mark.parametrize(
    ("merged", "generated", "expected"),
    [(3, 8, 38), (9, 6, 100), (0, 6, 0), (0, 0, None), (4, 0, None), (995, 1000, 100), (994, 1000, 99)],
)
def test_the_success_rate_is_at_most_100(merged: int, generated: int, expected: int | None) -> None:
    assert success_rate(merged, generated) == expected


@pytest.mark.parametrize(
    ("days", "count", "expected"),
    [
        (7, 2, "3.5d"),
        (0, 3, "0.0d"),
        (10, 3, "3.3d"),
        (20, 3, "6.7d"),
        (5, 4, "1.3d"),  # 1.25
        (1, 20, "0.1d"),  # 0.05
        (300, 1, "300.0d"),
        (-3, 2, "-1.5d"),  # a step was done before the signup
        (0, 0, None),
    ],
)
def test_the_mean_time_to_value_has_one_decimal(days: int, count: int, expected: str | None) -> None:
    assert mean_days(days, count) == expected


# --- The portfolio ----------------------------------------------------------------------------------------------


def test_the_figures_of_the_portfolio() -> None:
    champion = make_customer(id="champion", signup_date=date(2025, 5, 1))  # 30 + 25 + 20 + 15 points
    make_onboarding(
        champion,
        welcome_email_sent=True,
        account_created=True,
        github_action_installed=True,
        first_issue_tagged=True,
        first_pr_generated=True,
        completed_date=date(2025, 5, 4),
    )
    make_engagement(champion, D, issues_tagged=2, prs_generated=4, prs_merged=4)
    healthy = make_customer(id="healthy", signup_date=date(2025, 5, 1))  # 30 + 25 + 0 + 15
    needs_attention = make_customer(id="needs_attention", signup_date=date(2025, 5, 1))  # 30 + 0 + 5 + 15
    make_onboarding(needs_attention, account_created=True)
    for days in range(1, 7):
        make_engagement(champion, days_before(days), issues_tagged=1)
        make_engagement(healthy, days_before(days - 1), prs_generated=1, prs_merged=1)
        make_engagement(needs_attention, days_before(days), issues_tagged=1)
    at_risk = make_customer(id="at_risk", signup_date=date(2025, 4, 1))  # 5 + 0 + 0 + 15
    make_engagement(at_risk, days_before(1), issues_tagged=1)
    make_engagement(at_risk, date(2025, 4, 2), prs_generated=5, prs_merged=3)  # before the 30 days
    make_customer(id="new", signup_date=D)  # 15, at risk too
    churned = make_customer(id="churned", signup_date=date(2025, 4, 1), status="churned")
    make_onboarding(churned, account_created=True, completed_date=date(2025, 4, 8))
    make_engagement(churned, D, prs_generated=1, support_requests=2)
    to_come = make_customer(id="to_come", signup_date=date(2025, 5, 11))
    make_onboarding(to_come, welcome_email_sent=True)
    make_engagement(to_come, D, issues_tagged=50, prs_generated=50)

    before = timezone.now()
    score_day(D)

    assert dict(Snapshot.objects.values_list("customer", "score")) == {
        "champion": 90,
        "healthy": 70,
        "needs_attention": 50,
        "at_risk": 20,
        "new": 15,
        "churned": 5 + 0 + 5 + 10,
    }
    [portfolio] = PortfolioDay.objects.values()
    assert portfolio.pop("scored_at") >= before
    assert portfolio == {
        "date": D,
        "policy_id": ScoringPolicy.objects.get().pk,
        "last_run": 0,
        "backfilled": False,
        "stale": False,
        "total": 6,
        "erased": 0,
        "active_today": 3,
        "onboarded": 2,
        "days_to_value": 3 + 7,
        "days_known": 2,
        "prs_generated": 4 + 6 + 1 + 5,
        "prs_merged": 4 + 6 + 3,
        "welcome_email_sent": 1,
        "account_created": 3,
        "github_action_installed": 1,
        "first_issue_tagged": 1,
        "first_pr_generated": 1,
        "champion": 1,
        "healthy": 1,
        "needs_attention": 1,
        "at_risk": 2,
        "inactive": 1,
        "day_issues_tagged": 2,
        "day_prs_generated": 4 + 1 + 1,
        "day_prs_merged": 4 + 1,
        "day_support_requests": 2,
    }
    scored = PortfolioDay.objects.get()
    assert summary(scored) == {
        "total_customers": 6,
        "active_today": 3,
        "at_risk": 2,
        "onboarding_rate": 33,  # 2 of 6
        "success_rate": 81,  # 13 of 16: 81.25
        "avg_time_to_value": "5.0d",
        "onboarded": 2,
        "onboarding_day_known": 2,
    }
    progress = onboarding_progress(scored)
    assert progress.percent == 23  # 7 of 30: 23.3
    assert [(step.label, step.count, step.percent) for step in progress.steps] == [
        ("Welcome Email", 1, 17),
        ("Account Setup", 3, 50),
        ("GitHub Action", 1, 17),
        ("First Issue", 1, 17),
        ("First PR", 1, 17),
    ]
    assert [(share.label, share.count, share.percent) for share in health_distribution(scored)] == [
        ("Champion", 1, 17),
        ("Healthy", 1, 17),
        ("Needs attention", 1, 17),
        ("At risk", 2, 33),
        ("Inactive", 1, 17),
    ]


def test_a_date_before_every_signup_is_scored_with_nobody() -> None:
    make_acme()
    portfolio = score_day(date(2025, 5, 2))
    assert (portfolio.total, portfolio.at_risk, portfolio.days_to_value) == (0, 0, 0)
    assert rows_of(date(2025, 5, 2)) == []
    assert summary(portfolio) == {
        "total_customers": 0,
        "active_today": 0,
        "at_risk": 0,
        "onboarding_rate": None,
        "success_rate": None,
        "avg_time_to_value": None,
        "onboarded": 0,
        "onboarding_day_known": 0,
    }
    assert onboarding_progress(portfolio).percent is None


# --- Scoring again ----------------------------------------------------------------------------------------------


def test_scoring_a_date_again_replaces_its_rows_with_the_same() -> None:
    make_acme()
    make_customer()
    score_day(days_before(1))
    score_day(D)
    first, yesterday = rows_of(D), rows_of(days_before(1))
    again = score_day(D)
    assert rows_of(D) == first
    assert rows_of(days_before(1)) == yesterday
    assert (Snapshot.objects.count(), PortfolioDay.objects.count()) == (4, 2)
    assert (again.total, again.at_risk, again.first_issue_tagged) == (2, 2, 1)


def test_scoring_a_date_again_forgets_who_is_gone() -> None:
    gone = make_customer(id="gone", signup_date=date(2025, 4, 1))
    make_acme()
    score_day(D)
    gone.delete()
    assert score_day(D).total == 1
    assert [row["customer_id"] for row in rows_of(D)] == ["c1001"]


def test_an_earlier_date_shows_what_was_known_then() -> None:
    acme = make_acme()
    make_engagement(acme, date(2025, 5, 12), prs_generated=1)
    score_day(date(2025, 5, 5))
    then = rows_of(date(2025, 5, 5))
    [row] = then
    # Two active days, three steps before the fourth on 2025-05-05 itself, one support request.
    assert (row["activity"], row["adoption"], row["support"], row["score"]) == (10, 15, 13, 38)
    assert (row["steps_done"], row["issues_tagged"], row["last_active"]) == (4, 3, date(2025, 5, 5))

    Onboarding.objects.update(account_created=False, blocker_type="")
    make_engagement(acme, date(2025, 5, 4), issues_tagged=9)
    score_day(D)
    assert rows_of(date(2025, 5, 5)) == then

    # Scored long after, it uses today's fields, and says so.
    portfolio = score_day(date(2025, 5, 5))
    [row] = rows_of(date(2025, 5, 5))
    assert (row["issues_tagged"], row["adoption"], row["blocker_type"]) == (12, 10, "")
    assert portfolio.backfilled


@pytest.mark.usefixtures("today")
@pytest.mark.parametrize(
    ("day", "engagement", "backfilled"),
    [
        (date(2025, 5, 10), date(2025, 5, 10), False),
        (date(2025, 5, 11), date(2025, 5, 10), False),
        (date(2025, 5, 9), date(2025, 5, 10), True),
        (date(2025, 5, 12), date(2025, 5, 13), False),  # data is never newer than today
        (date(2025, 5, 12), None, False),  # without engagement the data's date is today
        (date(2025, 5, 11), None, True),
    ],
)
def test_a_date_before_the_data_is_marked_as_backfilled(day: date, engagement: date | None, backfilled: bool) -> None:
    customer = make_customer()
    if engagement:
        make_engagement(customer, engagement)
    assert score_day(day).backfilled is backfilled
    assert PortfolioDay.objects.get().backfilled is backfilled


def test_a_failure_in_the_middle_leaves_the_old_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    make_acme()
    for _ in range(3):
        make_customer()
    score_day(D)
    old, portfolio = rows_of(D), PortfolioDay.objects.values().get()
    make_engagement(Customer.objects.get(pk="c1001"), D, prs_generated=1)
    results = [health(found, ScoringPolicy(), D) for found in measure(D, ScoringPolicy())]
    fails = Mock(side_effect=[*results[:2], RuntimeError("out of luck")])
    monkeypatch.setattr(snapshots.Scoring, "health", fails)
    with pytest.raises(RuntimeError, match="out of luck"):
        score_day(D)
    assert rows_of(D) == old
    assert PortfolioDay.objects.values().get() == portfolio


def test_a_failure_at_the_end_leaves_the_old_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    acme = make_acme()
    score_day(D)
    old = rows_of(D)
    make_engagement(acme, D, prs_generated=1)
    monkeypatch.setattr(snapshots, "day_totals", Mock(side_effect=RuntimeError("out of luck")))
    with pytest.raises(RuntimeError, match="out of luck"):
        score_day(D)
    assert rows_of(D) == old


# --- Which dates, which policy ----------------------------------------------------------------------------------


def test_the_policy_in_force_on_the_date_scores_it() -> None:
    make_acme()
    v1 = ScoringPolicy.objects.get()
    v2 = ScoringPolicy.objects.create(
        name="v2", effective_from=date(2025, 5, 10), activity_max=20, activity_points_per_day=2, nps_max=20
    )
    assert score_day(date(2025, 5, 9)).policy == v1
    assert score_day(date(2025, 5, 10)).policy == v2
    assert score_day(date(2025, 5, 11)).policy == v2
    rows = Snapshot.objects.order_by("date").values_list("date", "policy", "activity")
    assert list(rows) == [
        (date(2025, 5, 9), v1.pk, 20),
        (date(2025, 5, 10), v2.pk, 8),
        (date(2025, 5, 11), v2.pk, 6),  # 2025-05-04 has left the window
    ]
    v3 = ScoringPolicy.objects.create(name="v3", effective_from=date(2025, 5, 10), nps_max=10)
    assert score_day(date(2025, 5, 10)).policy == v3
    [row] = rows_of(D)
    assert (row["policy_id"], row["activity"]) == (v3.pk, 20)


@pytest.mark.usefixtures("today")
def test_a_date_of_the_future_is_refused() -> None:
    make_acme()
    with pytest.raises(NotScorable, match="2025-05-13 is in the future"):
        score_day(date(2025, 5, 13))
    assert not PortfolioDay.objects.exists()
    assert score_day(date(2025, 5, 12)).total == 1


@pytest.mark.usefixtures("today")
@pytest.mark.parametrize(("zone", "today_there"), [("Pacific/Kiritimati", 13), ("Pacific/Midway", 12), ("UTC", 12)])
def test_today_is_that_of_the_time_zone(zone: str, today_there: int) -> None:
    with timezone.override(ZoneInfo(zone)):
        score_day(date(2025, 5, today_there))
        with pytest.raises(NotScorable):
            score_day(date(2025, 5, today_there + 1))


def test_a_date_before_the_first_policy_is_refused() -> None:
    assert score_day(date(2000, 1, 1)).total == 0
    with pytest.raises(NotScorable, match="No scoring policy is in force on 1999-12-31"):
        score_day(date(1999, 12, 31))


# --- How many queries -------------------------------------------------------------------------------------------


def _make_program(first: int, last: int) -> None:
    keys = [f"n{number}" for number in range(first, last)]
    own = {"run_id": 1, "line": 2}
    Customer.objects.bulk_create(
        Customer(id=key, email="a@b.example", organization=key, signup_date=date(2025, 5, 1), **own) for key in keys
    )
    Onboarding.objects.bulk_create(
        Onboarding(id=f"o{key}", customer_id=key, account_created=True, **own) for key in keys
    )
    Engagement.objects.bulk_create(
        Engagement(id=f"e{key}", customer_id=key, date=D, prs_generated=2, prs_merged=1, **own) for key in keys
    )
    Feedback.objects.bulk_create(Feedback(id=f"f{key}", customer_id=key, date=D, nps=9, **own) for key in keys)
    Event.objects.bulk_create(
        Event(id=f"v{key}", customer_id=key, date=D, kind="account_created", **own) for key in keys
    )


def _queries_of_scoring() -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        score_day(D)
    return [query["sql"] for query in captured.captured_queries]


def test_the_number_of_queries_does_not_depend_on_the_number_of_customers() -> None:
    _make_program(0, 12)
    score_day(D)
    few = _queries_of_scoring()
    _make_program(12, 1_200)
    many = _queries_of_scoring()
    assert PortfolioDay.objects.get().total == 1_200
    # The last one is the entry in the audit, by which the pages see that a date was scored.
    assert len(few) == len(many) <= 19


# --- The command ------------------------------------------------------------------------------------------------


def score(*options: str) -> list[str]:
    """Run ``manage.py score``; its lines."""
    out = StringIO()
    call_command("score", *options, stdout=out)
    return out.getvalue().splitlines()


def refused(*options: str) -> tuple[int, str]:
    """Run ``manage.py score`` where it refuses; its exit code and message."""
    with pytest.raises(CommandError) as error:
        score(*options)
    return error.value.returncode, str(error.value)


def scored_dates() -> list[date]:
    """The dates that were scored, oldest first."""
    return list(PortfolioDay.objects.order_by("date").values_list("date", flat=True))


def test_the_command_scores_the_newest_engagement_date() -> None:
    make_acme()
    assert score() == ["2025-05-07: 1 customers, 1 at risk", "Scored 1 date: 2025-05-07."]
    assert scored_dates() == [date(2025, 5, 7)]


@pytest.mark.usefixtures("today")
def test_the_default_is_never_after_today() -> None:
    acme = make_acme()
    make_engagement(acme, date(2025, 5, 13), issues_tagged=1)
    assert score()[-1] == "Scored 1 date: 2025-05-07."
    make_engagement(acme, date(2025, 5, 12), issues_tagged=1)
    assert score()[-1] == "Scored 1 date: 2025-05-12."


@pytest.mark.usefixtures("today")
def test_without_any_engagement_the_day_of_the_run_is_scored() -> None:
    make_customer()
    assert score()[-1] == "Scored 1 date: 2025-05-12."
    assert scored_dates() == [date(2025, 5, 12)]


def test_the_command_scores_a_given_date() -> None:
    make_acme()
    assert score("--as-of", "2025-05-10") == ["2025-05-10: 1 customers, 1 at risk", "Scored 1 date: 2025-05-10."]
    assert Snapshot.objects.get().score == 45


def test_the_command_scores_each_date_of_a_range() -> None:
    make_acme()
    assert score("--from", "2025-05-02", "--to", "2025-05-04") == [
        "2025-05-02: 0 customers, 0 at risk",
        "2025-05-03: 1 customers, 1 at risk",
        "2025-05-04: 1 customers, 1 at risk",
        "Scored 3 dates: 2025-05-02 to 2025-05-04.",
    ]
    assert scored_dates() == [date(2025, 5, 2), date(2025, 5, 3), date(2025, 5, 4)]


def test_a_range_may_be_one_date() -> None:
    assert score("--from", "2025-05-02", "--to", "2025-05-02")[-1] == "Scored 1 date: 2025-05-02."


@pytest.mark.usefixtures("today")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--as-of", "2025-05-10", "--from", "2025-05-01", "--to", "2025-05-02"], "not both"),
        (["--as-of", "2025-05-10", "--to", "2025-05-02"], "not both"),
        (["--from", "2025-05-02"], "go together"),
        (["--to", "2025-05-02"], "go together"),
        (["--from", "2025-05-03", "--to", "2025-05-02"], "--from 2025-05-03 is after --to 2025-05-02"),
        (["--as-of", "2025-05-13"], "2025-05-13 is in the future"),
        (["--from", "2025-05-10", "--to", "2025-05-13"], "2025-05-13 is in the future"),
        (["--as-of", "1999-12-31"], "No scoring policy is in force on 1999-12-31"),
    ],
)
def test_wrong_dates_are_refused_with_2_before_anything_is_scored(options: list[str], message: str) -> None:
    code, said = refused(*options)
    assert code == 2
    assert message in said
    assert scored_dates() == []


@pytest.mark.parametrize("options", [["--as-of", "10.05.2025"], ["--as-of", "2025-02-30"], ["--no-such-option"]])
def test_what_is_no_date_or_no_option_ends_with_2(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        ManagementUtility(["manage.py", "score", *options]).execute()
    assert stopped.value.code == 2
    assert options[-1] in capsys.readouterr().err


@pytest.fixture
def other_process() -> Iterator[None]:
    """Somebody else, with a database session of their own, is scoring."""
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with job_lock("score"):
                holding.set()
                done.wait(60)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(60)
    yield
    done.set()
    thread.join()


@pytest.mark.usefixtures("other_process")
def test_while_another_scoring_runs_the_command_ends_with_75() -> None:
    make_acme()
    assert refused() == (75, "Another scoring or an import is running; nothing was done.")
    assert scored_dates() == []


def test_the_lock_is_free_again_after_a_run_and_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    make_acme()
    score()
    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "day_totals", Mock(side_effect=RuntimeError("out of luck")))
        with pytest.raises(RuntimeError, match="out of luck"):
            score()
    assert score()[-1] == "Scored 1 date: 2025-05-07."
