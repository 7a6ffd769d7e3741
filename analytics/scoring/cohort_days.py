"""Count a scored date by cohort and by signup month, from what the scoring keeps of each customer."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import groupby
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


def cohort_days(day: date, members: Sequence[Member]) -> list[CohortDay]:
    """Return the rows of ``day``: everyone, each cohort, each signup month; none of an empty portfolio."""
    return [count_group(day, group, some) for group, some in grouped(members)]


_NAMES: dict[CohortDay.By, Callable[[Member], str]] = {
    CohortDay.By.COHORT: lambda member: member.cohort,
    CohortDay.By.MONTH: lambda member: member.signup_date.isoformat()[:7],
}


def grouped(members: Sequence[Member]) -> Iterator[tuple[Group, Sequence[Member]]]:
    """Yield each cohort that any of the members is in, with those of them who are."""
    if members:
        yield (CohortDay.By.ALL.value, ""), members
    for by, name_of in _NAMES.items():
        for name, some in groupby(sorted(members, key=name_of), name_of):
            yield (by.value, name), list(some)


def count_group(day: date, group: Group, members: Sequence[Member]) -> CohortDay:
    """Return the row of a cohort."""
    days = sorted(member.days for member in members if member.days is not None)
    statuses = [member.status for member in members]
    # As text, where each week's bits stand at equal distances: a hundred thousand members are counted at once.
    bits = "".join(f"{member.weeks:0{WEEKS}b}" for member in members)
    ended = Counter(member.ended for member in members)
    weeks = range(max(ended, default=0))
    old_enough = [sum(number for most, number in ended.items() if most > week) for week in weeks]
    return CohortDay(
        date=day,
        by=group[0],
        name=group[1],
        size=len(members),
        onboarded=sum(member.onboarded for member in members),
        days_known=len(days),
        days_to_value=sum(days),
        middle_days=days[len(days) // 2] + days[(len(days) - 1) // 2] if days else None,
        score_sum=sum(member.score for member in members),
        prs_generated=sum(member.generated for member in members),
        prs_merged=sum(member.merged for member in members),
        weeks=[bits[WEEKS - 1 - week :: WEEKS].count("1") for week in range(len(old_enough))],
        old_enough=old_enough,
        **{status.value: statuses.count(status) for status in HealthStatus},
    )
