"""Status and trend by metrics.md: every rule at its borders, worked out by hand, without a database."""

from datetime import date

import pytest

from analytics.models import HealthStatus, ScoringPolicy, Snapshot
from analytics.scoring.health_status import InactiveReason, active_from, inactive_reason, snapshot_inactive_reason
from customers.models import Customer
from tests.support.loading import STEPS
from tests.support.measures import LONG_AGO, scored, steps_on
from tests.support.scoring import D

# --- Status ---------------------------------------------------------------------------------------------------


FULL = {"active_days": 6, "window_prs_generated": 10, "window_prs_merged": 10, "window_support_requests": 6}
"""30 + 25 + 0 points; the steps and an NPS come on top."""
ACTIVE = {"active_days": 6, "window_support_requests": 6}
"""30 + 0 + 0 points."""


@pytest.mark.parametrize(
    ("values", "steps", "nps", "score", "status"),
    [
        (FULL, STEPS[1:], 10, 85, "champion"),
        (FULL, STEPS[1:], 9, 84, "healthy"),
        (FULL, STEPS[1:3], 5, 70, "healthy"),
        (FULL, STEPS[1:3], 4, 69, "needs_attention"),
        (ACTIVE, STEPS[1:3], 10, 50, "needs_attention"),
        (ACTIVE, STEPS[1:3], 9, 49, "at_risk"),
    ],
)
def test_the_score_decides_the_status(
    values: dict[str, int], steps: tuple[str, ...], nps: int, score: int, status: str
) -> None:
    health_ = scored(**values, step_dates=steps_on(D, *steps), nps_answer=nps)
    assert (health_.score, health_.status) == (score, status)


@pytest.mark.parametrize(
    ("csv_status", "status"),
    [
        ("active", "champion"),
        ("trial", "champion"),
        ("paused", "inactive"),
        ("inactive", "inactive"),
        ("churned", "inactive"),
    ],
)
def test_whoever_is_away_by_contract_is_inactive(csv_status: str, status: str) -> None:
    health_ = scored(**FULL, step_dates=steps_on(D, *STEPS), nps_answer=10, csv_status=csv_status)
    assert (health_.score, health_.status) == (85, status)


@pytest.mark.parametrize(
    ("signed_up", "last_active", "status"),
    [
        (date(2025, 1, 1), date(2025, 5, 10), "at_risk"),
        (date(2025, 1, 1), date(2025, 4, 27), "at_risk"),  # D - 13 is the first of the 14 days
        (date(2025, 1, 1), date(2025, 4, 26), "inactive"),  # D - 14
        (date(2025, 1, 1), None, "inactive"),
        (date(2025, 4, 26), None, "inactive"),
        (date(2025, 4, 26), date(2025, 4, 26), "inactive"),
        (date(2025, 4, 27), None, "at_risk"),  # signed up within the 14 days
        (date(2025, 4, 27), date(2025, 4, 20), "at_risk"),  # active before the signup alone
        (date(2025, 5, 10), None, "at_risk"),
    ],
)
def test_two_weeks_of_silence_are_inactive(signed_up: date, last_active: date | None, status: str) -> None:
    assert scored(signup_date=signed_up, last_active=last_active).status == status


@pytest.mark.parametrize(
    ("over", "signed_up", "last_active", "reason"),
    [
        (True, date(2025, 1, 1), D, InactiveReason.CONTRACT),
        (True, date(2025, 1, 1), None, InactiveReason.CONTRACT),
        (False, date(2025, 1, 1), date(2025, 4, 26), InactiveReason.SILENCE),  # D - 14
        (False, date(2025, 4, 26), None, InactiveReason.SILENCE),
        (False, date(2025, 4, 27), None, None),
        (False, date(2025, 1, 1), date(2025, 4, 27), None),
    ],
)
def test_inactive_by_contract_or_by_silence(
    over: bool, signed_up: date, last_active: date | None, reason: InactiveReason | None
) -> None:
    """A snapshot has no contract: one that is Inactive without silence is so by contract."""
    assert inactive_reason(over, last_active, signed_up, active_from(D, 14)) == reason
    if not over:
        customer, policy = Customer(signup_date=signed_up), ScoringPolicy(inactive_days=14)
        snapshot = Snapshot(date=D, customer=customer, policy=policy, last_active=last_active, status="inactive")
        assert snapshot_inactive_reason(snapshot) == (reason or InactiveReason.CONTRACT)


def test_silence_goes_before_the_score() -> None:
    silent = scored(
        window_prs_generated=1,
        window_prs_merged=1,
        step_dates=steps_on(LONG_AGO, *STEPS),
        nps_answer=10,
        last_active=date(2025, 4, 26),
    )
    assert (silent.score, silent.status) == (70, HealthStatus.INACTIVE)


# --- Trend ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "trend"),
    [
        (10, 12, "improving"),  # exactly +20 %
        (10, 11, "stable"),
        (10, 10, "stable"),
        (10, 9, "stable"),
        (10, 8, "declining"),  # exactly -20 %
        (1000, 1199, "stable"),
        (1000, 1200, "improving"),
        (1000, 801, "stable"),
        (1000, 800, "declining"),
        (7, 8, "stable"),  # +14.3 %
        (7, 9, "improving"),
        (7, 6, "stable"),
        (7, 5, "declining"),
        (1, 0, "declining"),
        (0, 1, "improving"),
        (0, 0, "stable"),
        (10_000_000_000_000_001, 12_000_000_000_000_001, "stable"),  # a hair less than +20 %
    ],
)
def test_the_week_is_compared_with_the_week_before(before: int, now: int, trend: str) -> None:
    assert scored(trend_before=before, trend_now=now).trend == trend


@pytest.mark.parametrize(
    ("moment", "trend"),
    [
        (0, "stable"),
        (4, "stable"),  # one more on the last day but one: a slope of 0.071
        (-4, "stable"),
        (6, "improving"),  # one more on the last day: 0.107
        (-6, "declining"),
    ],
)
def test_the_slope_decides_for_a_new_customer(moment: int, trend: str) -> None:
    new = scored(signup_date=date(2025, 5, 3), trend_moment=moment, trend_now=1)
    assert new.trend == trend


@pytest.mark.parametrize(("moment", "trend"), [(2, "stable"), (-2, "stable"), (4, "improving"), (-4, "declining")])
def test_a_slope_of_exactly_a_tenth_is_stable(moment: int, trend: str) -> None:
    # Over five days the slope is moment / 20; over seven it cannot be exactly 0.1.
    new = scored(ScoringPolicy(trend_days=5), signup_date=date(2025, 5, 3), trend_moment=moment, trend_now=1)
    assert new.trend == trend


@pytest.mark.parametrize(
    ("signed_up", "trend"),
    [
        (date(2025, 5, 10), "declining"),
        (date(2025, 4, 27), "declining"),  # 13 days before D
        (date(2025, 4, 26), "improving"),  # 14 days: the week before is whole
    ],
)
def test_the_slope_is_for_less_than_14_days(signed_up: date, trend: str) -> None:
    assert scored(signup_date=signed_up, trend_moment=-22, trend_now=7, trend_before=0).trend == trend
