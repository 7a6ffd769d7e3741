"""What an evaluation has to store of a rule's alerts, and what other tools are told of it; judging writes nothing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from analytics.models import Alert, AlertRule, EventKind
from analytics.models.alerts import ended_by
from analytics.webhook_events.announce import Told, Value, announce
from customers.clock import program_today
from customers.core.limits import BATCH_SIZE, FETCH_SIZE, batches
from customers.text.sentences import Said


@dataclass
class Changes:
    """The alerts that are new, have grown worse, say the same in newer words, or close."""

    raised: list[Alert] = field(default_factory=list)
    worse: list[Alert] = field(default_factory=list)
    reworded: list[Alert] = field(default_factory=list)
    closed: list[Alert] = field(default_factory=list)

    def close(self, pk: int, day: date, now: datetime, ending: str, said: Said) -> None:
        """Let an alert close, as is ``said``."""
        self.closed.append(Alert(pk=pk, closed_on=day, closed_at=now, ending=ending, **ended_by(said)))

    def store(self) -> None:
        """Write the changes, and tell other tools of them."""
        # Close before creating: only one open alert per rule and feed is allowed.
        _update(self.closed, "closed_on", "closed_at", "ending", "ending_text", "ending_said")
        Alert.objects.bulk_create(self.raised, batch_size=BATCH_SIZE)
        _update(self.worse, "text", "said", "value", "worse_on", "worse_at")
        _update(self.reworded, "text", "said")
        if self.closed:
            announce(closed([alert.pk for alert in self.closed]))
        if self.raised:
            announce(opened(self.raised))


def _update(alerts: list[Alert], *names: str) -> None:
    """Write these fields, all alerts with the same values at once: ``bulk_update`` takes minutes for thousands."""
    alike: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        alike[repr([getattr(alert, name) for name in names])].append(alert)
    for same in alike.values():
        values = {name: getattr(same[0], name) for name in names}
        for some in batches([alert.pk for alert in same]):
            Alert.objects.filter(pk__in=some).update(**values)


def opened(alerts: Iterable[Alert]) -> Iterator[Told]:
    """Yield what is told of new alerts, which have their rules."""
    for alert in alerts:
        rule = alert.rule
        more = {"severity": AlertRule.Severity(rule.severity).name.lower() if rule else None, "value": alert.value}
        yield Told(EventKind.ALERT_OPENED, None, "open", alert.customer_id, alert.opened_on, {**_about(alert), **more})


def closed(keys: Sequence[int]) -> Iterator[Told]:
    """Yield what is told of alerts that are closed by now."""
    for some in batches(keys, FETCH_SIZE):
        for alert in Alert.objects.filter(pk__in=some).select_related("rule").order_by("pk"):
            yield _closed(alert, alert.ending, alert.closed_on)


def tell_deleted(instance: AlertRule, **_signal: object) -> None:
    """Announce that a rule's open alerts close, because it is deleted. Receives ``pre_delete``."""
    alerts = Alert.objects.open().filter(rule=instance).order_by("pk")
    announce(_closed(alert, Alert.Ending.RULE_OFF, program_today()) for alert in alerts)


def _closed(alert: Alert, ending: str, day: date | None) -> Told:
    return Told(EventKind.ALERT_CLOSED, "open", str(ending), alert.customer_id, day, _about(alert))


def _about(alert: Alert) -> dict[str, Value]:
    rule = alert.rule.kind if alert.rule else None
    return {"alert": alert.pk, "rule": rule, "rule_id": alert.rule_id, "feed": alert.feed}
