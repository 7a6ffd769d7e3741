"""The score by metrics.md: every component at its borders, worked out by hand, without a database."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from analytics.models import HealthStatus, ScoringPolicy, Stage, Trend
from analytics.rounding import half_up
from analytics.scoring.components import COMPONENTS
from analytics.scoring.score import Health
from tests.support.loading import STEPS
from tests.support.measures import scored, steps_on
from tests.support.scoring import D, days_before

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


def test_each_component_says_what_gives_points_by_its_policy() -> None:
    policy = ScoringPolicy(activity_points_per_day=4, support_points_per_request=Decimal("2.50"))
    assert [component.definition(policy) for component in COMPONENTS] == [
        "4 points for each active day in the last 7, at most 30.",
        "The share of generated PRs that were merged in the last 30 days: all of them give 25 points.",
        "5 points for each of 4 steps: account, GitHub Action, first issue, first PR.",
        "The average CSAT answer of the last 90 days: 5 of 5 gives 15 points. "
        "Without one, 2.5 points are lost for each support request in 30 days.",
        "The newest NPS answer of the last 180 days: 10 gives 10 points.",
    ]
