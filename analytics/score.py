"""Pure maths: a customer's measures and a policy give components, score, status, trend and stage.

Every rule is one of metrics.md; points are rounded half up, and the score is the sum of the points shown.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from analytics.models import HealthStatus, ScoringPolicy, Stage, Trend
from customers.models import Customer, Step

AWAY = frozenset({Customer.Status.PAUSED, Customer.Status.INACTIVE, Customer.Status.CHURNED})
ADOPTED = (Step.ACCOUNT, Step.ACTION, Step.FIRST_ISSUE, Step.FIRST_PR)
WEEKS_FOR_TREND = 2


@dataclass(frozen=True, slots=True)
class Measures:
    """What the feeds say of one customer on date D.

    ``step_dates`` has the date each step was done for the steps whose flag is true (D may be before it).
    ``active_weeks`` has bit k set where week k after the signup (days 7 k to 7 k + 6) has an active day.
    ``trend_moment`` is the sum over the trend's days of ``(2 x - (n - 1)) * activity`` for day x of n = 0 ... n - 1.
    """

    customer_id: str
    csv_status: str
    signup_date: date
    completed_date: date | None
    blocker_type: str
    step_dates: dict[str, date]
    issues_tagged: int
    prs_generated: int
    prs_merged: int
    prs_rejected: int
    support_requests: int
    days_active: int
    last_active: date | None
    active_days: int
    window_prs_generated: int
    window_prs_merged: int
    window_support_requests: int
    csat_sum: int
    csat_count: int
    nps: int | None
    trend_now: int
    trend_before: int
    trend_moment: int
    cohort: str = ""
    active_weeks: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """The score of one customer on one date, and what the pages say with it."""

    score: int
    status: HealthStatus
    trend: Trend
    stage: Stage
    activity: int
    pr_success: int
    adoption: int
    support: int
    nps: int | None
    steps: dict[str, bool]
    onboarded: bool
    completed_on: date | None
    days_to_complete: int | None


def health(measures: Measures, policy: ScoringPolicy, day: date) -> Health:
    """Score one customer on ``day``."""
    steps = {step.value: _done_by(measures.step_dates.get(step.value), day) for step in Step}
    completed_on = _completed_on(measures, steps, day)
    onboarded = completed_on is not None
    activity = min(policy.activity_points_per_day * measures.active_days, policy.activity_max)
    pr_success = _pr_success(measures, policy)
    adoption = policy.adoption_points_per_step * sum(steps[step] for step in ADOPTED)
    support = _support(measures, policy)
    nps = None if measures.nps is None else half_up(Fraction(measures.nps * policy.nps_max, 10))
    score = activity + pr_success + adoption + support + (nps or 0)
    return Health(
        score=score,
        status=_status(measures, policy, day, score),
        trend=_trend(measures, policy, day),
        stage=_stage(steps, onboarded),
        activity=activity,
        pr_success=pr_success,
        adoption=adoption,
        support=support,
        nps=nps,
        steps=steps,
        onboarded=onboarded,
        completed_on=completed_on,
        days_to_complete=(completed_on - measures.signup_date).days if completed_on else None,
    )


def half_up(points: Fraction) -> int:
    """Round to whole points, halves up."""
    return math.floor(points + Fraction(1, 2))


def _done_by(done: date | None, day: date) -> bool:
    return done is not None and done <= day


def _completed_on(measures: Measures, steps: dict[str, bool], day: date) -> date | None:
    if _done_by(measures.completed_date, day):
        return measures.completed_date
    return max(measures.step_dates.values()) if all(steps.values()) else None


def _pr_success(measures: Measures, policy: ScoringPolicy) -> int:
    if not measures.window_prs_generated:
        return 0
    points = Fraction(policy.pr_max * measures.window_prs_merged, measures.window_prs_generated)
    return half_up(min(points, Fraction(policy.pr_max)))


def _support(measures: Measures, policy: ScoringPolicy) -> int:
    if measures.csat_count:
        above_one = measures.csat_sum - measures.csat_count
        return half_up(Fraction(policy.support_max * above_one, 4 * measures.csat_count))
    lost = Fraction(policy.support_points_per_request) * measures.window_support_requests
    return half_up(max(policy.support_max - lost, Fraction(0)))


def _status(measures: Measures, policy: ScoringPolicy, day: date, score: int) -> HealthStatus:
    window_start = day - timedelta(days=policy.inactive_days - 1)
    silent = measures.last_active is None or measures.last_active < window_start
    if measures.csv_status in AWAY or (silent and measures.signup_date < window_start):
        return HealthStatus.INACTIVE
    if score >= policy.champion_from:
        return HealthStatus.CHAMPION
    if score >= policy.healthy_from:
        return HealthStatus.HEALTHY
    if score >= policy.needs_attention_from:
        return HealthStatus.NEEDS_ATTENTION
    return HealthStatus.AT_RISK


def _trend(measures: Measures, policy: ScoringPolicy, day: date) -> Trend:
    if (day - measures.signup_date).days < WEEKS_FOR_TREND * policy.trend_days:
        days = policy.trend_days
        change = Fraction(6 * measures.trend_moment, days * (days * days - 1))
        least = Fraction(policy.trend_slope)
    else:
        before = measures.trend_before
        change = Fraction(measures.trend_now - before)
        if not before:
            return Trend.IMPROVING if change else Trend.STABLE
        least = Fraction(before * policy.trend_percent, 100)
        if change >= least:
            return Trend.IMPROVING
        return Trend.DECLINING if change <= -least else Trend.STABLE
    if change > least:
        return Trend.IMPROVING
    return Trend.DECLINING if change < -least else Trend.STABLE


def _stage(steps: dict[str, bool], onboarded: bool) -> Stage:
    if onboarded:
        return Stage.REGULAR_USAGE
    if steps[Step.FIRST_ISSUE]:
        return Stage.INITIAL_ADOPTION
    if steps[Step.ACCOUNT] or steps[Step.ACTION]:
        return Stage.ONBOARDING
    return Stage.NEW_SIGNUP
