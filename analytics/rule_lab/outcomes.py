"""Who of some customers went quiet after a date, by the forecast's definition and its stored outcomes.

A test holds that this SQL says what ``analytics.forecast.quiet`` says, which pages do not load.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from django.db.models import Count, Max, Min, Q

from analytics.models import HORIZON, RECENT, ForecastCase, ForecastTarget
from analytics.scoring.measure_sql import IS_ACTIVE
from customers.core.sql import analyze, copy_rows, create_temporary, fetch, table_of
from customers.models import Customer, Engagement

_TRIED = "tried_customer"


def went_quiet(day: date, customers: Iterable[str]) -> dict[str, bool]:
    """Return of those whom the forecast is about on ``day`` who had no active day in the 30 days after it.

    These days are over. At a month's end that was back-tested it is what the back-test found. The caller rolls back.
    """
    create_temporary(_TRIED, f"SELECT id AS customer_id FROM {table_of(Customer)} WHERE 1 = 0")
    copy_rows(_TRIED, ["customer_id"], ([key] for key in customers))
    analyze(_TRIED)
    tested = ForecastCase.objects.of(ForecastTarget.QUIET).on(day).exists()
    return {key: bool(quiet) for key, quiet in (_tested(day) if tested else _by_rows(day))}


class Everybody(NamedTuple):
    """How many customers the forecast was about at the month ends from one ``to`` another, and who then went quiet."""

    first: date
    to: date
    customers: int
    quiet: int


def everybody(dates: Sequence[date]) -> Everybody | None:
    """Return what became of everybody at the back-tested month ends among some dates, by one query; None of none."""
    cases = ForecastCase.objects.of(ForecastTarget.QUIET).filter(date__in=dates).order_by()
    quiet = Count("pk", filter=Q(came_true=True))
    found = cases.aggregate(first=Min("date"), to=Max("date"), customers=Count("pk"), quiet=quiet)
    return Everybody(**found) if found["customers"] else None


def _tested(day: date) -> list[tuple[str, bool]]:
    sql = f"""
        SELECT tried.customer_id, tested.came_true FROM {_TRIED} tried
        JOIN {table_of(ForecastCase)} tested ON tested.customer_id = tried.customer_id
        WHERE tested.target = %s AND tested.date = %s"""
    return [(key, quiet) for key, quiet in fetch(sql, [ForecastTarget.QUIET.value, day])]


def _by_rows(day: date) -> list[tuple[str, bool]]:
    active = f"SELECT 1 FROM {table_of(Engagement)} e WHERE e.customer_id = tried.customer_id AND ({IS_ACTIVE})"
    sql = f"""
        SELECT tried.customer_id, NOT EXISTS ({active} AND e.date > %(day)s AND e.date <= %(over)s) FROM {_TRIED} tried
        WHERE EXISTS ({active} AND e.date <= %(settled)s)
        AND EXISTS ({active} AND e.date > %(recent)s AND e.date <= %(day)s)"""
    days = {"over": HORIZON, "settled": -HORIZON, "recent": -RECENT, "day": 0}
    return [
        (key, quiet)
        for key, quiet in fetch(sql, {name: day + timedelta(days=distance) for name, distance in days.items()})
    ]
