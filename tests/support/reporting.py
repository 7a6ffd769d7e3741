"""What the product reported, as an ingest leaves it behind."""

from datetime import date

from customers.imports.provisional import provisional_key
from customers.models import Customer, Engagement, Event
from tests.factories import make_run


def report_counters(customer: Customer, day: date, **counters: int) -> Engagement:
    """A customer's provisional row of engagement for a day."""
    run = make_run(feed="engagement", scope="events", file="events", created=1, rows=1)
    key = provisional_key(customer.pk, day.isoformat())
    return Engagement.objects.create(
        id=key, customer=customer, date=day, provisional=True, run=run, line=0, **counters
    )


def report_step(customer: Customer, day: date, step: str) -> Event:
    """A customer's provisional event of a step."""
    run = make_run(feed="events", scope="events", file="events", created=1, rows=1)
    key = provisional_key(customer.pk, step)
    return Event.objects.create(id=key, customer=customer, date=day, kind=step, provisional=True, run=run, line=0)
