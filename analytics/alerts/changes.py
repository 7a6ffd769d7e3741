"""What an evaluation has to store of a rule's alerts; judging writes nothing."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime

from analytics.models import Alert
from analytics.wording import one_line
from customers.core.limits import BATCH_SIZE, batches

MAX_ENDING_LENGTH = 200


@dataclass
class Changes:
    """The alerts that are new, have grown worse, say the same in newer words, or close."""

    raised: list[Alert] = field(default_factory=list)
    worse: list[Alert] = field(default_factory=list)
    reworded: list[Alert] = field(default_factory=list)
    closed: list[Alert] = field(default_factory=list)

    def close(self, pk: int, day: date, now: datetime, ending: str, text: str) -> None:
        """Let an alert close; ``text`` says how it ended."""
        ending_text = one_line(text, MAX_ENDING_LENGTH)
        self.closed.append(Alert(pk=pk, closed_on=day, closed_at=now, ending=ending, ending_text=ending_text))

    def store(self) -> None:
        """Write the changes."""
        # Close before creating: only one open alert per rule and feed is allowed.
        _update(self.closed, "closed_on", "closed_at", "ending", "ending_text")
        Alert.objects.bulk_create(self.raised, batch_size=BATCH_SIZE)
        _update(self.worse, "text", "value", "worse_on", "worse_at")
        _update(self.reworded, "text")


def _update(alerts: list[Alert], *names: str) -> None:
    """Write these fields, all alerts with the same values at once: ``bulk_update`` takes minutes for thousands."""
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for alert in alerts:
        alike[tuple(getattr(alert, name) for name in names)].append(alert.pk)
    for values, keys in alike.items():
        for some in batches(keys):
            Alert.objects.filter(pk__in=some).update(**dict(zip(names, values, strict=True)))
