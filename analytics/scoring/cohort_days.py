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


def cohort_days(day: date, members: Sequence[Member]) -> list[CohortDay]:
    """Return the rows of ``day``: everyone, each cohort, each signup month; none of an empty portfolio."""
    rows = [_count(day, CohortDay.By.ALL, "", members)] if members else []
    for by, name_of in _NAMES.items():
        rows += [_count(day, by, name, group) for name, group in _groups(members, name_of)]
    return rows


_NAMES: dict[CohortDay.By, Callable[[Member], str]] = {
    CohortDay.By.COHORT: lambda member: member.cohort,
    CohortDay.By.MONTH: lambda member: member.signup_date.isoformat()[:7],
}


def _groups(members: Sequence[Member], name_of: Callable[[Member], str]) -> Iterator[tuple[str, list[Member]]]:
    for name, group in groupby(sorted(members, key=name_of), name_of):
        yield name, list(group)


def _count(day: date, by: CohortDay.By, name: str, members: Sequence[Member]) -> CohortDay:
    days = sorted(member.days for member in members if member.days is not None)
    statuses = [member.status for member in members]
    # As text, where each week's bits stand at equal distances: a hundred thousand members are counted at once.
    bits = "".join(f"{member.weeks:0{WEEKS}b}" for member in members)
    ended = Counter(member.ended for member in members)
    old_enough = [sum(number for weeks, number in ended.items() if weeks > week) for week in range(max(ended))]
    return CohortDay(
        date=day,
        by=by,
        name=name,
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
