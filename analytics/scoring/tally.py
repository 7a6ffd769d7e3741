"""The sums of a scored date, gathered customer by customer."""

from collections import Counter
from datetime import date

from analytics.models import HealthStatus
from analytics.scoring.cohort_days import Member
from analytics.scoring.components import STEPS
from analytics.scoring.measure import WEEKS
from analytics.scoring.snapshot_rows import ScoredCustomer
from customers.core.sql import Row

STORED = (
    *("last_active", "customer__cohort", "customer__signup_date", "score", "status", "onboarded", "days_to_complete"),
    *("prs_generated", "prs_merged", "active_weeks"),
    *STEPS,
)
"""The columns of a stored snapshot that are counted, as ``add_stored`` takes them."""


class Tally:
    """The portfolio's sums and the members of its cohorts, gathered customer by customer."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._tomorrow = day.toordinal() + 1
        self.members: list[Member] = []
        self._steps: Counter[tuple[bool, ...]] = Counter()
        self._last_active: Counter[date | None] = Counter()

    def add(self, scored: ScoredCustomer) -> None:
        """Count a customer who was scored just now."""
        _policy, measures, health = scored
        self._steps[tuple(health.steps.values())] += 1
        self._last_active[measures.last_active] += 1
        ended = self._ended(measures.signup_date)
        self.members.append(
            Member(
                measures.cohort,
                measures.signup_date,
                health.score,
                health.status,
                health.onboarded,
                health.days_to_complete,
                measures.prs_generated,
                measures.prs_merged,
                measures.active_weeks & (1 << ended) - 1,
                ended,
            )
        )

    def add_stored(self, row: Row) -> None:
        """Count a customer by its snapshot: the values of ``STORED``."""
        last_active, cohort, signup, score, status, onboarded, days, generated, merged, weeks, *steps = row
        self._steps[tuple(steps)] += 1
        self._last_active[last_active] += 1
        ended, status = self._ended(signup), HealthStatus(status)
        weeks &= (1 << ended) - 1
        self.members.append(Member(cohort, signup, score, status, onboarded, days, generated, merged, weeks, ended))

    def _ended(self, signup_date: date) -> int:
        return min((self._tomorrow - signup_date.toordinal()) // 7, WEEKS)

    def counts(self) -> dict[str, int]:
        """Return the sums of the day."""
        members = self.members
        days = [member.days for member in members if member.days is not None]
        statuses = [member.status for member in members]
        steps = {
            step: sum(number for done, number in self._steps.items() if done[index])
            for index, step in enumerate(STEPS)
        }
        return {
            "total": len(members),
            "active_today": self._last_active[self._day],
            "onboarded": sum([member.onboarded for member in members]),
            "days_known": len(days),
            "days_to_value": sum(days),
            "prs_generated": sum([member.generated for member in members]),
            "prs_merged": sum([member.merged for member in members]),
            **steps,
            **{status.value: statuses.count(status) for status in HealthStatus},
        }
