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

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from analytics.models import ScoringPolicy, Snapshot
from analytics.rounding import half_up
from analytics.wording import counted, tenths
from customers.models import FeedName, Step
from customers.text.say import Words, say, say_n

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
    title: ClassVar[Words]

    @property
    def label(self) -> str:
        """What people call it, in the reader's language."""
        return str(self.title)

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
    title = _("Activity level")

    def scorer(self, policy: ScoringPolicy) -> Scorer:
        points, most = policy.activity_points_per_day, policy.activity_max
        return lambda measures, _done: min(points * measures.active_days, most)

    def definition(self, policy: ScoringPolicy) -> str:
        return say_n(
            "{number} point for each active day in the last {days}, at most {most}.",
            "{number} points for each active day in the last {days}, at most {most}.",
            policy.activity_points_per_day,
            days=policy.activity_days,
            most=policy.activity_max,
        )

    def inputs(self, snapshot: Snapshot) -> str:
        return say_n(
            "{number} active day in the last {days}",
            "{number} active days in the last {days}",
            snapshot.active_days,
            days=snapshot.policy.activity_days,
        )

    def rows(self, snapshot: Snapshot) -> RowsBehind:
        return RowsBehind(FeedName.ENGAGEMENT, snapshot.policy.activity_days)

    def time_passed(self, before: Measures, after: Measures, policy: ScoringPolicy) -> str:
        return say_n(
            "{number} active day passed out of the {days}-day window",
            "{number} active days passed out of the {days}-day window",
            before.active_days - after.active_days,
            days=policy.activity_days,
        )

    def data_came(self, before: Measures, after: Measures) -> str:
        return counted(after.active_days - before.active_days, "new active day")


class _PrSuccess(ScoreComponent):
    name = "pr_success"
    title = _("PR success rate")

    def scorer(self, policy: ScoringPolicy) -> Scorer:
        most = policy.pr_max

        def points(measures: Measures, _done: Mapping[str, bool]) -> int:
            merged, generated = measures.window_prs_merged, measures.window_prs_generated
            if not generated:
                return 0
            return half_up(most * merged, generated) if merged < generated else most

        return points

    def definition(self, policy: ScoringPolicy) -> str:
        return say_n(
            "The share of generated PRs that were merged in the last {days} days: all of them give {number} point.",
            "The share of generated PRs that were merged in the last {days} days: all of them give {number} points.",
            policy.pr_max,
            days=policy.pr_days,
        )

    def inputs(self, snapshot: Snapshot) -> str:
        if not snapshot.window_prs_generated:
            return say("no PR generated in the last {days} days", days=snapshot.policy.pr_days)
        return say_n(
            "{merged} merged of {number} PR generated in the last {days} days",
            "{merged} merged of {number} PRs generated in the last {days} days",
            snapshot.window_prs_generated,
            merged=snapshot.window_prs_merged,
            days=snapshot.policy.pr_days,
        )

    def rows(self, snapshot: Snapshot) -> RowsBehind:
        return RowsBehind(FeedName.ENGAGEMENT, snapshot.policy.pr_days)

    def time_passed(self, before: Measures, after: Measures, policy: ScoringPolicy) -> str:
        return say(
            "merged PRs from {merged_before} of {before} to {merged} of {generated},"
            " as days passed out of the {days}-day window",
            **self._merged(before, after),
            days=policy.pr_days,
        )

    def data_came(self, before: Measures, after: Measures) -> str:
        return say(
            "merged PRs from {merged_before} of {before} to {merged} of {generated} with the new days",
            **self._merged(before, after),
        )

    def _merged(self, before: Measures, after: Measures) -> dict[str, int]:
        return {
            "merged_before": before.window_prs_merged,
            "before": before.window_prs_generated,
            "merged": after.window_prs_merged,
            "generated": after.window_prs_generated,
        }


class _Adoption(ScoreComponent):
    name = "adoption"
    title = _("Feature adoption")
    steps: ClassVar = {
        Step.ACCOUNT.value: _("account"),
        Step.ACTION.value: _("GitHub Action"),
        Step.FIRST_ISSUE.value: _("first issue"),
        Step.FIRST_PR.value: _("first PR"),
    }

    def scorer(self, policy: ScoringPolicy) -> Scorer:
        points, steps = policy.adoption_points_per_step, tuple(self.steps)
        return lambda _measures, done: points * sum([done[step] for step in steps])

    def definition(self, policy: ScoringPolicy) -> str:
        return say_n(
            "{number} point for each of {steps} steps: {names}.",
            "{number} points for each of {steps} steps: {names}.",
            policy.adoption_points_per_step,
            steps=len(self.steps),
            names=", ".join(map(str, self.steps.values())),
        )

    def inputs(self, snapshot: Snapshot) -> str:
        done = ", ".join(str(words) for step, words in self.steps.items() if getattr(snapshot, step))
        lacking = ", ".join(str(words) for step, words in self.steps.items() if not getattr(snapshot, step))
        if not done:
            return say("none of {steps} yet", steps=lacking)
        return say("{done}; not yet: {lacking}", done=done, lacking=lacking) if lacking else done

    def rows(self, snapshot: Snapshot) -> RowsBehind:
        return RowsBehind(FeedName.ONBOARDING)

    def time_passed(self, before: Measures, after: Measures, policy: ScoringPolicy) -> str:
        return ""

    def data_came(self, before: Measures, after: Measures) -> str:
        done = [step.label for step in Step if step in after.step_dates and step not in before.step_dates]
        return say("{steps} done", steps=", ".join(done))


