"""What the tests of an export begin with."""

from datetime import date, timedelta

import pytest

from analytics.models import PortfolioDay
from analytics.scoring.snapshots import score_day
from customers.models import Customer
from tests.factories import make_customer, make_engagement, make_feedback, make_forecast, make_onboarding
from tests.support.scoring import D, make_acme


def make_champion() -> Customer:
    """A customer of 92 = 30 + 20 + 20 + 13 + 9 points.

    Activity: six of the seven days to D. PR success: 25 x 13 / 16 in the 30 days to D. Support: CSAT 4.5 in the mean.
    """
    best = make_customer(id="c1002", organization="Best Ltd", signup_date=date(2025, 4, 1), cohort="Beta")
    make_onboarding(
        best,
        welcome_email_sent=True,
        account_created=True,
        github_action_installed=True,
        first_issue_tagged=True,
        first_pr_generated=True,
        completed_date=date(2025, 4, 5),
        days_to_complete=4,
    )
    make_engagement(best, date(2025, 4, 2), issues_tagged=1, prs_generated=3, prs_merged=3)
    make_engagement(best, date(2025, 4, 28), issues_tagged=3, prs_generated=4, prs_merged=2)
    for day in range(5, 10):
        make_engagement(best, date(2025, 5, day), issues_tagged=1, prs_generated=2, prs_merged=2)
    make_engagement(best, D, issues_tagged=1, prs_generated=2, prs_merged=1)
    make_feedback(best, date(2025, 5, 1), csat=5, nps=6)
    make_feedback(best, date(2025, 5, 2), csat=4, nps=9)
    return best


@pytest.fixture
def program() -> PortfolioDay:
    """Acme, a champion and a customer with nothing yet, scored for D; the archive's order is that of the keys."""
    make_customer(id="c1003", organization="Aarhus Ø", signup_date=D)
    make_forecast(make_champion(), quiet=4)
    acme = make_acme()
    make_forecast(acme, quiet=715, first_pr=35)
    make_forecast(acme, date=D - timedelta(days=1), quiet=999, first_pr=999)
    return score_day(D)
