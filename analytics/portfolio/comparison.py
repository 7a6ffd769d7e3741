"""The comparison date of a scored date: which older one it is compared with over a week or a month.

It is the one rule of every page, mail and export; the choice above the dashboard is made of it in ``period``.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from analytics.models import PortfolioDay
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion

WEEK, MONTH = 7, 30
SPANS = (WEEK, MONTH)
"""Over how many days a change is told."""
SLACK = 7
"""A comparison date is older than the span by at most so many days."""


def comparison_date(scored: Iterable[date], day: date, days: int = WEEK) -> date | None:
    """Return which of the ``scored`` dates ``day`` is compared with over so many days.

    It is the newest one at least so many days before, and at most ``SLACK`` older than that.
    """
    return newest_until(scored, day - timedelta(days=days))


def newest_until(scored: Iterable[date], last: date) -> date | None:
    """Return the newest of the dates up to the ``last`` one that is at most ``SLACK`` older."""
    return max((one for one in scored if 0 <= (last - one).days <= SLACK), default=None)


def comparison_dates(day: date) -> dict[int, date | None]:
    """Return the comparison date of each span, None where none is scored; one query."""
    range_ = (day - timedelta(days=max(SPANS) + SLACK), day - timedelta(days=min(SPANS)))
    scored = list(PortfolioDay.objects.filter(date__range=range_).values_list("date", flat=True))
    return {days: comparison_date(scored, day, days) for days in SPANS}


class ComparisonDatesKey(page_cache.DataKey):
    """Of the comparison dates of a scored date."""

    day: date


def kept_comparison_dates(
    version: DataVersion, day: date, known: dict[int, date | None] | None = None
) -> dict[int, date | None]:
    """Return the same, kept as long as nothing is scored; without a query where they are ``known``."""
    make = (lambda: known) if known else (lambda: comparison_dates(day))
    return page_cache.get_or_set(ComparisonDatesKey(version=version, day=day), make)


def comparison_day(day: date) -> PortfolioDay | None:
    """Return the scored date that ``day`` is compared with over a week."""
    found = comparison_dates(day)[WEEK]
    return PortfolioDay.objects.select_related("policy").get(pk=found) if found else None
