"""The pure maths of metrics.md: every rule at its borders, worked out by hand, without a database."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from analytics.models import HealthStatus, ScoringPolicy, Snapshot, Stage, Trend
from analytics.rounding import half_up
from analytics.scoring.components import Measures
from analytics.scoring.health_status import InactiveReason, active_from, inactive_reason, snapshot_inactive_reason
from analytics.scoring.score import Health, health
from customers.models import Customer

D = date(2025, 5, 10)
LONG_AGO = date(2025, 1, 1)
STEPS = (
    "welcome_email_sent",
    "account_created",
    "github_action_installed",
    "first_issue_tagged",
    "first_pr_generated",
)


def days_before(days: int) -> date:
    """D - days."""
    return D - timedelta(days=days)


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


# --- Components -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "rounded"),
    [
        (Fraction(0), 0),
        (Fraction(49, 100), 0),
        (Fraction(1, 2), 1),
        (Fraction(5, 2), 3),
        (Fraction(15, 2), 8),
        (Fraction(25, 2), 13),
        (Fraction(1249, 100), 12),
        (Fraction(13), 13),
    ],
)
def test_halves_go_up(points: Fraction, rounded: int) -> None:
    assert half_up(*points.as_integer_ratio()) == rounded


@pytest.mark.parametrize(
    ("active_days", "points"), [(0, 0), (1, 5), (2, 10), (3, 15), (4, 20), (5, 25), (6, 30), (7, 30)]
)
def test_each_active_day_is_5_points_up_to_30(active_days: int, points: int) -> None:
    assert scored(active_days=active_days).points["activity"] == points


@pytest.mark.parametrize(
    ("generated", "merged", "points"),
    [
        (0, 0, 0),
        (0, 3, 0),  # merged without any generated: nothing to divide by
        (7, 0, 0),
        (51, 1, 0),  # 0.49
        (50, 1, 1),  # 0.5
        (10, 3, 8),  # 7.5
        (3, 1, 8),  # 8.33
        (2, 1, 13),  # 12.5
        (3, 2, 17),  # 16.67
        (1000, 979, 24),  # 24.475
        (100, 98, 25),  # 24.5
        (4, 4, 25),
        (4, 5, 25),  # a merge of an earlier window's PR
        (1, 1000, 25),
        (6_442_450_941, 6_442_450_941, 25),
    ],
)
def test_pr_success_is_25_times_merged_of_generated(generated: int, merged: int, points: int) -> None:
    assert scored(window_prs_generated=generated, window_prs_merged=merged).points["pr_success"] == points


def test_pr_success_counts_the_window_not_the_totals() -> None:
    health_ = scored(prs_generated=10, prs_merged=10, window_prs_generated=4, window_prs_merged=1)
    assert health_.points["pr_success"] == 6  # 6.25


@pytest.mark.parametrize(
    ("steps", "points"),
    [
        ((), 0),
        (("welcome_email_sent",), 0),
        (("account_created",), 5),
        (("github_action_installed",), 5),
        (("first_issue_tagged",), 5),
        (("first_pr_generated",), 5),
        (("account_created", "github_action_installed", "first_issue_tagged"), 15),
        (STEPS, 20),
    ],
)
def test_adoption_is_5_points_for_each_of_four_steps(steps: tuple[str, ...], points: int) -> None:
    assert scored(step_dates=steps_on(D, *steps)).points["adoption"] == points


def test_a_step_of_tomorrow_adopts_nothing_yet() -> None:
    step_dates = {"account_created": D, "github_action_installed": days_before(-1)}
    assert scored(step_dates=step_dates).points["adoption"] == 5


@pytest.mark.parametrize(
    ("requests", "points"),
    [
        (0, 15),
        (1, 13),  # 12.5
        (2, 10),
        (3, 8),  # 7.5
        (4, 5),
        (5, 3),  # 2.5
        (6, 0),
        (7, 0),
        (6_442_450_941, 0),
    ],
)
def test_without_csat_each_support_request_takes_two_and_a_half_points(requests: int, points: int) -> None:
    assert scored(window_support_requests=requests).points["support"] == points


@pytest.mark.parametrize(
    ("ratings", "points"),
    [
        ([1], 0),
        ([2], 4),  # 3.75
        ([3], 8),  # 7.5
        ([4], 11),  # 11.25
        ([5], 15),
        ([1, 2], 2),  # mean 1.5: 1.875
        ([1, 1, 2], 1),  # mean 1.33: 1.25
        ([4, 5], 13),  # mean 4.5: 13.125
        ([4, 4, 5], 13),  # mean 4.33: 12.5
        ([5, 5, 4], 14),  # mean 4.67: 13.75
    ],
)
def test_with_csat_its_mean_decides(ratings: list[int], points: int) -> None:
    assert scored(csat_sum=sum(ratings), csat_count=len(ratings)).points["support"] == points


@pytest.mark.parametrize(("csat", "requests", "points"), [(1, 0, 0), (5, 6, 15), (3, 1, 8)])
def test_csat_goes_before_support_requests(csat: int, requests: int, points: int) -> None:
    assert scored(csat_sum=csat, csat_count=1, window_support_requests=requests).points["support"] == points


@pytest.mark.parametrize(("nps", "points"), [(None, None), (0, 0), (1, 1), (6, 6), (10, 10)])
def test_nps_is_its_own_points_and_absent_without_an_answer(nps: int | None, points: int | None) -> None:
    assert scored(nps_answer=nps).points["nps"] == points


def test_an_absent_nps_counts_0() -> None:
    assert scored(nps_answer=None).score == scored(nps_answer=0).score == 15


def test_the_score_is_the_sum_of_the_points_shown() -> None:
    health_ = scored(
        active_days=3,
        window_prs_generated=2,
        window_prs_merged=1,
        window_support_requests=1,
        step_dates=steps_on(D, "account_created"),
        nps_answer=7,
    )
    shown = tuple(health_.points.values())
    assert shown == (15, 13, 5, 13, 7)
    assert health_.score == 53  # the exact points add up to 52


def test_the_best_and_the_worst_score() -> None:
    best = scored(
        active_days=7,
        window_prs_generated=9,
        window_prs_merged=9,
        csat_sum=10,
        csat_count=2,
        step_dates=steps_on(D, *STEPS),
        nps_answer=10,
    )
    assert (best.score, best.status) == (100, HealthStatus.CHAMPION)
    worst = scored(window_support_requests=6)
    assert (worst.score, worst.status) == (0, HealthStatus.AT_RISK)


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


# --- Stage and onboarding -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "stage"),
    [
        ((), "new_signup"),
        (("welcome_email_sent",), "new_signup"),
        (("first_pr_generated",), "new_signup"),
        (("account_created",), "onboarding"),
        (("github_action_installed",), "onboarding"),
        (("first_issue_tagged",), "initial_adoption"),
        (STEPS[:4], "initial_adoption"),
        (STEPS, "regular_usage"),
    ],
)
def test_the_stage_follows_the_steps(steps: tuple[str, ...], stage: str) -> None:
    assert scored(step_dates=steps_on(D, *steps)).stage == stage


def test_a_completed_customer_uses_regularly_whatever_the_steps_say() -> None:
    assert scored(completed_date=D).stage == Stage.REGULAR_USAGE
    assert scored(completed_date=days_before(-1)).stage == Stage.NEW_SIGNUP


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ("first_issue_tagged", "onboarding", "initial_adoption"),
        ("first_pr_generated", "initial_adoption", "regular_usage"),
    ],
)
def test_a_stage_begins_on_the_day_of_its_step(step: str, before: str, after: str) -> None:
    done = steps_on(LONG_AGO, *STEPS[: STEPS.index(step)])
    assert scored(step_dates={**done, step: date(2025, 5, 11)}).stage == before
    assert scored(step_dates={**done, step: date(2025, 5, 10)}).stage == after


def test_the_steps_that_count_are_those_done_by_the_date() -> None:
    step_dates = {
        "welcome_email_sent": LONG_AGO,
        "account_created": date(2025, 5, 10),
        "github_action_installed": date(2025, 5, 11),
    }
    assert scored(step_dates=step_dates).steps == {
        "welcome_email_sent": True,
        "account_created": True,
        "github_action_installed": False,
        "first_issue_tagged": False,
        "first_pr_generated": False,
    }


LAST_STEP_TODAY = {**steps_on(date(2025, 5, 2), *STEPS), "account_created": D}
LAST_STEP_TOMORROW = {**steps_on(date(2025, 5, 2), *STEPS), "account_created": date(2025, 5, 11)}


@pytest.mark.parametrize(
    ("completed_date", "step_dates", "completed_on", "days"),
    [
        (None, {}, None, None),
        (None, steps_on(date(2025, 5, 2), *STEPS[:4]), None, None),
        (date(2025, 5, 10), {}, date(2025, 5, 10), 9),
        (date(2025, 5, 11), {}, None, None),
        (date(2025, 5, 1), {}, date(2025, 5, 1), 0),
        (None, LAST_STEP_TODAY, date(2025, 5, 10), 9),
        (None, LAST_STEP_TOMORROW, None, None),
        (date(2025, 5, 4), LAST_STEP_TODAY, date(2025, 5, 4), 3),  # the stated date goes before the steps'
        (date(2025, 5, 4), LAST_STEP_TOMORROW, date(2025, 5, 4), 3),
        (date(2025, 5, 11), LAST_STEP_TODAY, date(2025, 5, 10), 9),  # the stated date is still to come
    ],
)
def test_onboarded_by_the_stated_date_or_by_the_last_step(
    completed_date: date | None, step_dates: dict[str, date], completed_on: date | None, days: int | None
) -> None:
    signed_up = date(2025, 5, 1)
    health_ = scored(signup_date=signed_up, completed_date=completed_date, step_dates=step_dates)
    assert (health_.completed_on, health_.days_to_complete) == (completed_on, days)
    assert health_.onboarded is (completed_on is not None)


@pytest.mark.parametrize(
    ("completed_date", "steps", "onboarded", "completed_on"),
    [
        (None, STEPS, True, None),
        (None, STEPS[:4], False, None),
        (date(2025, 5, 4), STEPS, True, date(2025, 5, 4)),  # stated, so it is known
        (date(2025, 5, 11), STEPS, True, None),
    ],
)
def test_the_day_is_not_known_where_nothing_dates_a_step(
    completed_date: date | None, steps: tuple[str, ...], onboarded: bool, completed_on: date | None
) -> None:
    health_ = scored(
        signup_date=date(2025, 5, 1),
        completed_date=completed_date,
        step_dates=steps_on(date(2025, 5, 1), *steps),
        all_dated=False,
    )
    assert (health_.onboarded, health_.completed_on) == (onboarded, completed_on)
    assert (health_.days_to_complete is None) is (completed_on is None)
    assert health_.stage == ("regular_usage" if onboarded else "initial_adoption")


# --- The whole ------------------------------------------------------------------------------------------------


def test_the_golden_case_acme() -> None:
    acme = scored(
        signup_date=date(2025, 5, 3),
        blocker_type="github_permissions",
        step_dates=steps_on(date(2025, 5, 5), *STEPS[:4]),
        issues_tagged=5,
        support_requests=2,
        days_active=4,
        last_active=date(2025, 5, 7),
        active_days=4,
        window_support_requests=2,
        trend_now=7,
        # 1, 3, 2, 1 on the first four of seven days: -6 x 1 - 4 x 3 - 2 x 2 + 0 x 1, a slope of -0.39 a day
        trend_moment=-22,
    )
    assert acme == Health(
        score=45,
        status=HealthStatus.AT_RISK,
        trend=Trend.DECLINING,
        stage=Stage.INITIAL_ADOPTION,
        points={"activity": 20, "pr_success": 0, "adoption": 15, "support": 10, "nps": None},
        steps={
            "welcome_email_sent": True,
            "account_created": True,
            "github_action_installed": True,
            "first_issue_tagged": True,
            "first_pr_generated": False,
        },
        onboarded=False,
        completed_on=None,
        days_to_complete=None,
    )


# --- Everything comes from the policy ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "values", "component", "default", "changed"),
    [
        ({"activity_points_per_day": 4}, {"active_days": 3}, "activity", 15, 12),
        ({"activity_max": 20}, {"active_days": 6}, "activity", 30, 20),
        ({"pr_max": 35}, {"window_prs_generated": 2, "window_prs_merged": 1}, "pr_success", 13, 18),
        ({"pr_max": 35}, {"window_prs_generated": 1, "window_prs_merged": 2}, "pr_success", 25, 35),
        ({"adoption_points_per_step": 2}, {"step_dates": steps_on(D, *STEPS)}, "adoption", 20, 8),
        ({"support_max": 20}, {"window_support_requests": 1}, "support", 13, 18),
        ({"support_max": 20}, {"csat_sum": 3, "csat_count": 1}, "support", 8, 10),
        ({"support_points_per_request": "0.7"}, {"window_support_requests": 5}, "support", 3, 12),
        ({"nps_max": 5}, {"nps_answer": 7}, "nps", 7, 4),
        ({"champion_from": 16}, {}, "status", "at_risk", "at_risk"),
        ({"champion_from": 15}, {}, "status", "at_risk", "champion"),
        ({"healthy_from": 15}, {}, "status", "at_risk", "healthy"),
        ({"needs_attention_from": 15}, {}, "status", "at_risk", "needs_attention"),
        ({"inactive_days": 2}, {"last_active": date(2025, 5, 8)}, "status", "at_risk", "inactive"),
        ({"inactive_days": 3}, {"last_active": date(2025, 5, 8)}, "status", "at_risk", "at_risk"),
        ({"trend_percent": 21}, {"trend_before": 100, "trend_now": 120}, "trend", "improving", "stable"),
        ({"trend_percent": 5}, {"trend_before": 100, "trend_now": 95}, "trend", "stable", "declining"),
        ({"trend_slope": "0.2"}, {"signup_date": D, "trend_moment": 6}, "trend", "improving", "stable"),
        ({"trend_slope": "0.05"}, {"signup_date": D, "trend_moment": -4}, "trend", "stable", "declining"),
        (
            {"trend_days": 3},
            {"signup_date": date(2025, 5, 4), "trend_now": 1, "trend_moment": -22},
            "trend",
            "declining",
            "improving",
        ),
    ],
)
def test_the_policy_decides(
    policy: dict[str, Any], values: dict[str, Any], component: str, default: Any, changed: Any
) -> None:
    before, after = scored(**values), scored(ScoringPolicy(**policy), **values)
    assert (before.points | before._asdict())[component] == default
    assert (after.points | after._asdict())[component] == changed
