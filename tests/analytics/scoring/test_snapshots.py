"""What is stored of each customer on a scored date, and how many queries that takes."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import PortfolioDay, ScoringPolicy, Snapshot
from analytics.portfolio.figures import mean_days
from analytics.rounding import percent, success_rate
from analytics.scoring.measure import measure
from analytics.scoring.snapshots import score_day
from customers.models import Customer, Engagement, Event, Feedback, Onboarding
from tests.factories import make_customer, make_engagement, make_event, make_feedback, make_onboarding
from tests.support.scoring import D, make_acme, rows_of

pytestmark = pytest.mark.django_db

LARGEST = 2_147_483_647


# --- What a row says --------------------------------------------------------------------------------------------


ACME: dict[str, Any] = {
    "date": D,
    "customer_id": "c1001",
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
    "provisional_to": None,
}
"""What is stored of the golden case, its policy aside."""


def test_the_golden_case_acme() -> None:
    make_acme()
    score_day(D)
    assert rows_of(D) == [{**ACME, "policy_id": ScoringPolicy.objects.get().pk}]
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


def make_everything() -> None:
    """A customer with rows in every feed, and in each window."""
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


EVERYTHING: dict[str, Any] = {
    "date": D,
    "customer_id": "c1",
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
    "completed_on": None,  # nothing says when the welcome email was sent
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
    "provisional_to": None,
}
"""What is stored of that customer, its policy aside."""


def test_a_row_of_a_customer_that_has_everything() -> None:
    make_everything()
    score_day(D)
    assert rows_of(D) == [{**EVERYTHING, "policy_id": ScoringPolicy.objects.get().pk}]
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
    # Three ask for what the product reported after the date, and one who is told of scores. The last one is the entry
    # in the audit, by which the pages see that a date was scored. PostgreSQL is also told how to plan, and asked for
    # its months and how many customers there are. Fifteen more store who is to be acted on and who reached what.
    assert len(few) == len(many) <= 42
