"""What the health score is made of: a customer's measures, and the components that are computed from them.

A component is declared once, as a class below; its columns and its most points are in ``models/scoring.py``. Where
it needs a new measure, that is a field of ``Measures`` and an expression in ``measure_sql.py``. Every rule is one of
docs/metrics.md.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import ClassVar, NamedTuple

from analytics.models import ScoringPolicy, Snapshot
from analytics.rounding import half_up
from analytics.wording import counted, tenths
from customers.models import FeedName, Step

# Plain texts: a choice's hash and value are worked out anew each time, which is felt at 100,000 customers.
STEPS = tuple(step.value for step in Step)


class Measures(NamedTuple):
    """What the feeds say of one customer on date D.

    ``step_dates`` has the date each step was done for the steps whose flag is true (D may be before it).
    ``active_weeks`` has bit k set where week k after the signup (days 7 k to 7 k + 6) has an active day.
    ``all_dated`` is False where nothing dates a step: ``step_dates`` has the signup date for it.
    ``trend_now``, ``trend_before`` and ``trend_moment`` are of the activity: every counter but support requests. The
    moment is the sum over the trend's days of ``(2 x - (n - 1)) * activity`` for day x of n = 0 ... n - 1.
    """

    # As the statement has them, in any order.
    customer_id: str
    csv_status: str
    cohort: str
    blocker_type: str
    issues_tagged: int
    prs_generated: int
    prs_merged: int
    prs_rejected: int
    support_requests: int
    window_prs_generated: int
    window_prs_merged: int
    window_support_requests: int
    csat_sum: int
    csat_count: int
    nps_answer: int | None
    trend_now: int
    trend_before: int
    trend_moment: int
    # As ``measure`` works them out.
    signup_date: date
    completed_date: date | None
    step_dates: dict[str, date]
    days_active: int
    last_active: date | None
    active_days: int
    active_weeks: int = 0
    all_dated: bool = True


Scorer = Callable[[Measures, Mapping[str, bool]], int | None]
"""The points of a customer, by measures and steps done; None where the component is not available."""


@dataclass(frozen=True)
class RowsBehind:
    """The rows of a feed that a component was computed from: of the last ``days`` (None: of all), by ``lookups``."""

    feed: FeedName
    days: int | None = None
    lookups: Mapping[str, object] = field(default_factory=dict)


class ScoreComponent(ABC):
    """A part of the health score: ``name`` is its column of a snapshot and its key in files."""

    name: ClassVar[str]
    label: ClassVar[str]

    def maximum(self, policy: ScoringPolicy) -> int:
        """Return the most points of a policy."""
        return policy.maxima[self.name]

    def points(self, snapshot: Snapshot) -> int | None:
        """Return the points of a snapshot."""
        points: int | None = getattr(snapshot, self.name)
        return points

    @abstractmethod
    def scorer(self, policy: ScoringPolicy) -> Scorer:
        """Return the function that scores many customers by a policy."""

    @abstractmethod
    def definition(self, policy: ScoringPolicy) -> str:
        """Say to people what gives points by a policy."""

    @abstractmethod
    def inputs(self, snapshot: Snapshot) -> str:
        """Say what the points were computed from."""

    @abstractmethod
    def rows(self, snapshot: Snapshot) -> RowsBehind:
        """Return which rows the points were computed from."""

    @abstractmethod
    def time_passed(self, before: Measures, after: Measures, policy: ScoringPolicy) -> str:
        """Say what the passing days alone changed."""

    @abstractmethod
    def data_came(self, before: Measures, after: Measures) -> str:
        """Say what the new rows changed."""


class _Activity(ScoreComponent):
    name = "activity"
    label = "Activity level"

    def scorer(self, policy: ScoringPolicy) -> Scorer:
        points, most = policy.activity_points_per_day, policy.activity_max
        return lambda measures, _done: min(points * measures.active_days, most)

    def definition(self, policy: ScoringPolicy) -> str:
        points = counted(policy.activity_points_per_day, "point")
        return f"{points} for each active day in the last {policy.activity_days}, at most {policy.activity_max}."

    def inputs(self, snapshot: Snapshot) -> str:
        return f"{counted(snapshot.active_days, 'active day')} in the last {snapshot.policy.activity_days}"

    def rows(self, snapshot: Snapshot) -> RowsBehind:
        return RowsBehind(FeedName.ENGAGEMENT, snapshot.policy.activity_days)

    def time_passed(self, before: Measures, after: Measures, policy: ScoringPolicy) -> str:
        days = counted(before.active_days - after.active_days, "active day")
        return f"{days} passed out of the {policy.activity_days}-day window"

    def data_came(self, before: Measures, after: Measures) -> str:
        return counted(after.active_days - before.active_days, "new active day")


class _PrSuccess(ScoreComponent):
    name = "pr_success"
    label = "PR success rate"

    def scorer(self, policy: ScoringPolicy) -> Scorer:
        most = policy.pr_max

        def points(measures: Measures, _done: Mapping[str, bool]) -> int:
            merged, generated = measures.window_prs_merged, measures.window_prs_generated
            if not generated:
                return 0
            return half_up(most * merged, generated) if merged < generated else most

        return points

    def definition(self, policy: ScoringPolicy) -> str:
        rate = f"The share of generated PRs that were merged in the last {policy.pr_days} days"
        return f"{rate}: all of them give {counted(policy.pr_max, 'point')}."

    def inputs(self, snapshot: Snapshot) -> str:
        window = f"in the last {snapshot.policy.pr_days} days"
        if not snapshot.window_prs_generated:
            return f"no PR generated {window}"
        generated = counted(snapshot.window_prs_generated, "PR")
        return f"{snapshot.window_prs_merged} merged of {generated} generated {window}"

    def rows(self, snapshot: Snapshot) -> RowsBehind:
        return RowsBehind(FeedName.ENGAGEMENT, snapshot.policy.pr_days)

    def time_passed(self, before: Measures, after: Measures, policy: ScoringPolicy) -> str:
        change = f"merged PRs from {self._merged(before)} to {self._merged(after)}"
        return f"{change}, as days passed out of the {policy.pr_days}-day window"

    def data_came(self, before: Measures, after: Measures) -> str:
        return f"merged PRs from {self._merged(before)} to {self._merged(after)} with the new days"

    def _merged(self, measures: Measures) -> str:
        return f"{measures.window_prs_merged:,} of {measures.window_prs_generated:,}"


class _Adoption(ScoreComponent):
    name = "adoption"
    label = "Feature adoption"
    steps: ClassVar = {
        Step.ACCOUNT.value: "account",
        Step.ACTION.value: "GitHub Action",
        Step.FIRST_ISSUE.value: "first issue",
        Step.FIRST_PR.value: "first PR",
    }

    def scorer(self, policy: ScoringPolicy) -> Scorer:
        points, steps = policy.adoption_points_per_step, tuple(self.steps)
        return lambda _measures, done: points * sum([done[step] for step in steps])

    def definition(self, policy: ScoringPolicy) -> str:
        points = counted(policy.adoption_points_per_step, "point")
        return f"{points} for each of {len(self.steps)} steps: {', '.join(self.steps.values())}."

    def inputs(self, snapshot: Snapshot) -> str:
        done = [words for step, words in self.steps.items() if getattr(snapshot, step)]
        lacking = [words for step, words in self.steps.items() if not getattr(snapshot, step)]
        if not done:
            return f"none of {', '.join(lacking)} yet"
        return ", ".join(done) + (f"; not yet: {', '.join(lacking)}" if lacking else "")

    def rows(self, snapshot: Snapshot) -> RowsBehind:
        return RowsBehind(FeedName.ONBOARDING)

    def time_passed(self, before: Measures, after: Measures, policy: ScoringPolicy) -> str:
        return ""

    def data_came(self, before: Measures, after: Measures) -> str:
        done = [step.label for step in Step if step in after.step_dates and step not in before.step_dates]
        return f"{', '.join(done)} done"


class _Support(ScoreComponent):
    name = "support"
    label = "Support satisfaction"

    def scorer(self, policy: ScoringPolicy) -> Scorer:
        most = policy.support_max
        lost, parts = Fraction(policy.support_points_per_request).as_integer_ratio()

        def points(measures: Measures, _done: Mapping[str, bool]) -> int:
            if answers := measures.csat_count:
                return half_up(most * (measures.csat_sum - answers), 4 * answers)
            left = most * parts - lost * measures.window_support_requests
            return half_up(left, parts) if left > 0 else 0

        return points

    def definition(self, policy: ScoringPolicy) -> str:
        csat = (
            f"The average CSAT answer of the last {policy.csat_days} days: 5 of 5 gives {policy.support_max} points."
        )
        lost = f"{policy.support_points_per_request.normalize():f}"
        return f"{csat} Without one, {lost} points are lost for each support request in {policy.support_days} days."

    def inputs(self, snapshot: Snapshot) -> str:
        policy = snapshot.policy
        if snapshot.csat_count:
            mean = tenths(half_up(10 * snapshot.csat_sum, snapshot.csat_count))
            return f"average {mean} of 5 in {_csat(snapshot.csat_count)} in the last {policy.csat_days} days"
        requests = counted(snapshot.window_support_requests, "support request")
        return f"{requests} in the last {policy.support_days} days, no CSAT answer in {policy.csat_days}"

    def rows(self, snapshot: Snapshot) -> RowsBehind:
        policy = snapshot.policy
        if snapshot.csat_count:
            return RowsBehind(FeedName.FEEDBACK, policy.csat_days, {"csat__isnull": False})
        return RowsBehind(FeedName.ENGAGEMENT, policy.support_days, {"support_requests__gt": 0})

    def time_passed(self, before: Measures, after: Measures, policy: ScoringPolicy) -> str:
        if not before.csat_count:
            requests = counted(before.window_support_requests - after.window_support_requests, "support request")
            return f"{requests} passed out of the {policy.support_days}-day window"
        passed = f"{_csat(before.csat_count - after.csat_count)} passed out of the {policy.csat_days}-day window"
        return passed if after.csat_count else f"{passed}, so support requests count"

    def data_came(self, before: Measures, after: Measures) -> str:
        if not after.csat_count:
            return counted(after.window_support_requests - before.window_support_requests, "new support request")
        answers = counted(after.csat_count - before.csat_count, "new CSAT answer")
        return answers if before.csat_count else f"{answers}, so support requests no longer count"


def _csat(answers: int) -> str:
    return counted(answers, "CSAT answer")


class _Nps(ScoreComponent):
    name = "nps"
    label = "NPS score"

    def scorer(self, policy: ScoringPolicy) -> Scorer:
        most = policy.nps_max

        def points(measures: Measures, _done: Mapping[str, bool]) -> int | None:
            return None if measures.nps_answer is None else half_up(measures.nps_answer * most, 10)

        return points

    def definition(self, policy: ScoringPolicy) -> str:
        return (
            f"The newest NPS answer of the last {policy.nps_days} days: 10 gives {counted(policy.nps_max, 'point')}."
        )

    def inputs(self, snapshot: Snapshot) -> str:
        window = f"in the last {snapshot.policy.nps_days} days"
        return f"no answer {window}, counts 0" if snapshot.nps is None else f"the newest answer {window}"

    def rows(self, snapshot: Snapshot) -> RowsBehind:
        return RowsBehind(FeedName.FEEDBACK, snapshot.policy.nps_days, {"nps__isnull": False})

    def time_passed(self, before: Measures, after: Measures, policy: ScoringPolicy) -> str:
        return f"the answer {before.nps_answer} passed out of the {policy.nps_days}-day window"

    def data_came(self, before: Measures, after: Measures) -> str:
        instead = "" if before.nps_answer is None else f" in place of {before.nps_answer}"
        return f"a new answer, {after.nps_answer}{instead}"


COMPONENTS: tuple[ScoreComponent, ...] = (_Activity(), _PrSuccess(), _Adoption(), _Support(), _Nps())
"""In the order of the pages and the files."""
