"""What an own rule would do, before it is saved: whom it means now. What it would have done, ``rule_lab`` says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Exists, OuterRef

from analytics.alerts.rules import QUIET_DAYS
from analytics.models import Alert, AlertRule, Snapshot, SnapshotQuerySet
from analytics.segments.segment import Segment
from customers.models import Customer

MAX_SHOWN = 20


@dataclass(frozen=True)
class Preview:
    """What a rule would do as of ``day``.

    It matches so many customers of ``total``, the ``first`` of which are listed, and would raise ``raises`` alerts
    there. ``query`` is what narrows the list of customers to the matches.
    """

    day: date
    query: str
    words: str
    total: int
    matches: int
    first: Sequence[Snapshot]
    raises: int

    @property
    def cries_wolf(self) -> bool:
        """Whether it matches more than half of all customers."""
        return self.matches * 2 > self.total

    @property
    def others(self) -> int:
        """How many matches are not listed."""
        return self.matches - len(self.first)


def preview(rule: AlertRule, segment: Segment) -> Preview:
    """Return what a rule, saved or not, would do; its ``segment`` is understood, and of a scored date."""
    found, day = segment.snapshots, segment.day
    matches = found.order_by().count()
    return Preview(
        day=day,
        query=segment.query,
        words=segment.words,
        total=Snapshot.objects.filter(date=day).count(),
        matches=matches,
        first=list(found.select_related("customer").order_by("score", "pk")[:MAX_SHOWN]),
        raises=_may_raise(found, rule, day).count(),
    )


def _may_raise(found: SnapshotQuerySet, rule: AlertRule, day: date) -> SnapshotQuerySet:
    """Keep those for whom ``rules`` raises an alert on the date: the same in SQL, which a test compares."""
    of_rule = Alert.objects.filter(rule=rule.pk or 0, customer=OuterRef("customer"))
    settled = found.filter(customer__signup_date__lte=day - timedelta(days=QUIET_DAYS))
    found = settled.exclude(customer__status__in=Customer.Status.over()).order_by()
    found = found.exclude(Exists(of_rule.filter(closed_on=None)))
    if rule.cooldown:
        since = day - timedelta(days=rule.cooldown)
        ended = [Alert.Ending.RECOVERED, Alert.Ending.ENDED]
        found = found.exclude(Exists(of_rule.filter(closed_on__gt=since, ending__in=ended)))
    return found
