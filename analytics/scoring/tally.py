"""The sums of a scored date: gathered customer by customer, or with some of its customers counted anew."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import zip_longest

from analytics.models import CohortDay, HealthStatus, PortfolioDay, Snapshot
from analytics.scoring.cohort_days import Group, Member, count_group, grouped
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

_SUMS = ("size", "onboarded", "days_known", "days_to_value", "score_sum", "prs_generated", "prs_merged")
_ADDED_UP = (*_SUMS, *HealthStatus.values)


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


def recount_cohorts(day: date, before: Sequence[Member], after: Sequence[Member]) -> None:
    """Store the cohorts of the date that these members are in, or were in, anew."""
    was, now = dict(grouped(before)), dict(grouped(after))
    stored = {(row.by, row.name): row for row in CohortDay.objects.filter(date=day)}
    touched = sorted(was.keys() | now.keys())
    CohortDay.objects.filter(pk__in=[stored[key].pk for key in touched if key in stored]).delete()
    rows = (_recounted(day, key, stored.get(key), was.get(key, ()), now.get(key, ())) for key in touched)
    CohortDay.objects.bulk_create((row for row in rows if row.size), batch_size=BATCH_SIZE)


def _recounted(
    day: date, key: Group, stored: CohortDay | None, before: Sequence[Member], after: Sequence[Member]
) -> CohortDay:
    """Return the row of a cohort, in which the members after take the place of those before."""
    nobody = count_group(day, key, ())
    gone, row, here = count_group(day, key, before), stored or nobody, count_group(day, key, after)
    for name in _ADDED_UP:
        setattr(here, name, getattr(row, name) + getattr(here, name) - getattr(gone, name))
    for name in ("old_enough", "weeks"):
        setattr(here, name, list(_by_week(getattr(row, name), getattr(here, name), getattr(gone, name))))
    # Each week has somebody who is old enough for it.
    while here.old_enough and not here.old_enough[-1]:
        here.old_enough.pop()
    here.weeks = here.weeks[: len(here.old_enough)]
    is_same = Counter(one.days for one in before) == Counter(one.days for one in after)
    here.middle_days = row.middle_days if is_same else _middle_days(day, key, here.days_known)
    return here


def _by_week(stored: Sequence[int], more: Sequence[int], gone: Sequence[int]) -> Iterator[int]:
    for there, added, taken in zip_longest(stored, more, gone, fillvalue=0):
        yield there + added - taken


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
