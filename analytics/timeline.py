"""A customer's history in words: events and days with engagement, newest first; and when each step was done."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.db.models import Sum

from analytics.wording import counted
from customers.models import Customer, Engagement, Event, Step

_ORDER = {kind: place for place, kind in enumerate(Event.Kind.values)}


@dataclass(frozen=True)
class Entry:
    """Something that happened on a day; ``kind`` is an event's kind, or ``engagement``."""

    day: date
    kind: str
    text: str


@dataclass(frozen=True)
class StepDone:
    """A step on the scored date: whether it was done, when (None: before the first import), how we know."""

    label: str
    done: bool
    day: date | None
    source: str


def timeline(customer: Customer, day: date) -> list[Entry]:
    """What happened up to ``day``; what an event tells is not told again by the counters of its day."""
    events = list(_events(customer, day))
    told = Counter((entry.day, entry.kind) for entry in events)
    words = {(entry.day, entry.text) for entry in events}
    rest = (entry for entry in _engagement(customer, day, told) if (entry.day, entry.text) not in words)
    return sorted([*events, *rest], key=lambda entry: (entry.day, _ORDER.get(entry.kind, len(_ORDER))), reverse=True)


def steps(customer: Customer, day: date, done: dict[str, bool]) -> list[StepDone]:
    """The five steps with their dates; ``done`` says which count on ``day``."""
    events: dict[str, date] = {}
    for kind, when in customer.event_set.order_by("-date").values_list("kind", "date"):
        events[kind] = when
    first_rows = {
        Step.FIRST_ISSUE: customer.engagement_set.filter(issues_tagged__gt=0),
        Step.FIRST_PR: customer.engagement_set.filter(prs_generated__gt=0),
    }
    seen = dict(customer.step_sightings.values_list("step", "seen_on"))
    found = []
    for step in Step:
        when, source = None, ""
        if done[step]:
            when, source = events.get(step), "event"
            if when is None and step in first_rows:
                first = first_rows[step].order_by("date").values_list("date", flat=True).first()
                when, source = first, "first engagement"
            if when is None:
                when = seen.get(step)
                source = "first seen on" if when else "before the first import"
        found.append(StepDone(step.label, done[step], when, source))
    return found


def _events(customer: Customer, day: date) -> Iterator[Entry]:
    for event in customer.event_set.filter(date__lte=day):
        yield Entry(event.date, event.kind, _event_text(event))


def _event_text(event: Event) -> str:
    if event.kind == Event.Kind.SUPPORT_REQUEST and event.detail:
        return f"Support request: “{event.detail}”"
    return event.detail or event.get_kind_display()


def _engagement(customer: Customer, day: date, told: Counter[tuple[date, str]]) -> Iterator[Entry]:
    sums = {name: Sum(name) for name in Engagement.COUNTERS}
    days = customer.engagement_set.filter(date__lte=day).order_by().values("date").annotate(**sums)
    for row in days:
        parts = []
        if row["issues_tagged"]:
            parts.append(f"Tagged {counted(row['issues_tagged'], 'issue')}")
        if row["prs_generated"]:
            parts.append(f"Generated {counted(row['prs_generated'], 'PR')}")
        if row["prs_merged"]:
            parts.append(f"Merged {counted(row['prs_merged'], 'PR')}")
        if row["prs_rejected"]:
            parts.append(f"Rejected {counted(row['prs_rejected'], 'PR')}")
        untold = row["support_requests"] - told[row["date"], Event.Kind.SUPPORT_REQUEST]
        if untold > 0:
            parts.append(counted(untold, "support request"))
        for text in parts:
            yield Entry(row["date"], "engagement", text)
