"""The worklist: every customer to act on, once, the worst first, and who waits; docs/metrics.md has the rules.

There is one list for all pages: My day, its badge, and the dashboard's block.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q
from django.utils.translation import gettext_lazy

from analytics.models import PortfolioDay, Snapshot
from analytics.my_day.facts import facts_beside_alerts
from analytics.my_day.members import (
    FIRST,
    TEAM,
    HealthList,
    MembersPart,
    OpenList,
    WorkMember,
    WorkMembers,
    which_of,
)
from analytics.my_day.waiting import Waiting, holds, longest, waits
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion, StateVersion
from analytics.portfolio.comparison import comparison_day
from customers.clock import program_day

LISTED_BY_HEALTH = gettext_lazy(
    "Customers who are at risk, got worse within a week, are blocked, or are likely to go quiet; the worst first."
)
LISTED = gettext_lazy(
    "Customers who are at risk, got worse within a week, are blocked, are likely to go quiet, or have an open alert "
    "or a task due; the worst first. Those who were contacted, snoozed or dismissed wait, until they get worse."
)
"""Who is on the worklist, as people are told; on an earlier date it goes by health alone."""


@dataclass(frozen=True)
class Worklist:
    """The customers to act on, the worst first, and those who wait, who comes back first."""

    to_do: WorkMembers
    waiting: Sequence[tuple[WorkMember, Waiting]]


class WorklistKey(page_cache.StateKey):
    """Of the worklist of somebody's customers."""

    today: date
    day: date
    before: date | None
    whose: str


class ToDoCountsKey(page_cache.StateKey):
    """Of how many customers of somebody's are to do."""

    today: date
    day: date
    before: date | None
    whose: tuple[str, ...]


class HealthKey(page_cache.DataKey):
    """Of the customers whose health is a reason to act."""

    day: date
    before: date | None


class NewestKey(page_cache.DataKey):
    """Of the newest scored date, and the one to compare it with."""


class ScoredKey(page_cache.DataKey):
    """Of the scored dates, and when each was scored."""


def newest_days(version: DataVersion) -> tuple[PortfolioDay | None, PortfolioDay | None]:
    """Return the newest scored date and its comparison date, kept until something is scored."""
    return page_cache.get_or_set(NewestKey(version=version), _newest_days)


def _newest_days() -> tuple[PortfolioDay | None, PortfolioDay | None]:
    newest = PortfolioDay.objects.select_related("policy").order_by("-date").first()
    return newest, comparison_day(newest.date) if newest else None


def worklist(
    portfolio: PortfolioDay, before: PortfolioDay | None, whose: str, today: date, version: StateVersion
) -> Worklist:
    """Return the worklist of the newest scored date for a user's customers, ``NOBODY``'s, or the whole ``TEAM``'s.

    At most seven queries, and two for each 500 customers who may wait; none where nothing has changed since.
    """
    since = before.date if before else None
    key = WorklistKey(version=version, today=today, day=portfolio.date, before=since, whose=whose)
    return page_cache.get_or_set(key, lambda: _worklist(portfolio, before, whose, today, version.data))


def to_do_counts(
    portfolio: PortfolioDay, before: PortfolioDay | None, whose: tuple[str, ...], today: date, version: StateVersion
) -> dict[str, int]:
    """Return how many are to do of each, by the team's list and two queries more, so that no list is made for it."""

    def make() -> dict[str, int]:
        team = worklist(portfolio, before, TEAM, today, version).to_do
        counts = team.by_owner()
        return {one: len(team) if one == TEAM else counts[one] for one in whose}

    since = before.date if before else None
    key = ToDoCountsKey(version=version, today=today, day=portfolio.date, before=since, whose=whose)
    return page_cache.get_or_set(key, make)


def by_health_alone(portfolio: PortfolioDay, before: PortfolioDay | None, version: DataVersion) -> WorkMembers:
    """Return the customers to act on by their health on a scored date, whatever was done since."""
    return WorkMembers(_part_by_health(HealthList(portfolio, before, TEAM), version))


def _worklist(
    portfolio: PortfolioDay, before: PortfolioDay | None, whose: str, today: date, version: DataVersion
) -> Worklist:
    by_health, by_open = HealthList(portfolio, before, whose), OpenList(portfolio, before, whose, today)
    known = facts_beside_alerts(which_of(whose), today)
    may_wait = {customer: found for customer, about in known.items() if (found := waits(about, today))}
    members = {one.customer: one for listed in (by_health, by_open) for one in listed.among(may_wait)}
    wait = _who_waits(portfolio, {key: may_wait[key] for key in members}, version)
    waiting = [
        (one, wait[one.customer]) for one in sorted(members.values(), key=lambda one: one.rank) if one.customer in wait
    ]
    waiting.sort(key=lambda pair: pair[1].until or date.max)
    first = _part_by_health(by_health, version) if whose == TEAM and not wait else MembersPart(by_health, wait)
    # The first page has these only where it is not full without them.
    return Worklist(WorkMembers(first, MembersPart(by_open, wait, keep=FIRST - first.length)), waiting)


def _part_by_health(listed: HealthList, version: DataVersion) -> MembersPart:
    """Return the whole team's part by health of whom nobody waits, kept until something is scored."""
    since = listed.before.date if listed.before else None
    key = HealthKey(version=version, day=listed.portfolio.date, before=since)
    return page_cache.get_or_set(key, lambda: MembersPart(listed))


def _who_waits(
    portfolio: PortfolioDay, may_wait: Mapping[str, list[Waiting]], version: DataVersion
) -> dict[str, Waiting]:
    """Return for each of the members who wait how they come back."""
    if not may_wait:
        return {}
    scored = page_cache.get_or_set(ScoredKey(version=version), _scored)
    days = {one.fact.moment: known_day(scored, one.fact.moment) for found in may_wait.values() for one in found}
    snapshots = _snapshots(portfolio.date, may_wait, days)
    waiting = {}
    for customer, found in may_wait.items():
        now = snapshots.get((customer, portfolio.date))
        kept = [
            one for one in found if now is None or holds(one, now, snapshots.get((customer, days[one.fact.moment])))
        ]
        if wait := longest(kept):
            waiting[customer] = wait
    return waiting


def _scored() -> list[tuple[date, datetime]]:
    return list(PortfolioDay.objects.order_by("date").values_list("date", "scored_at"))


def known_day(scored: Sequence[tuple[date, datetime]], moment: datetime) -> date | None:
    """Return which scored date was known at a moment: the newest before its day, or that day's if scored by then."""
    day = program_day(moment)
    known = (one for one, at in reversed(scored) if one < day or (one == day and at <= moment))
    return next(known, None)


def _snapshots(
    day: date, may_wait: Mapping[str, list[Waiting]], days: dict[datetime, date | None]
) -> dict[tuple[str, date | None], Snapshot]:
    """Return the snapshots to compare, by customer and date; no query where all is as it was."""
    wanted = defaultdict(set)
    for customer, found in may_wait.items():
        for then in {days[one.fact.moment] for one in found} - {None, day}:
            wanted[then].add(customer)
            wanted[day].add(customer)
    if not wanted:
        return {}
    which = Q()
    for one, customers in wanted.items():
        which |= Q(date=one, customer__in=customers)
    columns = ("date", "customer_id", "score", "status", "blocker_type", "onboarded")
    return {(one.customer_id, one.date): one for one in Snapshot.objects.filter(which).order_by().only(*columns)}
