"""When each onboarding step was done, and how we know."""

from dataclasses import dataclass
from datetime import date

from customers.core.prepared import fetch_prepared
from customers.core.sql import date_of, table_of
from customers.models import Customer, Engagement, Event, Step, StepSighting
from customers.models.onboarding import COUNTER_OF_STEP
from customers.text.say import english

EVENT, ENGAGEMENT, SIGHTING = "event", english("first engagement"), english("first seen on")
UNKNOWN = english("before the first import")


@dataclass(frozen=True)
class StepDone:
    """A step on the scored date: whether it was done, when (None: before the first import), how we know."""

    label: str
    done: bool
    day: date | None
    source: str


def steps(customer: Customer, done: dict[str, bool]) -> tuple[list[StepDone], frozenset[str]]:
    """Return the five steps with their dates, where ``done`` says which count; and which have an event. One query."""
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


_DATES = " UNION ALL ".join(
    [
        f"SELECT '{EVENT}', kind, MIN(date) FROM {table_of(Event)} WHERE customer_id = %s GROUP BY kind",
        *(
            f"SELECT '{ENGAGEMENT}', '{step}', MIN(date) FROM {table_of(Engagement)} "
            f"WHERE customer_id = %s AND {counter} > 0"
            for step, counter in COUNTER_OF_STEP.items()
        ),
        f"SELECT '{SIGHTING}', step, seen_on FROM {table_of(StepSighting)} WHERE customer_id = %s",
    ]
)


def _dates(customer: Customer) -> dict[tuple[str, str], date]:
    """By source and step the earliest date."""
    found = fetch_prepared(_DATES, [customer.pk] * _DATES.count("%s"))
    return {(source, step): date_of(day) for source, step, day in found if day is not None and step in Step.values}
