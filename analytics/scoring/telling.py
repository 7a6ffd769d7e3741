"""Tell other tools what a scoring says anew of customers: the newest scored date, before and after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from django.db import connection

from analytics.models import EventKind, HealthStatus, PortfolioDay, Snapshot
from analytics.scoring.components import STEPS
from analytics.webhook_events.announce import Told, announce, listened
from customers.core.limits import FETCH_SIZE
from customers.core.sql import Row, analyze, create_temporary, date_of, drop_temporary, execute, table_of

OF_SCORES = (
    EventKind.STATUS_CHANGED,
    EventKind.AT_RISK,
    EventKind.STEP_COMPLETED,
    EventKind.ONBOARDING_COMPLETED,
)
BEFORE = "said_before"
"""The temporary table of what the newest scored date said."""
_DONE = (*STEPS, "onboarded")

_NEWLY = [f"(s.{name} AND b.{name} IS NOT TRUE)" for name in _DONE]
CHANGED = f"""
    SELECT s.customer_id, b.status, s.status, s.score, s.completed_on, {", ".join(_NEWLY)}
    FROM {table_of(Snapshot)} s LEFT JOIN {BEFORE} b ON b.customer_id = s.customer_id
    WHERE s.date = %s AND s.customer_id {{among}} AND (
        b.status <> s.status OR (b.status IS NULL AND s.status = '{HealthStatus.AT_RISK.value}')
        OR {" OR ".join(_NEWLY)}
    )
    ORDER BY s.customer_id"""
"""The query of who has changed; ``among`` says whose ``customer_id``."""


@contextmanager
def telling(day: date, among: str = "IS NOT NULL") -> Iterator[None]:
    """Announce what the scoring of ``day`` inside says anew, compared with the newest scored date before.

    ``among`` says whose ``customer_id`` it scores, as SQL. An older date than the newest tells nothing, and nor does
    the first one, whose customers are all new.
    """
    newest = _newest() if listened(*OF_SCORES) else None
    if newest is None or day < newest:
        yield
        return
    columns = ", ".join(("customer_id", "status", *_DONE))
    # No text of anybody's is in it, and PostgreSQL takes no parameters where it makes a table.
    said = f"SELECT {columns} FROM {table_of(Snapshot)} WHERE date = '{newest.isoformat()}' AND customer_id {among}"
    create_temporary(BEFORE, said)
    # SQLite makes none by itself here, and would read all of the table for each customer.
    execute(f"CREATE INDEX {BEFORE}_customer ON {BEFORE} (customer_id)")
    analyze(BEFORE)
    yield
    announce(_told(day, among))
    drop_temporary(BEFORE)


def _newest() -> date | None:
    return PortfolioDay.objects.order_by("-date").values_list("date", flat=True).first()


def _told(day: date, among: str) -> Iterator[Told]:
    """Yield what is new of each customer, those who are new included; a customer's own status first."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(CHANGED.format(among=among), [day])
        while rows := cursor.fetchmany(FETCH_SIZE):
            for row in rows:
                yield from _told_of(day, row)


def _told_of(day: date, row: Row) -> Iterator[Told]:
    customer, old, new, score, completed_on, *newly = row
    if old not in (None, new):
        yield Told(EventKind.STATUS_CHANGED, old, new, customer, day, {"score": score})
    if new == HealthStatus.AT_RISK and old != new:
        yield Told(EventKind.AT_RISK, old, new, customer, day, {"score": score})
    *steps, onboarded = newly
    for step, is_new in zip(STEPS, steps, strict=True):
        if is_new:
            yield Told(EventKind.STEP_COMPLETED, False, True, customer, day, {"step": step})
    if onboarded:
        on = date_of(completed_on).isoformat() if completed_on else None
        yield Told(EventKind.ONBOARDING_COMPLETED, False, True, customer, day, {"completed_on": on})
