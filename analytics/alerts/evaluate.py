"""Evaluate the rules for the newest scored date, and store what follows; a second run adds nothing."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from analytics.alerts import vanished
from analytics.alerts.facts import facts_of
from analytics.alerts.rules import FROM_ENGAGEMENT, Act, decide, is_worse
from analytics.clock import alert_moment
from analytics.models import Alert, AlertRule
from analytics.nights import feed_health
from analytics.nights.feed_health import Trouble
from analytics.portfolio.figures import newest_day
from analytics.wording import counted, one_line

BATCH = 1_000


@dataclass
class Evaluation:
    """What an evaluation found; ``day`` is None where nothing is scored yet, ``held_back`` says why, or ''."""

    day: date | None
    held_back: str = ""
    raised: int = 0
    worse: int = 0
    closed: int = 0


OF_FEEDS = (AlertRule.Kind.FEED, AlertRule.Kind.QUARANTINED)
"""The rules on feeds, which are judged today whatever is scored."""


@dataclass
class _Changes:
    """What a rule has to store."""

    new: list[Alert] = field(default_factory=list)
    worse: list[Alert] = field(default_factory=list)
    over: list[Alert] = field(default_factory=list)

    def store(self, found: Evaluation) -> None:
        # Of a rule on the feed the one that is over makes way for a new one.
        _update(self.over, ("closed_on", "closed_at", "ending", "ending_text"))
        Alert.objects.bulk_create(self.new, batch_size=BATCH)
        _update(self.worse, ("text", "value", "worse_on", "worse_at"))
        found.raised += len(self.new)
        found.worse += len(self.worse)
        found.closed += len(self.over)


def evaluate() -> Evaluation:
    """Bring the alerts in step with the newest scored date and the feeds of today; all or nothing.

    Older dates are never evaluated, so that scoring them afterwards raises nothing. Where the newest engagement
    cannot be believed, alerts that are computed from it stay as they are.
    """
    today, now = timezone.localdate(), alert_moment()
    portfolio = newest_day()
    day = portfolio.date if portfolio else None
    found = Evaluation(day, feed_health.held_back(day, today))
    with transaction.atomic():
        for rule in AlertRule.objects.all():
            if not rule.active:
                found.closed += _turn_off(rule, day or today, now)
            elif rule.kind in OF_FEEDS:
                _of_feeds(rule, _troubles(rule, today, day), today, now).store(found)
            elif rule.kind == AlertRule.Kind.VANISHED:
                _of_vanished(rule, today, now).store(found)
            elif day and not (found.held_back and rule.kind in FROM_ENGAGEMENT):
                _of_customers(rule, day, now).store(found)
    return found


def close_feed_alerts() -> int:
    """Close the alerts of feeds and nights that are as they should be by now; return how many. It raises none.

    The caller holds the lock ``alerts``.
    """
    today, portfolio, found = timezone.localdate(), newest_day(), Evaluation(None, "")
    with transaction.atomic():
        for rule in AlertRule.objects.filter(active=True, kind__in=OF_FEEDS):
            if Alert.objects.open().filter(rule=rule).exists():
                troubles = _troubles(rule, today, portfolio.date if portfolio else None)
                _Changes(over=_of_feeds(rule, troubles, today, alert_moment()).over).store(found)
    return found.closed


def _of_customers(rule: AlertRule, day: date, now: datetime) -> _Changes:
    changes = _Changes()
    for facts in facts_of(rule, day):
        decision = decide(rule.kind, rule.threshold, rule.recovery, facts, day)
        text = one_line(decision.text, 500)
        if decision.act == Act.RAISE:
            changes.new.append(
                Alert(
                    rule=rule,
                    customer_id=facts.customer_id,
                    opened_on=day,
                    raised_at=now,
                    text=text,
                    value=decision.value,
                )
            )
        elif facts.open and decision.act == Act.WORSEN:
            changes.worse.append(Alert(pk=facts.open.pk, text=text, value=decision.value, worse_on=day, worse_at=now))
        elif facts.open and decision.act == Act.CLOSE:
            changes.over.append(_over(facts.open.pk, day, now, decision.ending, text))
    return changes


def _troubles(rule: AlertRule, today: date, day: date | None) -> dict[str, Trouble]:
    """What is wrong with each feed, by one of the rules ``OF_FEEDS``."""
    if rule.kind == AlertRule.Kind.QUARANTINED:
        return feed_health.quarantined(max(rule.threshold or 0, 1))
    return feed_health.troubles(today, day)


def _of_feeds(rule: AlertRule, troubles: dict[str, Trouble], today: date, now: datetime) -> _Changes:
    """A feed's alert has the newest words; it is worse when it is twice as late as last told."""
    changes = _Changes()
    known = {alert.feed: alert for alert in Alert.objects.open().filter(rule=rule, customer=None)}
    for feed, trouble in troubles.items():
        text, alert = one_line(trouble.text, 500), known.get(feed)
        if alert is None:
            changes.new.append(
                Alert(rule=rule, feed=feed, opened_on=today, raised_at=now, text=text, value=trouble.days)
            )
        elif is_worse(rule.kind, alert.value, trouble.days):
            alert.text, alert.value, alert.worse_on, alert.worse_at = text, trouble.days, today, now
            changes.worse.append(alert)
        elif alert.text != text:
            Alert.objects.filter(pk=alert.pk).update(text=text)
    well = "{} is as it should be"
    if rule.kind == AlertRule.Kind.QUARANTINED:
        well = f"Fewer than {counted(max(rule.threshold or 0, 1), 'row')} of the feed in quarantine"
    changes.over = [
        _over(alert.pk, today, now, Alert.Ending.RECOVERED, well.format("The feed" if feed else "The night"))
        for feed, alert in known.items()
        if feed not in troubles
    ]
    return changes


def _of_vanished(rule: AlertRule, today: date, now: datetime) -> _Changes:
    judged = vanished.judge(rule, today, now)
    over = [_over(alert.pk, today, now, Alert.Ending.RECOVERED, text) for alert, text in judged.over]
    return _Changes(judged.new, judged.worse, over)


def _update(alerts: list[Alert], names: tuple[str, ...]) -> None:
    """Write these fields, all alerts with the same values at once: ``bulk_update`` takes minutes for thousands."""
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for alert in alerts:
        alike[tuple(getattr(alert, name) for name in names)].append(alert.pk)
    for values, keys in alike.items():
        for start in range(0, len(keys), BATCH):
            some = Alert.objects.filter(pk__in=keys[start : start + BATCH])
            some.update(**dict(zip(names, values, strict=True)))


def _over(pk: int, day: date, now: datetime, ending: str, text: str) -> Alert:
    return Alert(pk=pk, closed_on=day, closed_at=now, ending=ending, ending_text=one_line(text, 200))


def _turn_off(rule: AlertRule, day: date, now: datetime) -> int:
    return (
        Alert.objects.open()
        .filter(rule=rule)
        .update(closed_on=day, closed_at=now, ending=Alert.Ending.RULE_OFF, ending_text="The rule was turned off")
    )
