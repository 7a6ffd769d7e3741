"""Evaluate the rules for the newest scored date, and store what follows; a second run adds nothing."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from analytics.alerts import vanished
from analytics.alerts.candidates import inputs_of
from analytics.alerts.kinds import FEED_KINDS, KINDS, FeedKind, Vanished
from analytics.alerts.rules import Transition, decide
from analytics.clock import alert_moment
from analytics.models import Alert, AlertRule, PortfolioDay
from analytics.nights.feed_health import FeedHealth
from analytics.wording import one_line
from customers.audit import trail
from customers.core.limits import BATCH_SIZE, batches


@dataclass
class Evaluation:
    """What an evaluation found; ``day`` is None where nothing is scored yet, ``held_back`` says why, or ''."""

    day: date | None
    held_back: str = ""
    raised: int = 0
    worse: int = 0
    closed: int = 0


@dataclass
class _Changes:
    """What a rule has to store."""

    raised: list[Alert] = field(default_factory=list)
    worse: list[Alert] = field(default_factory=list)
    closed: list[Alert] = field(default_factory=list)

    def store(self, found: Evaluation) -> None:
        # Close before creating: only one open alert per rule and feed is allowed.
        _update(self.closed, ("closed_on", "closed_at", "ending", "ending_text"))
        Alert.objects.bulk_create(self.raised, batch_size=BATCH_SIZE)
        _update(self.worse, ("text", "value", "worse_on", "worse_at"))
        found.raised += len(self.raised)
        found.worse += len(self.worse)
        found.closed += len(self.closed)


def evaluate() -> Evaluation:
    """Bring the alerts in step with the newest scored date and the feeds of today; all or nothing.

    Older dates are never evaluated, so that scoring them afterwards raises nothing. Where the newest engagement
    cannot be believed, alerts that are computed from it stay as they are.
    """
    today, now = timezone.localdate(), alert_moment()
    portfolio = PortfolioDay.objects.newest()
    day = portfolio.date if portfolio else None
    health = FeedHealth(today, day)
    found = Evaluation(day, health.held_back)
    with transaction.atomic():
        for rule in AlertRule.objects.all():
            kind = KINDS[rule.kind]
            if not rule.active:
                found.closed += _turn_off(rule, day or today, now)
            elif isinstance(kind, FeedKind):
                _of_feeds(rule, kind, health, now).store(found)
            elif isinstance(kind, Vanished):
                _of_vanished(rule, today, now).store(found)
            elif day and not (found.held_back and kind.needs_engagement):
                _of_customers(rule, day, now).store(found)
        _record(found)
    return found


def close_feed_alerts() -> int:
    """Close the alerts of feeds and nights that are as they should be by now; return how many. It raises none.

    The caller holds the lock ``alerts``.
    """
    portfolio, found = PortfolioDay.objects.newest(), Evaluation(None, "")
    health = FeedHealth(timezone.localdate(), portfolio.date if portfolio else None)
    with transaction.atomic():
        for rule in AlertRule.objects.filter(active=True, kind__in=FEED_KINDS):
            if Alert.objects.open().filter(rule=rule).exists():
                changes = _of_feeds(rule, FEED_KINDS[rule.kind], health, alert_moment())
                _Changes(closed=changes.closed).store(found)
        _record(found)
    return found.closed


def _record(found: Evaluation) -> None:
    """Note in the audit that alerts have changed, where any have: a new entry makes pages count the alerts anew."""
    if found.raised or found.worse or found.closed:
        said = f"{found.raised} raised, {found.worse} worse, {found.closed} closed"
        trail.record(trail.Action.COMMAND, "alerts", detail=said)


def _of_customers(rule: AlertRule, day: date, now: datetime) -> _Changes:
    changes = _Changes()
    for inputs in inputs_of(rule, day):
        decision, alert = decide(rule, inputs), inputs.open
        news = {"text": one_line(decision.text, 500), "value": decision.value}
        if decision.transition == Transition.RAISE:
            changes.raised.append(
                Alert(rule=rule, customer_id=inputs.customer_id, opened_on=day, raised_at=now, **news)
            )
        elif alert and decision.transition == Transition.WORSEN:
            changes.worse.append(Alert(pk=alert.pk, worse_on=day, worse_at=now, **news))
        elif alert and decision.transition == Transition.CLOSE:
            changes.closed.append(_closed(alert.pk, day, now, decision.ending, decision.text))
    return changes


def _of_feeds(rule: AlertRule, kind: FeedKind, health: FeedHealth, now: datetime) -> _Changes:
    """Judge the feeds and nights; an open alert gets the newest words, whether or not it is worse."""
    changes, problems, today = _Changes(), kind.problems(rule, health), health.today
    known = {alert.feed: alert for alert in Alert.objects.open().filter(rule=rule, customer=None)}
    for feed, problem in problems.items():
        text, alert = one_line(problem.text, 500), known.get(feed)
        if alert is None:
            changes.raised.append(
                Alert(rule=rule, feed=feed, opened_on=today, raised_at=now, text=text, value=problem.value)
            )
        elif kind.is_worse(alert.value, problem.value):
            alert.text, alert.value, alert.worse_on, alert.worse_at = text, problem.value, today, now
            changes.worse.append(alert)
        elif alert.text != text:
            Alert.objects.filter(pk=alert.pk).update(text=text)
    changes.closed = [
        _closed(alert.pk, today, now, Alert.Ending.RECOVERED, kind.recovery_text(rule, feed))
        for feed, alert in known.items()
        if feed not in problems
    ]
    return changes


def _of_vanished(rule: AlertRule, today: date, now: datetime) -> _Changes:
    judged = vanished.judge(rule, today, now)
    closed = [_closed(alert.pk, today, now, Alert.Ending.RECOVERED, text) for alert, text in judged.closed]
    return _Changes(judged.raised, judged.worse, closed)


def _update(alerts: list[Alert], names: tuple[str, ...]) -> None:
    """Write these fields, all alerts with the same values at once: ``bulk_update`` takes minutes for thousands."""
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for alert in alerts:
        alike[tuple(getattr(alert, name) for name in names)].append(alert.pk)
    for values, keys in alike.items():
        for some in batches(keys):
            Alert.objects.filter(pk__in=some).update(**dict(zip(names, values, strict=True)))


def _closed(pk: int, day: date, now: datetime, ending: str, text: str) -> Alert:
    return Alert(pk=pk, closed_on=day, closed_at=now, ending=ending, ending_text=one_line(text, 200))


def _turn_off(rule: AlertRule, day: date, now: datetime) -> int:
    return (
        Alert.objects.open()
        .filter(rule=rule)
        .update(closed_on=day, closed_at=now, ending=Alert.Ending.RULE_OFF, ending_text="The rule was turned off")
    )
