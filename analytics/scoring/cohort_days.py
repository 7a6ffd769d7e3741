"""Count a scored date by cohort and by signup month, from what the scoring says of each customer, some at a time."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, zip_longest
from typing import NamedTuple

from analytics.models import CohortDay, HealthStatus
from analytics.scoring.measure import WEEKS


class Member(NamedTuple):
    """What is counted of a customer; ``days`` to value is None where not known.

    ``ended`` is how many of the kept weeks after the signup have ended; ``weeks`` has a bit for each active one.
    """

    cohort: str
    signup_date: date
    score: int
    status: HealthStatus
    onboarded: bool
    days: int | None
    generated: int
    merged: int
    weeks: int
    ended: int


Group = tuple[str, str]
"""What the members of a cohort have in common, a ``CohortDay.By``, and the cohort's name."""
EVERYBODY: Group = (CohortDay.By.ALL.value, "")
_SUMS = ("size", "onboarded", "days_known", "days_to_value", "score_sum", "prs_generated", "prs_merged")
_ADDED_UP = (*_SUMS, *HealthStatus.values)


@dataclass
class GroupCount:
    """Some members of a cohort: its row but the median, and how often each number of days to value is there."""

    row: CohortDay
    days: Counter[int]

    def finished(self) -> CohortDay:
        """Return the row with the median."""
        self.row.middle_days = middle_days(self.days)
        return self.row


class CohortCounts:
    """The cohorts of a date as they are counted: nothing of a customer is kept."""

    def __init__(self, day: date) -> None:
        self._day = day
        self.found: dict[Group, GroupCount] = {}

    def add(self, members: Sequence[Member]) -> None:
        """Count some more members: everyone, each cohort, each signup month."""
        for group, some in _grouped(members):
            more = _count(self._day, group, some)
            if known := self.found.get(group):
                add_counts(known.row, more.row)
                known.days.update(more.days)
            else:
                self.found[group] = more

    def of(self, group: Group) -> GroupCount:
        """Return what is counted of a cohort, which may be nobody."""
        return self.found.get(group) or _count(self._day, group, ())

    def rows(self) -> list[CohortDay]:
        """Return the rows of the date; none of an empty portfolio."""
        return [self.found[group].finished() for group in sorted(self.found)]


def add_counts(row: CohortDay, more: CohortDay, times: int = 1) -> None:
    """Count the members of another row in a row, or with -1 ``times`` no longer; its median stays."""
    for name in _ADDED_UP:
        setattr(row, name, getattr(row, name) + times * getattr(more, name))
    for name in ("weeks", "old_enough"):
        pairs = zip_longest(getattr(row, name), getattr(more, name), fillvalue=0)
        setattr(row, name, [there + times * number for there, number in pairs])


def middle_days(days: Counter[int]) -> int | None:
    """Return twice the median; None where no day is known."""
    known, numbers = days.total(), sorted(days)
    through = list(accumulate(days[number] for number in numbers))
    return sum(numbers[bisect_right(through, place)] for place in ((known - 1) // 2, known // 2)) if known else None


_NAMES: dict[CohortDay.By, Callable[[Member], str]] = {
    CohortDay.By.COHORT: lambda member: member.cohort,
    CohortDay.By.MONTH: lambda member: member.signup_date.isoformat()[:7],
}


def _grouped(members: Sequence[Member]) -> Iterator[tuple[Group, Sequence[Member]]]:
    """Yield each cohort that any of the members is in, with those of them who are."""
    if members:
        yield EVERYBODY, members
    for by, name_of in _NAMES.items():
        found: defaultdict[str, list[Member]] = defaultdict(list)
        for member in members:
            found[name_of(member)].append(member)
        for name, some in found.items():
            yield (by.value, name), some


def _count(day: date, group: Group, members: Sequence[Member]) -> GroupCount:
    """Count members of a cohort."""
    days = Counter(member.days for member in members if member.days is not None)
    statuses = [member.status for member in members]
    # As text, where each week's bits stand at equal distances: thousands of members are counted at once.
    bits = "".join(f"{member.weeks:0{WEEKS}b}" for member in members)
    ended = Counter(member.ended for member in members)
    weeks = range(max(ended, default=0))
    old_enough = [sum(number for most, number in ended.items() if most > week) for week in weeks]
    row = CohortDay(
        date=day,
        by=group[0],
        name=group[1],
        size=len(members),
        onboarded=sum(member.onboarded for member in members),
        days_known=days.total(),
        days_to_value=sum(number * times for number, times in days.items()),
        score_sum=sum(member.score for member in members),
        prs_generated=sum(member.generated for member in members),
        prs_merged=sum(member.merged for member in members),
        weeks=[bits[WEEKS - 1 - week :: WEEKS].count("1") for week in range(len(old_enough))],
        old_enough=old_enough,
        **{status.value: statuses.count(status) for status in HealthStatus},
    )
    return GroupCount(row, days)
