"""When each onboarding step was done, and how we know."""

from dataclasses import dataclass
from datetime import date

from django.db.models import CharField, F, Min, Value
from django.db.models.functions import Cast

from customers.models import Customer, Engagement, Event, Step, StepSighting
from customers.onboarding import COUNTER_OF_STEP

EVENT, ENGAGEMENT, SIGHTING = "event", "first engagement", "first seen on"
UNKNOWN = "before the first import"


@dataclass(frozen=True)
class StepDone:
    """A step on the scored date: whether it was done, when (None: before the first import), how we know."""

    label: str
    done: bool
    day: date | None
    source: str


def steps(customer: Customer, done: dict[str, bool]) -> tuple[list[StepDone], frozenset[str]]:
    """The five steps with their dates, where ``done`` says which count; and which have an event. One query."""
    known = _dates(customer)
    found = []
    for step in Step:
        day, source = None, ""
        if done[step]:
            sources = (source for source in (EVENT, ENGAGEMENT, SIGHTING) if (source, step.value) in known)
            source = next(sources, UNKNOWN)
            day = known.get((source, step.value))
        found.append(StepDone(step.label, done[step], day, source))
    return found, frozenset(step for source, step in known if source == EVENT)


def _dates(customer: Customer) -> dict[tuple[str, str], date]:
    """By source and step the earliest date."""

    def named(source: str) -> Cast:
        return Cast(Value(source), CharField())

    events = Event.objects.filter(customer=customer, kind__in=Step.values).order_by()
    found = [events.values_list(named(EVENT), Cast("kind", CharField())).annotate(day=Min("date"))]
    for step, counter in COUNTER_OF_STEP.items():
        rows = Engagement.objects.filter(customer=customer, **{f"{counter}__gt": 0}).order_by()
        found.append(rows.values_list(named(ENGAGEMENT), named(step.value)).annotate(day=Min("date")))
    seen = StepSighting.objects.filter(customer=customer, seen_on__isnull=False).order_by()
    found.append(seen.values_list(named(SIGHTING), Cast("step", CharField()), F("seen_on")))
    return {(source, step): day for source, step, day in found[0].union(*found[1:], all=True)}