class _Support(ScoreComponent):
    name = "support"
    title = _("Support satisfaction")

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
        return say(
            "The average CSAT answer of the last {csat_days} days: 5 of 5 gives {most} points."
            " Without one, {lost} points are lost for each support request in {days} days.",
            csat_days=policy.csat_days,
            most=policy.support_max,
            lost=number_format(policy.support_points_per_request.normalize()),
            days=policy.support_days,
        )

    def inputs(self, snapshot: Snapshot) -> str:
        policy = snapshot.policy
        if snapshot.csat_count:
            return say_n(
                "average {mean} of 5 in {number} CSAT answer in the last {days} days",
                "average {mean} of 5 in {number} CSAT answers in the last {days} days",
                snapshot.csat_count,
                mean=tenths(half_up(10 * snapshot.csat_sum, snapshot.csat_count)),
                days=policy.csat_days,
            )
        return say_n(
            "{number} support request in the last {days} days, no CSAT answer in {csat_days}",
            "{number} support requests in the last {days} days, no CSAT answer in {csat_days}",
            snapshot.window_support_requests,
            days=policy.support_days,
            csat_days=policy.csat_days,
        )

    def rows(self, snapshot: Snapshot) -> RowsBehind:
        policy = snapshot.policy
        if snapshot.csat_count:
            return RowsBehind(FeedName.FEEDBACK, policy.csat_days, {"csat__isnull": False})
        return RowsBehind(FeedName.ENGAGEMENT, policy.support_days, {"support_requests__gt": 0})

    def time_passed(self, before: Measures, after: Measures, policy: ScoringPolicy) -> str:
        if not before.csat_count:
            return say_n(
                "{number} support request passed out of the {days}-day window",
                "{number} support requests passed out of the {days}-day window",
                before.window_support_requests - after.window_support_requests,
                days=policy.support_days,
            )
        if after.csat_count:
            return say_n(
                "{number} CSAT answer passed out of the {days}-day window",
                "{number} CSAT answers passed out of the {days}-day window",
                before.csat_count - after.csat_count,
                days=policy.csat_days,
            )
        return say_n(
            "{number} CSAT answer passed out of the {days}-day window, so support requests count",
            "{number} CSAT answers passed out of the {days}-day window, so support requests count",
            before.csat_count,
            days=policy.csat_days,
        )

    def data_came(self, before: Measures, after: Measures) -> str:
        if not after.csat_count:
            return counted(after.window_support_requests - before.window_support_requests, "new support request")
        if before.csat_count:
            return counted(after.csat_count - before.csat_count, "new CSAT answer")
        return say_n(
            "{number} new CSAT answer, so support requests no longer count",
            "{number} new CSAT answers, so support requests no longer count",
            after.csat_count,
        )


class _Nps(ScoreComponent):
    name = "nps"
    title = _("NPS score")

    def scorer(self, policy: ScoringPolicy) -> Scorer:
        most = policy.nps_max

        def points(measures: Measures, _done: Mapping[str, bool]) -> int | None:
            return None if measures.nps_answer is None else half_up(measures.nps_answer * most, 10)

        return points

    def definition(self, policy: ScoringPolicy) -> str:
        return say_n(
            "The newest NPS answer of the last {days} days: 10 gives {number} point.",
            "The newest NPS answer of the last {days} days: 10 gives {number} points.",
            policy.nps_max,
            days=policy.nps_days,
        )

    def inputs(self, snapshot: Snapshot) -> str:
        days = snapshot.policy.nps_days
        if snapshot.nps is None:
            return say("no answer in the last {days} days, counts 0", days=days)
        return say("the newest answer in the last {days} days", days=days)

    def rows(self, snapshot: Snapshot) -> RowsBehind:
        return RowsBehind(FeedName.FEEDBACK, snapshot.policy.nps_days, {"nps__isnull": False})

    def time_passed(self, before: Measures, after: Measures, policy: ScoringPolicy) -> str:
        answer = str(before.nps_answer)
        return say("the answer {answer} passed out of the {days}-day window", answer=answer, days=policy.nps_days)

    def data_came(self, before: Measures, after: Measures) -> str:
        answer = str(after.nps_answer)
        if before.nps_answer is None:
            return say("a new answer, {answer}", answer=answer)
        return say("a new answer, {answer} in place of {before}", answer=answer, before=before.nps_answer)


COMPONENTS: tuple[ScoreComponent, ...] = (_Activity(), _PrSuccess(), _Adoption(), _Support(), _Nps())
"""In the order of the pages and the files."""
