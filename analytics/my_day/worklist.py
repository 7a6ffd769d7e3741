"""The worklist: every customer to act on, once, the worst first, and who waits; docs/metrics.md has the rules.

There is one list for all pages: My day, its badge, and the dashboard's block.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import F, Q
from django.utils.translation import gettext_lazy

from analytics.models import Alert, PortfolioDay, Snapshot, Task
from analytics.my_day.facts import Kind, WorkFacts, customers_of, facts
from analytics.my_day.members import WorkMember, WorkMembers
from analytics.my_day.reasons import Severity, by_health
from analytics.my_day.waiting import Waiting, holds, longest, waits
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion, StateVersion
from analytics.portfolio.comparison import comparison_day
from customers.clock import program_day
from customers.models import CustomerCare

TEAM, NOBODY = "", "nobody"
"""Whose customers, where it is no user's key."""
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

    At most six queries, however many customers there are; none where nothing has changed since.
    """
    since = before.date if before else None
    key = WorklistKey(version=version, today=today, day=portfolio.date, before=since, whose=whose)
    return page_cache.get_or_set(key, lambda: _worklist(portfolio, before, whose, today, version.data))


def to_do_counts(
    portfolio: PortfolioDay, before: PortfolioDay | None, whose: tuple[str, ...], today: date, version: StateVersion
) -> dict[str, int]:
    """Return how many are to do of each: all by the team's list and one query more, so that no list is made for it."""

    def make() -> dict[str, int]:
        team = worklist(portfolio, before, TEAM, today, version).to_do
        owners = dict(CustomerCare.objects.filter(owner__isnull=False).values_list("customer_id", "owner_id"))
        counts = Counter(str(owners.get(customer, NOBODY)) for customer in team.customers)
        return {one: len(team) if one == TEAM else counts[one] for one in whose}

    since = before.date if before else None
    key = ToDoCountsKey(version=version, today=today, day=portfolio.date, before=since, whose=whose)
    return page_cache.get_or_set(key, make)


def by_health_alone(portfolio: PortfolioDay, before: PortfolioDay | None, version: DataVersion) -> WorkMembers:
    """Return the customers to act on by their health on a scored date, whatever was done since."""
    since = before.date if before else None
    key = HealthKey(version=version, day=portfolio.date, before=since)
    return page_cache.get_or_set(key, lambda: _by_health(portfolio, before, Q()))


def _by_health(portfolio: PortfolioDay, before: PortfolioDay | None, which: Q) -> WorkMembers:
    found = by_health(portfolio, before).filter(which).values_list("customer_id", "pk", F("severity"), "score")
    return WorkMembers(WorkMember(customer, pk, severity, score) for customer, pk, severity, score in found)


def _worklist(
    portfolio: PortfolioDay, before: PortfolioDay | None, whose: str, today: date, version: DataVersion
) -> Worklist:
    which = Q() if whose == TEAM else customers_of(None if whose == NOBODY else int(whose))
    known = facts(which, today)
    members = by_health_alone(portfolio, before, version) if whose == TEAM else _by_health(portfolio, before, which)
    if more := _by_facts(portfolio, which, known, set(members.customers), today):
        members = WorkMembers([*members, *more])
    wait = _who_waits(portfolio, set(members.customers), known, today, version)
    if not wait:
        return Worklist(members, [])
    waiting = [(one, wait[one.customer]) for one in members if one.customer in wait]
    waiting.sort(key=lambda pair: pair[1].until or date.max)
    return Worklist(WorkMembers(one for one in members if one.customer not in wait), waiting)


def _by_facts(portfolio: PortfolioDay, which: Q, known: WorkFacts, others: set[str], today: date) -> list[WorkMember]:
    """Return the customers who are on the list by an alert or a task that is due, and not by their health."""
    severities: dict[str, Severity] = {}
    worst: dict[str, int] = {}
    for customer, about in known.items():
        kinds = {one.kind for one in about if one.kind == Kind.ALERT or (one.day and one.day <= today)}
        if customer not in others and kinds & {Kind.ALERT, Kind.TASK}:
            severities[customer] = Severity.ALERT if Kind.ALERT in kinds else Severity.TASK
            worst[customer] = min((int(one.more) for one in about if one.kind == Kind.ALERT), default=0)
    if not severities:
        return []
    # By queries and not by keys, of which there may be too many for one.
    alerts = Alert.objects.waiting(today).order_by().values("customer")
    tasks = Task.objects.open().filter(due__lte=today).order_by().values("customer")
    concerned = Q(customer__in=alerts) | Q(customer__in=tasks)
    found = Snapshot.objects.filter(which, concerned, date=portfolio.date).order_by()
    rows = found.values_list("customer_id", "pk", "score")
    return [WorkMember(key, pk, severities[key], score, worst[key]) for key, pk, score in rows if key in severities]


def _who_waits(
    portfolio: PortfolioDay, members: set[str], known: WorkFacts, today: date, version: DataVersion
) -> dict[str, Waiting]:
    """Return for each of the members who wait how they come back."""
    may_wait = {customer: waits(known[customer], today) for customer in members & known.keys()}
    may_wait = {customer: found for customer, found in may_wait.items() if found}
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
    day: date, may_wait: dict[str, list[Waiting]], days: dict[datetime, date | None]
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
