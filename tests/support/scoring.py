"""What tests of scoring share: the date, the golden case, customers to measure, and what is stored."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from analytics.models import ScoringPolicy, Snapshot
from analytics.scoring.components import Measures
from analytics.scoring.measure import measure
from customers.models import Customer
from tests.factories import make_customer, make_engagement, make_onboarding

D = date(2025, 5, 10)
LONG_AGO = date(2024, 1, 1)
FIRST_POLICY = {
    "activity_max": 30,
    "activity_points_per_day": 5,
    "activity_days": 7,
    "pr_max": 25,
    "pr_days": 30,
    "adoption_points_per_step": 5,
    "support_max": 15,
    "support_points_per_request": Decimal("2.5"),
    "support_days": 30,
    "csat_days": 90,
    "nps_max": 10,
    "nps_days": 180,
    "champion_from": 85,
    "healthy_from": 70,
    "needs_attention_from": 50,
    "inactive_days": 14,
    "trend_days": 7,
    "trend_percent": 20,
    "trend_slope": Decimal("0.1"),
}
"""The numbers of the first policy, as metrics.md has them."""


def make_acme() -> Customer:
    """The golden case of metrics.md."""
    acme = make_customer(
        id="c1001",
        email="john@acme.com",
        organization="Acme Inc.",
        signup_date=date(2025, 5, 3),
        cohort="VIP",
        team_size=15,
    )
    make_onboarding(
        acme,
        welcome_email_sent=True,
        account_created=True,
        github_action_installed=True,
        first_issue_tagged=True,
        blocker_type="github_permissions",
        notes="Customer needs help with repository permissions",
    )
    make_engagement(acme, date(2025, 5, 4), support_requests=1)
    make_engagement(acme, date(2025, 5, 5), issues_tagged=3)
    make_engagement(acme, date(2025, 5, 6), issues_tagged=2)
    make_engagement(acme, date(2025, 5, 7), support_requests=1)
    return acme


def days_before(days: int) -> date:
    """D - days."""
    return D - timedelta(days=days)


def rows_of(day: date) -> list[dict[str, Any]]:
    """What is stored of each customer on a date, keys of the rows aside."""
    rows = list(Snapshot.objects.filter(date=day).order_by("customer").values())
    for row in rows:
        del row["id"]
    return rows


def measured(day: date = D, **policy: Any) -> Measures:
    """What is measured of the only customer."""
    [found] = measure(day, ScoringPolicy(**policy))
    return found


def old_customer(**overrides: Any) -> Customer:
    """A customer who signed up long before every window."""
    return make_customer(**{"signup_date": LONG_AGO, **overrides})
