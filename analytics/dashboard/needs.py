"""Who needs somebody today: at risk, newly dropped or blocked, each with a reason and a next action."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Case, Count, F, FilteredRelation, Q, SmallIntegerField, Value, When, Window

from analytics.models import HealthStatus, PortfolioDay, Snapshot, SnapshotQuerySet
from analytics.page_cache.program import KEPT_SECONDS
from analytics.tasks.recommendations import Action, recommendations
from customers.text.codes import code_in_words

DROP = 10
"""A score that fell by as many points has dropped, whatever the status."""
GRACE_DAYS = 7
"""In its first days a customer needs somebody only when it is blocked: nothing else has had its time yet."""
MOST_SHOWN = 8
DOING_WELL = (HealthStatus.CHAMPION, HealthStatus.HEALTHY)
ASK = Action("Ask what has changed", "Dropped, though still doing well")
"""Instead of what the rules have for those who do well, such as asking for a testimonial."""

_WORSE_THAN = {status: list(HealthStatus)[:place] for place, status in enumerate(HealthStatus)}
"""For each status those that are better; from best to worst, and away is worst."""


@dataclass(frozen=True)
class Need:
    """A customer who needs somebody, why, and what to do next."""

    snapshot: Snapshot
    reason: str
    action: Action | None


@dataclass(frozen=True)
class Needs:
    """The most urgent ones, and how many there are in all."""

    shown: Sequence[Need]
    total: int

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.total - len(self.shown)


def who_needs_us(portfolio: PortfolioDay, before: PortfolioDay | None) -> SnapshotQuerySet:
    """Those who need somebody on a scored date, most urgent first.

    At risk; or *dropped*: against the date ``before`` the status is worse, or the score fell by ``DROP`` points; or
    blocked. First those who came to be at risk by a drop, then the others at risk, the other drops, the blocked; low
    scores first. Each carries ``then_status`` and ``then_score``, None without such a date, and ``dropped``.
    """
    worse = Q()
    for status, better in _WORSE_THAN.items():
        worse |= Q(status=status, then__status__in=better)
    dropped = worse | Q(score__lte=F("then__score") - DROP)
    at_risk = Q(status=HealthStatus.AT_RISK)
    settled = Q(customer__signup_date__lte=portfolio.date - timedelta(days=GRACE_DAYS))
    places = (at_risk & dropped, at_risk, dropped, Snapshot.BLOCKED)
    whens = [When(place, then=Value(number)) for number, place in enumerate(places)]
    # Filtered before anything else is asked of ``then``: so that there is one join, not two.
    found = _beside(portfolio, before).filter(Snapshot.BLOCKED | (settled & (at_risk | dropped)))
    return (
        found.annotate(then_status=F("then__status"), then_score=F("then__score"))
        .annotate(place=Case(*whens, output_field=SmallIntegerField()))
        .order_by("place", "score", "pk")
    )


def _beside(portfolio: PortfolioDay, before: PortfolioDay | None) -> SnapshotQuerySet:
    """The snapshots of a date beside those of an earlier one (a date before all there is stands for none)."""
    earlier = before.date if before else portfolio.date.min
    then = FilteredRelation("customer__snapshots", condition=Q(customer__snapshots__date=earlier))
    return Snapshot.objects.filter(date=portfolio.date).annotate(then=then)


def needs_today(portfolio: PortfolioDay, before: PortfolioDay | None) -> Needs:
    """The most urgent ones; two queries, and another one where something has been scored since the last time.

    Who they are changes only when something is scored, but takes a look at every customer: so the keys are kept.
    """
    key = _cache_key(portfolio, before)
    kept = cache.get(key)
    if kept is None:
        found = who_needs_us(portfolio, before).annotate(total=Window(Count("pk"))).values_list("pk", "total")
        first = list(found[:MOST_SHOWN])
        kept = [pk for pk, _total in first], first[0][1] if first else 0
        cache.set(key, kept, KEPT_SECONDS)
    keys, total = kept
    return Needs(needs(portfolio, before, keys), total)


def needs(portfolio: PortfolioDay, before: PortfolioDay | None, keys: Sequence[int]) -> list[Need]:
    """What to say of these snapshots, in their order; two queries, however many they are."""
    found = _beside(portfolio, before).filter(pk__in=keys).select_related("customer")
    found = found.annotate(then_status=F("then__status"), then_score=F("then__score"))
    snapshots = sorted(found, key=lambda one: keys.index(one.pk))
    for one in snapshots:
        if one.policy_id == portfolio.policy_id:
            one.policy = portfolio.policy  # spares a query
    actions = recommendations(snapshots) if snapshots else {}
    return [need(one, before, actions[one.customer_id]) for one in snapshots]


def need(snapshot: Any, before: PortfolioDay | None, actions: Sequence[Action]) -> Need:
    """What to say of one of them: a drop first, as the news, then a blocker, then what the rules say."""
    action = actions[0] if actions else None
    if before and has_dropped(snapshot):
        if snapshot.status in DOING_WELL:
            action = ASK
        reason = _drop(snapshot, before)
    elif snapshot.blocked:
        reason = f"Blocked: {code_in_words(snapshot.blocker_type)}"
    else:
        reason = action.reason if action else ""
    return Need(snapshot, reason, action)


def _drop(snapshot: Any, before: PortfolioDay) -> str:
    """What has become worse, in words."""
    was, now, day = HealthStatus(snapshot.then_status), HealthStatus(snapshot.status), f"{before.date:%-d %b}"
    if was == now:
        return f"Score fell from {snapshot.then_score} to {snapshot.score} since {day}"
    if now == HealthStatus.INACTIVE:
        days = snapshot.days_since_active
        if days is not None and days < snapshot.policy.inactive_days:
            return f"Became inactive by contract since {day}"
        active = f"last active {snapshot.last_active:%-d %b}" if snapshot.last_active else "no activity yet"
        return f"Became inactive ({active})"
    if snapshot.score == snapshot.then_score:
        return f"Was {was.label} on {day}, now {now.label} with the same score, {snapshot.score}"
    return f"Was {was.label} on {day}: score {snapshot.then_score}, now {snapshot.score}"


def has_dropped(snapshot: Any) -> bool:
    """The rule of ``who_needs_us`` for one of its rows."""
    if snapshot.then_score is None:
        return False
    return snapshot.then_status in _WORSE_THAN[snapshot.status] or snapshot.score <= snapshot.then_score - DROP


def _cache_key(portfolio: PortfolioDay, before: PortfolioDay | None) -> str:
    scored = [portfolio, before] if before else [portfolio]
    return "-".join(["needs-today", *(f"{one.date}-{one.scored_at.timestamp()}-{one.erased}" for one in scored)])
