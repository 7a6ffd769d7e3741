"""The sums of a scored date: gathered customer by customer, or with some of its customers counted anew."""

from collections import Counter
from datetime import date

from analytics.models import CohortDay, HealthStatus, PortfolioDay, Snapshot
from analytics.scoring.cohort_days import EVERYBODY, CohortCounts, Group, GroupCount, Member, add_counts
from analytics.scoring.components import STEPS
from analytics.scoring.measure import WEEKS
from analytics.scoring.snapshot_rows import ScoredCustomer
from customers.core.limits import BATCH_SIZE
from customers.core.sql import Row
from customers.models import FeedName, ImportRun

STORED = (
    *("last_active", "customer__cohort", "customer__signup_date", "score", "status", "onboarded", "days_to_complete"),
    *("prs_generated", "prs_merged", "active_weeks"),
    *STEPS,
)
"""The columns of a stored snapshot that are counted, as ``add_stored`` takes them."""

_AT_ONCE = 5_000
"""So many members are counted together."""
_COUNTS = ("onboarded", "days_known", "days_to_value", "prs_generated", "prs_merged", *HealthStatus.values)
"""What the portfolio and the cohort of everyone count alike."""


class Tally:
    """The portfolio's sums and its cohorts, gathered customer by customer, of whom few are kept at a time."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._tomorrow = day.toordinal() + 1
        self._waiting: list[Member] = []
        self._cohorts = CohortCounts(day)
        self._steps: Counter[tuple[bool, ...]] = Counter()
        self._active_today = 0

    @property
    def cohorts(self) -> CohortCounts:
        """The cohorts of all who were added."""
        self._cohorts.add(self._waiting)
        self._waiting.clear()
        return self._cohorts

    def add(self, scored: ScoredCustomer) -> None:
        """Count a customer who was scored just now."""
        _policy, measures, health = scored
        self._steps[tuple(health.steps.values())] += 1
        self._active_today += measures.last_active == self._day
        ended = self._ended(measures.signup_date)
        self._add(
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
        self._active_today += last_active == self._day
        ended, status = self._ended(signup), HealthStatus(status)
        weeks &= (1 << ended) - 1
        self._add(Member(cohort, signup, score, status, onboarded, days, generated, merged, weeks, ended))

    def _add(self, member: Member) -> None:
        self._waiting.append(member)
        if len(self._waiting) == _AT_ONCE:
            self._cohorts.add(self._waiting)
            self._waiting.clear()

    def _ended(self, signup_date: date) -> int:
        return min((self._tomorrow - signup_date.toordinal()) // 7, WEEKS)

    def counts(self) -> dict[str, int]:
        """Return the sums of the day."""
        everybody = self.cohorts.of(EVERYBODY).row
        steps = {
            step: sum(number for done, number in self._steps.items() if done[index])
            for index, step in enumerate(STEPS)
        }
        counts = {name: getattr(everybody, name) for name in _COUNTS}
        return {"total": everybody.size, "active_today": self._active_today, **counts, **steps}


# --- Some customers anew ------------------------------------------------------------------------------------------


def can_recount(portfolio: PortfolioDay, customers: int) -> bool:
    """Return whether so few customers can be counted again by themselves.

    Not where their counts cannot be taken out, since erased customers are among them, or a customer may have another
    cohort or signup date by now. Where most of the customers are concerned, it is quicker to count all.
    """
    moved = ImportRun.objects.filter(feed=FeedName.CUSTOMERS, pk__gt=portfolio.last_run)
    counted = {"scope": ImportRun.Scope.PARTIAL, "pk__lte": portfolio.last_api_run}
    return not portfolio.erased and 2 * customers <= portfolio.total and not moved.exclude(**counted).exists()


def recount_portfolio(portfolio: PortfolioDay, before: Tally, after: Tally) -> dict[str, int]:
    """Return the date's sums, in which ``after`` takes the place of ``before``: the same customers."""
    gone = before.counts()
    return {name: getattr(portfolio, name) + number - gone[name] for name, number in after.counts().items()}


def recount_cohorts(day: date, before: CohortCounts, after: CohortCounts) -> None:
    """Store the cohorts of the date that some members are in, or were in ``before``, anew."""
    stored = {(row.by, row.name): row for row in CohortDay.objects.filter(date=day)}
    touched = sorted(before.found.keys() | after.found.keys())
    CohortDay.objects.filter(pk__in=[stored[key].pk for key in touched if key in stored]).delete()
    rows = (_recounted(day, key, stored.get(key), before.of(key), after.of(key)) for key in touched)
    CohortDay.objects.bulk_create((row for row in rows if row.size), batch_size=BATCH_SIZE)


def _recounted(day: date, key: Group, stored: CohortDay | None, before: GroupCount, after: GroupCount) -> CohortDay:
    """Return the row of a cohort, in which the members after take the place of those before."""
    here = stored or CohortCounts(day).of(key).row
    here.pk = None
    add_counts(here, after.row)
    add_counts(here, before.row, -1)
    # Each week has somebody who is old enough for it.
    while here.old_enough and not here.old_enough[-1]:
        here.old_enough.pop()
    here.weeks = here.weeks[: len(here.old_enough)]
    if before.days != after.days:
        here.middle_days = _middle_days(day, key, here.days_known)
    return here


def _middle_days(day: date, key: Group, known: int) -> int | None:
    """Return twice the median of the days to value of a cohort, of which so many are known."""
    if not known:
        return None
    by, name = key
    rows = Snapshot.objects.filter(date=day, days_to_complete__isnull=False)
    if by == CohortDay.By.COHORT:
        rows = rows.filter(customer__cohort=name)
    elif by == CohortDay.By.MONTH:
        year, month = map(int, name.split("-"))
        rows = rows.filter(customer__signup_date__year=year, customer__signup_date__month=month)
    days = rows.order_by("days_to_complete").values_list("days_to_complete", flat=True)
    middle = [number for number in days[(known - 1) // 2 : known // 2 + 1] if number is not None]
    return middle[0] + middle[-1]
