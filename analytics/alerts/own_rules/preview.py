"""What an own rule would do, before it is saved: whom it means now, and how often it would have raised an alert."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Exists, OuterRef

from analytics.alerts.rules import QUIET_DAYS
from analytics.models import Alert, AlertRule, PortfolioDay, Snapshot, SnapshotQuerySet
from analytics.segments.segment import Segment
from customers.models import Customer

REPLAYED_DATES = 30
MAX_REPLAYED = 20_000
"""A rule that matches more customers than this is not replayed: it would take long, and is too broad anyway."""
MAX_SHOWN = 20


@dataclass(frozen=True)
class Preview:
    """What a rule would do as of ``day``.

    It matches so many customers of ``total``, the ``first`` of which are listed, and would raise ``raises`` alerts
    there. On the ``replayed`` newest scored dates it would have raised ``raised``; None where that was not counted.
    ``query`` is what narrows the list of customers to the matches.
    """

    day: date
    query: str
    words: str
    total: int
    matches: int
    first: Sequence[Snapshot]
    raises: int
    replayed: int
    raised: int | None

    @property
    def cries_wolf(self) -> bool:
        """Whether it matches more than half of all customers."""
        return self.matches * 2 > self.total

    @property
    def others(self) -> int:
        """How many matches are not listed."""
        return self.matches - len(self.first)


def preview(rule: AlertRule, segment: Segment, *, replay: bool) -> Preview:
    """Return what a rule, saved or not, would do; its ``segment`` is understood, and of a scored date.

    To ``replay`` the newest scored dates takes a query for each.
    """
    found, day = segment.snapshots, segment.day
    matches = found.order_by().count()
    dates = PortfolioDay.objects.filter(date__lte=day).values_list("date", flat=True)
    scored = list(dates[:REPLAYED_DATES]) if replay else []
    return Preview(
        day=day,
        query=segment.query,
        words=segment.words,
        total=Snapshot.objects.filter(date=day).count(),
        matches=matches,
        first=list(found.select_related("customer").order_by("score", "pk")[:MAX_SHOWN]),
        raises=_may_raise(found, rule, day).count(),
        replayed=len(scored),
        raised=_replay(rule, segment, scored[::-1]) if replay and matches <= MAX_REPLAYED else None,
    )


def _may_raise(found: SnapshotQuerySet, rule: AlertRule, day: date) -> SnapshotQuerySet:
    """Keep those for whom ``rules`` raises an alert on the date: the same in SQL, which a test compares."""
    of_rule = Alert.objects.filter(rule=rule.pk or 0, customer=OuterRef("customer"))
    found = _of_interest(found, day).exclude(Exists(of_rule.filter(closed_on=None)))
    if rule.cooldown:
        since = day - timedelta(days=rule.cooldown)
        ended = [Alert.Ending.RECOVERED, Alert.Ending.ENDED]
        found = found.exclude(Exists(of_rule.filter(closed_on__gt=since, ending__in=ended)))
    return found


def _of_interest(found: SnapshotQuerySet, day: date) -> SnapshotQuerySet:
    """Keep customers beyond their first days, whose contract is not over."""
    settled = found.filter(customer__signup_date__lte=day - timedelta(days=QUIET_DAYS))
    return settled.exclude(customer__status__in=Customer.Status.over()).order_by()


def _replay(rule: AlertRule, segment: Segment, days: Sequence[date]) -> int:
    """Count the alerts that a new rule would have raised on the ``days``, oldest first; one query a date."""
    matched: dict[str, list[int]] = defaultdict(list)
    for number, day in enumerate(days):
        for customer in _of_interest(segment.on(day).snapshots, day).values_list("customer_id", flat=True):
            matched[customer].append(number)
    return sum(_count_raised(numbers, days, rule.recovery, rule.cooldown) for numbers in matched.values())


def _count_raised(matched: Sequence[int], days: Sequence[date], recovery: int, cooldown: int) -> int:
    """Count how often a customer's alert is raised, given the places in ``days`` where the conditions hold.

    An alert closes on the last of ``recovery`` dates in a row on which they do not.
    """
    raised, last, closed_on = 0, None, None
    for number in matched:
        if last is not None and number - last > recovery:
            closed_on, last = days[last + recovery], None
        if last is None and (closed_on is None or (days[number] - closed_on).days >= cooldown):
            raised, last = raised + 1, number
        elif last is not None:
            last = number
    return raised
