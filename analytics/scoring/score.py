"""Pure maths: a customer's measures and a policy give components, score, status, trend and stage.

Every rule is one of docs/metrics.md; points are rounded half up, and the score is the sum of the points shown.
"""

from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from analytics.models import HealthStatus, ScoringPolicy, Stage, Trend
from customers.models import Customer, Step

# Plain texts: a choice's hash and value are worked out anew each time, which is felt at 100,000 customers.
_STATUS = Customer.Status
AWAY = frozenset(status.value for status in (_STATUS.PAUSED, _STATUS.INACTIVE, _STATUS.CHURNED))
STEPS = tuple(step.value for step in Step)
_ACCOUNT, _ACTION, _FIRST_ISSUE = Step.ACCOUNT.value, Step.ACTION.value, Step.FIRST_ISSUE.value
ADOPTED = (_ACCOUNT, _ACTION, _FIRST_ISSUE, Step.FIRST_PR.value)
WEEKS_FOR_TREND = 2


class Measures(NamedTuple):
    """What the feeds say of one customer on date D.

    ``step_dates`` has the date each step was done for the steps whose flag is true (D may be before it).
    ``active_weeks`` has bit k set where week k after the signup (days 7 k to 7 k + 6) has an active day.
    A step that nothing dates has the signup date there, and is why ``all_dated`` is not so.
    ``trend_now``, ``trend_before`` and ``trend_moment`` are of the activity: every counter but support requests. The
    moment is the sum over the trend's days of ``(2 x - (n - 1)) * activity`` for day x of n = 0 ... n - 1.
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
    all_dated: bool = True


class Health(NamedTuple):
    """The score of one customer on one date, and what the pages say with it.

    ``completed_on`` and ``days_to_complete`` are None for the onboarded, too, where the day is not known.
    """

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
    return Scoring(policy, day).health(measures)


def half_up(points: int, parts: int) -> int:
    """Round ``points / parts`` (``parts`` above 0) to whole points, halves up."""
    return (2 * points + parts) // (2 * parts)


class Scoring:
    """A policy on a day, made ready for many customers: plain whole numbers, and exact fractions as pairs of them."""

    def __init__(self, policy: ScoringPolicy, day: date) -> None:
        self._day = day
        self._activity_max = policy.activity_max
        self._activity_points = policy.activity_points_per_day
        self._pr_max = policy.pr_max
        self._adoption_points = policy.adoption_points_per_step
        self._support_max = policy.support_max
        self._request_points, self._request_parts = Fraction(policy.support_points_per_request).as_integer_ratio()
        self._nps_max = policy.nps_max
        self._champion_from = policy.champion_from
        self._healthy_from = policy.healthy_from
        self._needs_attention_from = policy.needs_attention_from
        self._active_from = day - timedelta(days=policy.inactive_days - 1)
        days = policy.trend_days
        self._full_trend_to = day - timedelta(days=WEEKS_FOR_TREND * days)
        self._trend_percent = policy.trend_percent
        # The slope is 6 x moment / (days x (days^2 - 1)).
        slope, parts = Fraction(policy.trend_slope).as_integer_ratio()
        self._moment_weight, self._least_moment = 6 * parts, slope * days * (days * days - 1)

    def health(self, measures: Measures) -> Health:
        """Score one customer."""
        day = self._day
        dates = measures.step_dates
        done = [step in dates and dates[step] <= day for step in STEPS]
        steps = dict(zip(STEPS, done, strict=True))
        completed_on = measures.completed_date
        onboarded = all(done) or (completed_on is not None and completed_on <= day)
        if completed_on is None or completed_on > day:
            completed_on = max(dates.values()) if onboarded and measures.all_dated else None
        activity = min(self._activity_points * measures.active_days, self._activity_max)
        pr_success = self._pr_success(measures.window_prs_merged, measures.window_prs_generated)
        adoption = self._adoption_points * sum([steps[step] for step in ADOPTED])
        support = self._support(measures)
        nps = None if measures.nps is None else half_up(measures.nps * self._nps_max, 10)
        score = activity + pr_success + adoption + support + (nps or 0)
        return Health(
            score,
            self._status(measures, score),
            self._trend(measures),
            _stage(steps, onboarded=onboarded),
            activity,
            pr_success,
            adoption,
            support,
            nps,
            steps,
            onboarded,
            completed_on,
            (completed_on - measures.signup_date).days if completed_on else None,
        )

    def _pr_success(self, merged: int, generated: int) -> int:
        if not generated:
            return 0
        return half_up(self._pr_max * merged, generated) if merged < generated else self._pr_max

    def _support(self, measures: Measures) -> int:
        if answers := measures.csat_count:
            return half_up(self._support_max * (measures.csat_sum - answers), 4 * answers)
        left = self._support_max * self._request_parts - self._request_points * measures.window_support_requests
        return half_up(left, self._request_parts) if left > 0 else 0

    def _status(self, measures: Measures, score: int) -> HealthStatus:
        silent = measures.last_active is None or measures.last_active < self._active_from
        if measures.csv_status in AWAY or (silent and measures.signup_date < self._active_from):
            return HealthStatus.INACTIVE
        if score >= self._champion_from:
            return HealthStatus.CHAMPION
        if score >= self._healthy_from:
            return HealthStatus.HEALTHY
        if score >= self._needs_attention_from:
            return HealthStatus.NEEDS_ATTENTION
        return HealthStatus.AT_RISK

    def _trend(self, measures: Measures) -> Trend:
        if measures.signup_date > self._full_trend_to:
            change, least = self._moment_weight * measures.trend_moment, self._least_moment
            steady = -least <= change <= least
        else:
            before = measures.trend_before
            change, least = 100 * (measures.trend_now - before), before * self._trend_percent
            # From nothing to something is a change, from nothing to nothing is none.
            steady = -least < change < least or not (before or change)
        if steady:
            return Trend.STABLE
        return Trend.IMPROVING if change >= 0 else Trend.DECLINING


def _stage(steps: dict[str, bool], *, onboarded: bool) -> Stage:
    if onboarded:
        return Stage.REGULAR_USAGE
    if steps[_FIRST_ISSUE]:
        return Stage.INITIAL_ADOPTION
    if steps[_ACCOUNT] or steps[_ACTION]:
        return Stage.ONBOARDING
    return Stage.NEW_SIGNUP
