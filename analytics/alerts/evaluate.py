"""Evaluate the rules for the newest scored date, and store what follows; a second run adds nothing."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

from analytics.alerts import vanished
from analytics.alerts.candidates import inputs_of
from analytics.alerts.changes import Changes
from analytics.alerts.kinds import EVERYBODY, FEED_KINDS, KINDS, CustomerKind, FeedKind, Vanished
from analytics.alerts.own_rules.kind import customer_kind
from analytics.alerts.rules import Transition, decide
from analytics.clock import alert_moment
from analytics.models import Alert, AlertRule, PortfolioDay
from analytics.models.alerts import told_by
from analytics.nights.feed_health import FeedHealth
from analytics.wording import rule_turned_off
from customers.audit import trail
from customers.core.limits import batches
from customers.core.sql import table_of, temporary_keys
from customers.models import Customer
from customers.text.say import english, in_english

_CONCERNED = "alerts_concern"
"""The temporary table of the customers whose alerts alone are evaluated."""
_CUSTOMERS_AT_ONCE = 20_000
"""So many of them are in it together: their open alerts are held in memory."""


@dataclass
class Evaluation:
    """What an evaluation found; ``day`` is None where nothing is scored yet, ``held_back`` says why, or ''."""

    day: date | None
    held_back: str = ""
    raised: int = 0
    worse: int = 0
    reworded: int = 0
    closed: int = 0

    def store(self, changes: Changes) -> None:
        """Write the changes of a rule, and count them."""
        changes.store()
        self.raised += len(changes.raised)
        self.worse += len(changes.worse)
        self.reworded += len(changes.reworded)
        self.closed += len(changes.closed)

    def record(self) -> None:
        """Note in the audit that alerts have changed, if any have: a new entry makes pages read them anew.

        One entry for a whole evaluation; those with newer words alone are told only where there are any.
        """
        if self.raised or self.worse or self.reworded or self.closed:
            said = english(f"{self.raised} raised, {self.worse} worse, {self.closed} closed")
            newer = english(f", {self.reworded} in newer words") if self.reworded else ""
            trail.record(trail.Action.COMMAND, "alerts", detail=f"{said}{newer}")


def evaluate(*, of_feeds: bool = True) -> Evaluation:
    """Bring the alerts in step with the newest scored date and the feeds of today; all or nothing.

    Older dates are never evaluated, so that scoring them afterwards raises nothing. Where the newest engagement
    cannot be believed, alerts that are computed from it stay as they are. So do those ``of_feeds`` outside a night:
    what is late by then may still come.
    """
    today, now = timezone.localdate(), alert_moment()
    portfolio = PortfolioDay.objects.newest()
    day = portfolio.date if portfolio else None
    health = FeedHealth(today, day)
    found = Evaluation(day, health.held_back)
    with in_english(), transaction.atomic():  # What alerts say is stored.
        for rule in AlertRule.objects.all():
            kind = KINDS.get(rule.kind)
            if isinstance(kind, FeedKind | Vanished) and not of_feeds:
                continue
            if not rule.active:
                found.store(_turn_off(rule, day or today, now))
            elif isinstance(kind, FeedKind):
                found.store(_of_feeds(rule, kind, health, now))
            elif isinstance(kind, Vanished):
                found.store(vanished.judge(rule, today, now))
            elif day and (of_customers := customer_kind(rule, day, found.held_back)):
                found.store(_of_customers(of_customers, rule, day, now))
        found.record()
    return found


def evaluate_customers(customers: Collection[str]) -> Evaluation:
    """Bring the alerts of some customers in step with the newest scored date, as ``evaluate`` does for everybody.

    The caller holds the lock ``alerts``.
    """
    portfolio, now = PortfolioDay.objects.newest(), alert_moment()
    if portfolio is None:
        return Evaluation(None)
    day = portfolio.date
    found = Evaluation(day, FeedHealth(timezone.localdate(), day).held_back)
    rules = list(AlertRule.objects.filter(active=True))
    with in_english(), transaction.atomic():  # What alerts say is stored.
        for some in batches(sorted(customers), _CUSTOMERS_AT_ONCE):
            with temporary_keys(_CONCERNED, table_of(Customer), some) as theirs:
                among = Q(customer__in=RawSQL(theirs, ()))  # noqa: S611 - no value in it
                for rule in rules:
                    if kind := customer_kind(rule, day, found.held_back):
                        found.store(_of_customers(kind, rule, day, now, among))
        found.record()
    return found


def close_feed_alerts() -> int:
    """Close the alerts of feeds and nights that are as they should be by now; return how many. It raises none.

    The caller holds the lock ``alerts``.
    """
    portfolio, found = PortfolioDay.objects.newest(), Evaluation(None)
    health = FeedHealth(timezone.localdate(), portfolio.date if portfolio else None)
    with in_english(), transaction.atomic():  # What alerts say is stored.
        for rule in AlertRule.objects.filter(active=True, kind__in=FEED_KINDS):
            if Alert.objects.open().filter(rule=rule).exists():
                changes = _of_feeds(rule, FEED_KINDS[rule.kind], health, alert_moment())
                found.store(Changes(reworded=changes.reworded, closed=changes.closed))
        found.record()
    return found.closed


def evaluate_webhooks() -> Evaluation:
    """Raise or close the alert of webhooks at once; the caller holds the lock ``alerts``."""
    health, found = FeedHealth(timezone.localdate(), None), Evaluation(None)
    with in_english(), transaction.atomic():  # What alerts say is stored.
        for rule in AlertRule.objects.filter(active=True, kind=AlertRule.Kind.WEBHOOK):
            found.store(_of_feeds(rule, FEED_KINDS[rule.kind], health, alert_moment()))
        found.record()
    return found


def _of_customers(kind: CustomerKind, rule: AlertRule, day: date, now: datetime, among: Q = EVERYBODY) -> Changes:
    changes = Changes()
    for inputs in inputs_of(kind, rule, day, among):
        decision, alert = decide(kind, rule, inputs), inputs.open
        if not decision.said:
            continue
        if decision.transition == Transition.RAISE:
            news = {**told_by(decision.said), "value": decision.value}
            changes.raised.append(
                Alert(rule=rule, customer_id=inputs.customer_id, opened_on=day, raised_at=now, **news)
            )
        elif alert and decision.transition == Transition.WORSEN:
            news = {**told_by(decision.said), "value": decision.value}
            changes.worse.append(Alert(pk=alert.pk, worse_on=day, worse_at=now, **news))
        elif alert and decision.transition == Transition.CLOSE:
            changes.close(alert.pk, day, now, decision.ending, decision.said)
    return changes


def _of_feeds(rule: AlertRule, kind: FeedKind, health: FeedHealth, now: datetime) -> Changes:
    """Judge the feeds and nights; an open alert gets the newest words, whether or not it is worse."""
    changes, problems, today = Changes(), kind.problems(rule, health), health.today
    known = {alert.feed: alert for alert in Alert.objects.open().filter(rule=rule, customer=None)}
    for feed, problem in problems.items():
        told, alert = told_by(problem.said), known.get(feed)
        if alert is None:
            new = Alert(rule=rule, feed=feed, opened_on=today, raised_at=now, value=problem.value, **told)
            changes.raised.append(new)
        elif kind.is_worse(alert.value, problem.value):
            changes.worse.append(Alert(pk=alert.pk, worse_on=today, worse_at=now, value=problem.value, **told))
        elif (alert.text, alert.said) != (told["text"], told["said"]):
            changes.reworded.append(Alert(pk=alert.pk, **told))
    for feed, alert in known.items():
        if feed not in problems:
            changes.close(alert.pk, today, now, Alert.Ending.RECOVERED, kind.says_when_over(rule, feed))
    return changes


def _turn_off(rule: AlertRule, day: date, now: datetime) -> Changes:
    changes = Changes()
    for key in Alert.objects.open().filter(rule=rule).values_list("pk", flat=True):
        changes.close(key, day, now, Alert.Ending.RULE_OFF, rule_turned_off.of())
    return changes
