"""The worklist: customers at risk, newly dropped or blocked, each with a reason and a next action."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter

from django.db.models import Case, Count, F, FilteredRelation, Q, SmallIntegerField, Value, When, Window

from analytics.models import HealthStatus, PortfolioDay, Snapshot, SnapshotQuerySet
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion
from analytics.scoring.health_status import InactiveReason, snapshot_inactive_reason
from analytics.tasks.recommendations import Action, recommendations
from customers.text.codes import code_in_words

DROP = 10
"""A score that fell by as many points has dropped, whatever the status."""
GRACE_DAYS = 7
"""In its first days a customer needs somebody only when it is blocked: nothing else has had its time yet."""
MAX_SHOWN = 8
_then = attrgetter("then_score", "then_status")
DOING_WELL = (HealthStatus.CHAMPION, HealthStatus.HEALTHY)
ASK = Action("Ask what has changed", "Dropped, though still doing well")
"""Instead of what the rules have for those who do well, such as asking for a testimonial."""

_WORSE_THAN = {status: list(HealthStatus)[:rank] for rank, status in enumerate(HealthStatus)}
"""For each status those that are better; from best to worst, and away is worst."""


@dataclass(frozen=True)
class WorkItem:
    """A customer who needs somebody, why, and what to do next."""

    snapshot: Snapshot
    reason: str
    action: Action | None


@dataclass(frozen=True)
class MostUrgent:
    """The first items of the worklist, and how many it has in all."""

    items: Sequence[WorkItem]
    total: int

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.total - len(self.items)


@dataclass(frozen=True)
class Earlier:
    """What a customer's score and status were on the date to compare with."""

    day: date
    score: int
    status: str


def worklist(portfolio: PortfolioDay, before: PortfolioDay | None) -> SnapshotQuerySet:
    """Return the snapshots of a scored date whose customers need somebody, the most urgent first.

    At risk; or *dropped*: against the date ``before`` the status is worse, or the score fell by ``DROP`` points; or
    blocked. First those who came to be at risk by a drop, then the others at risk, the other drops, the blocked; low
    scores first.
    """
    worse = Q()
    for status, better in _WORSE_THAN.items():
        worse |= Q(status=status, then__status__in=better)
    dropped = worse | Q(score__lte=F("then__score") - DROP)
    at_risk = Q(status=HealthStatus.AT_RISK)
    settled = Q(customer__signup_date__lte=portfolio.date - timedelta(days=GRACE_DAYS))
    ranked = (at_risk & dropped, at_risk, dropped, Snapshot.BLOCKED)
    whens = [When(condition, then=Value(rank)) for rank, condition in enumerate(ranked)]
    # Filtered before anything else is asked of ``then``: so that there is one join, not two.
    found = _beside(portfolio, before).filter(Snapshot.BLOCKED | (settled & (at_risk | dropped)))
    return found.annotate(rank=Case(*whens, output_field=SmallIntegerField())).order_by("rank", "score", "pk")


def _beside(portfolio: PortfolioDay, before: PortfolioDay | None) -> SnapshotQuerySet:
    """The snapshots of a date beside those of an earlier one (a date before all there is stands for none)."""
    earlier = before.date if before else portfolio.date.min
    then = FilteredRelation("customer__snapshots", condition=Q(customer__snapshots__date=earlier))
    return Snapshot.objects.filter(date=portfolio.date).annotate(then=then)


class MostUrgentKey(page_cache.DataKey):
    """Of the most urgent customers of a scored date beside those of an earlier one."""

    day: date
    before: date | None


def most_urgent(portfolio: PortfolioDay, before: PortfolioDay | None, version: DataVersion) -> MostUrgent:
    """Return the first of the worklist; one query, and two more where the data have changed since the last time.

    Who they are and how they do changes only with the data, and takes a look at every customer: so it is kept.
    """

    def make() -> tuple[list[Snapshot], int]:
        found = worklist(portfolio, before).annotate(total=Window(Count("pk"))).values_list("pk", "total")
        first = list(found[:MAX_SHOWN])
        return _rows(portfolio, before, [pk for pk, _total in first]), first[0][1] if first else 0

    key = MostUrgentKey(version=version, day=portfolio.date, before=before.date if before else None)
    rows, total = page_cache.get_or_set(key, make)
    return MostUrgent(_items(portfolio, before, rows), total)


def work_items(portfolio: PortfolioDay, before: PortfolioDay | None, keys: Sequence[int]) -> list[WorkItem]:
    """Return what to say of these snapshots, in their order; two queries, however many they are."""
    return _items(portfolio, before, _rows(portfolio, before, keys))


def _rows(portfolio: PortfolioDay, before: PortfolioDay | None, keys: Sequence[int]) -> list[Snapshot]:
    """Return the snapshots in the order of their keys, each with its customer and what it was before; one query."""
    found = _beside(portfolio, before).filter(pk__in=keys).select_related("customer")
    found = found.annotate(then_status=F("then__status"), then_score=F("then__score"))
    return sorted(found, key=lambda one: keys.index(one.pk))


def _items(portfolio: PortfolioDay, before: PortfolioDay | None, rows: Sequence[Snapshot]) -> list[WorkItem]:
    """Return what to say of each of ``_rows``; one query, for the rules and what somebody is at."""
    for one in rows:
        if one.policy_id == portfolio.policy_id:
            one.policy = portfolio.policy  # spares a query
    actions = recommendations(rows) if rows else {}
    items = []
    for one in rows:
        score, status = _then(one)
        earlier = Earlier(before.date, score, status) if before and score is not None else None
        items.append(_work_item(one, earlier, actions[one.customer_id]))
    return items


def _work_item(snapshot: Snapshot, earlier: Earlier | None, actions: Sequence[Action]) -> WorkItem:
    """A drop is told first, as the news, then a blocker, then what the rules say."""
    action = actions[0] if actions else None
    if earlier and has_dropped(snapshot, earlier):
        if snapshot.status in DOING_WELL:
            action = ASK
        reason = _drop(snapshot, earlier)
    elif snapshot.blocked:
        reason = f"Blocked: {code_in_words(snapshot.blocker_type)}"
    else:
        reason = action.reason if action else ""
    return WorkItem(snapshot, reason, action)


def has_dropped(snapshot: Snapshot, earlier: Earlier) -> bool:
    """Return whether the customer has dropped; the rule of ``worklist`` for one of its rows."""
    status = HealthStatus(snapshot.status)
    return earlier.status in _WORSE_THAN[status] or snapshot.score <= earlier.score - DROP


def _drop(snapshot: Snapshot, earlier: Earlier) -> str:
    """Return what has become worse, in words."""
    was, now, day = HealthStatus(earlier.status), HealthStatus(snapshot.status), f"{earlier.day:%-d %b}"
    if was == now:
        return f"Score fell from {earlier.score} to {snapshot.score} since {day}"
    if now == HealthStatus.INACTIVE:
        if snapshot_inactive_reason(snapshot) == InactiveReason.CONTRACT:
            return f"Became inactive by contract since {day}"
        active = f"last active {snapshot.last_active:%-d %b}" if snapshot.last_active else "no activity yet"
        return f"Became inactive ({active})"
    if snapshot.score == earlier.score:
        return f"Was {was.label} on {day}, now {now.label} with the same score, {snapshot.score}"
    return f"Was {was.label} on {day}: score {earlier.score}, now {snapshot.score}"
