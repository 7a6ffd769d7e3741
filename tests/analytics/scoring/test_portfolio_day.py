"""What is stored of the portfolio on a scored date."""

from datetime import date
from typing import Any

import pytest
from django.utils import timezone

from analytics.models import PortfolioDay, ScoringPolicy, Snapshot
from analytics.portfolio.figures import health_distribution, onboarding_progress
from analytics.portfolio.kpis import summary
from analytics.scoring.snapshots import score_day
from tests.factories import make_customer, make_engagement, make_onboarding
from tests.support.scoring import D, days_before, make_acme, rows_of

pytestmark = pytest.mark.django_db


def make_portfolio() -> None:
    """A customer of each status, one who is new, and one who is to come."""
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


SCORES = {
    "champion": 90,
    "healthy": 70,
    "needs_attention": 50,
    "at_risk": 20,
    "new": 15,
    "churned": 5 + 0 + 5 + 10,
}
FIGURES: dict[str, Any] = {
    "date": D,
    "last_run": 0,
    "last_api_run": 0,
    "so_far": 0,
    "backfilled": False,
    "stale": False,
    "urgency_stored": True,
    "urgency_before": None,
    "milestones_stored": True,
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
"""What is stored of that portfolio, its policy and moment aside."""


def test_the_figures_of_the_portfolio() -> None:
    make_portfolio()
    before = timezone.now()
    score_day(D)

    assert dict(Snapshot.objects.values_list("customer", "score")) == SCORES
    [portfolio] = PortfolioDay.objects.values()
    assert portfolio.pop("scored_at") >= before
    assert portfolio == {**FIGURES, "policy_id": ScoringPolicy.objects.get().pk, "segment_policies": {}}
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
