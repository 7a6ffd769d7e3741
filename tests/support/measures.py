"""Measures of a customer that no database has, and the health that they give."""

from datetime import date
from typing import Any

from analytics.models import ScoringPolicy
from analytics.scoring.components import Measures
from analytics.scoring.score import Health, health
from tests.support.scoring import D

LONG_AGO = date(2025, 1, 1)


def measures(**overrides: Any) -> Measures:
    """A customer of long standing that was active today, with nothing else to its name."""
    values: dict[str, Any] = {
        "customer_id": "c1",
        "csv_status": "active",
        "cohort": "",
        "signup_date": LONG_AGO,
        "completed_date": None,
        "blocker_type": "",
        "step_dates": {},
        "issues_tagged": 0,
        "prs_generated": 0,
        "prs_merged": 0,
        "prs_rejected": 0,
        "support_requests": 0,
        "days_active": 1,
        "last_active": D,
        "active_days": 0,
        "window_prs_generated": 0,
        "window_prs_merged": 0,
        "window_support_requests": 0,
        "csat_sum": 0,
        "csat_count": 0,
        "nps_answer": None,
        "trend_now": 0,
        "trend_before": 0,
        "trend_moment": 0,
        **overrides,
    }
    return Measures(**values)


def scored(policy: ScoringPolicy | None = None, **overrides: Any) -> Health:
    """The health of such a customer on D."""
    return health(measures(**overrides), policy or ScoringPolicy(), D)


def steps_on(day: date, *steps: str) -> dict[str, date]:
    """The dates of steps that were all done on one day."""
    return dict.fromkeys(steps, day)
