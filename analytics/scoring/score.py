"""Turn a customer's measures and a policy into score, status, trend and stage, without a query.

Every rule is one of docs/metrics.md; points are rounded half up, and the score is the sum of the points shown.
"""

from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from analytics.models import HealthStatus, ScoringPolicy, Stage, Trend
from analytics.scoring.components import COMPONENTS, STEPS, Measures
from analytics.scoring.health_status import active_from, inactive_reason
from customers.models import Customer, Step

# Plain texts, as those of STEPS.
_OVER = Customer.Status.over()
_ACCOUNT, _ACTION, _FIRST_ISSUE = Step.ACCOUNT.value, Step.ACTION.value, Step.FIRST_ISSUE.value
WEEKS_FOR_TREND = 2


OnboardingState = tuple[dict[str, bool], bool, date | None, Stage]
"""How far a customer is, whatever policy scores it: steps done, whether onboarded, since when if known, the stage.

A plain tuple, as one with names takes longer to make.
"""


def onboarding_state(measures: Measures, day: date) -> OnboardingState:
    """Return how far a customer is on ``day``."""
    dates = measures.step_dates
    steps = {step: step in dates and dates[step] <= day for step in STEPS}
    completed_on = measures.completed_date
    onboarded = all(steps.values()) or (completed_on is not None and completed_on <= day)
    if completed_on is None or completed_on > day:
        completed_on = max(dates.values()) if onboarded and measures.all_dated else None
    return steps, onboarded, completed_on, _stage(steps, onboarded=onboarded)


class Health(NamedTuple):
    """The score of one customer on one date, and what the pages say with it.

    ``completed_on`` and ``days_to_complete`` are None for the onboarded, too, where the day is not known.
    """

    score: int
    status: HealthStatus
    trend: Trend
    stage: Stage
    points: dict[str, int | None]
    steps: dict[str, bool]
    onboarded: bool
    completed_on: date | None
    days_to_complete: int | None


def health(measures: Measures, policy: ScoringPolicy, day: date) -> Health:
    """Score one customer on ``day``."""
    return Scoring(policy, day).health(measures, onboarding_state(measures, day))


class Scoring:
    """A policy on a day, made ready for many customers: in plain whole numbers."""

    def __init__(self, policy: ScoringPolicy, day: date) -> None:
        self._scorers = [(component.name, component.scorer(policy)) for component in COMPONENTS]
        self._champion_from = policy.champion_from
        self._healthy_from = policy.healthy_from
        self._needs_attention_from = policy.needs_attention_from
        self._active_from = active_from(day, policy.inactive_days)
        days = policy.trend_days
        self._full_trend_to = day - timedelta(days=WEEKS_FOR_TREND * days)
        self._trend_percent = policy.trend_percent
        # The slope is 6 x moment / (days x (days^2 - 1)).
        slope, parts = Fraction(policy.trend_slope).as_integer_ratio()
        self._moment_weight, self._least_moment = 6 * parts, slope * days * (days * days - 1)

    def health(self, measures: Measures, done: OnboardingState) -> Health:
        """Score one customer, of whom it is known how far it is."""
        steps, onboarded, completed_on, stage = done
        points = {name: scored(measures, steps) for name, scored in self._scorers}
        score = sum(filter(None, points.values()))
        # By their places, which takes half as long as by their names.
        return Health(
            score,
            self._status(measures, score),
            self._trend(measures),
            stage,
            points,
            steps,
            onboarded,
            completed_on,
            (completed_on - measures.signup_date).days if completed_on else None,
        )

    def _status(self, measures: Measures, score: int) -> HealthStatus:
        over = measures.csv_status in _OVER
        if inactive_reason(over, measures.last_active, measures.signup_date, self._active_from):
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
