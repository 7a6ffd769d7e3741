"""The live record: what the stored forecasts of past dates said, and what came of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet, Sum

from analytics.forecast.bands import BANDS, band_in_words
from analytics.models import HORIZON, ForecastDay, ForecastTarget
from analytics.rounding import percent

NEWEST_DAYS = 10
"""So many of the dates that were compared are shown one by one."""
ROWS_PER_PAGE = 50
_COUNTS = tuple(name for band in BANDS for name in (band.name, f"{band.name}_true"))


@dataclass(frozen=True)
class BandCount:
    """The forecasts in a band and of how many it came true; ``query`` is what narrows the list of a date to them."""

    label: str
    query: str
    customers: int
    came_true: int

    @property
    def percent(self) -> int | None:
        """In what percent it came true; None of nobody."""
        return percent(self.came_true, self.customers)


@dataclass(frozen=True)
class RecordTotal:
    """The record of all dates that were forecast in time, or of those that were ``backfilled``."""

    backfilled: bool
    days: int
    bands: Sequence[BandCount]
    error: float
    """The mean squared difference between forecast and outcome."""


@dataclass(frozen=True)
class RecordDay:
    """The record of a date."""

    day: date
    backfilled: bool
    bands: Sequence[BandCount]


def totals_of_record(day: date) -> dict[str, list[RecordTotal]]:
    """Return the totals of each forecast as known on a date, those in time first; one query."""
    found = _compared(day).order_by("target", "backfilled").values("target", "backfilled")
    sums = found.annotate(days=Count("pk"), of=Sum("compared"), error=Sum("squared_error"))
    sums = sums.annotate(**{f"sum_{name}": Sum(name) for name in _COUNTS})
    totals = defaultdict(list)
    columns = ("target", "backfilled", "days", "of", "error", *(f"sum_{name}" for name in _COUNTS))
    for target, backfilled, days, of, error, *counts in sums.values_list(*columns):
        totals[target].append(RecordTotal(backfilled, days, _bands(target, counts), error / of))
    return totals


def newest_of_record(day: date) -> dict[str, list[RecordDay]]:
    """Return the newest dates of each forecast that were compared by a date; one query."""
    found = _compared(day).order_by("-date", "target").values_list("target", "date", "backfilled", *_COUNTS)
    newest = defaultdict(list)
    for target, of, backfilled, *counts in found[: NEWEST_DAYS * len(ForecastTarget)]:
        newest[target].append(RecordDay(of, backfilled, _bands(target, counts)))
    return newest


@dataclass(frozen=True)
class RecordPage:
    """Dates that a total sums, the newest first: a page of them, with their rows."""

    page: Page[tuple[object, ...]]
    rows: list[RecordDay]


def dates_of_record(day: date, target: str, page: str | None, *, backfilled: bool) -> RecordPage:
    """Return a page of the dates that a total as known on a date sums; two queries."""
    found = _compared(day).filter(target=target, backfilled=backfilled).order_by("-date")
    shown = Paginator(found.values_list("date", *_COUNTS), ROWS_PER_PAGE).get_page(page)
    return RecordPage(shown, [RecordDay(of, backfilled, _bands(target, counts)) for of, *counts in shown])


def _compared(day: date) -> QuerySet[ForecastDay]:
    """Return the dates whose days were over on a date, and of which anything was forecast."""
    over = ForecastDay.objects.filter(compared_at__isnull=False, date__lte=day - timedelta(days=HORIZON))
    return over.filter(compared__gt=0)


def _bands(target: str, counts: Sequence[int]) -> list[BandCount]:
    """Return the bands with their ``_COUNTS``."""
    return [
        BandCount(band_in_words(ForecastTarget(target), band), f"forecast_{target}={band.name}", customers, came_true)
        for band, customers, came_true in zip(BANDS, counts[::2], counts[1::2], strict=True)
    ]
