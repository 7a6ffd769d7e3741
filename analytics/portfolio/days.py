"""The scored dates around the one that a page shows: for comparisons and charts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q, Subquery

from analytics.models import PortfolioDay
from analytics.page_cache.program import Program

WEEK, MONTH = 7, 30
SPANS = (WEEK, MONTH)
"""Over how many days a change is told."""
SLACK = 7
"""Where that date is not scored, the newest before it will do, but none that is older by more than this."""


def compared_date(scored: Iterable[date], day: date, days: int = WEEK) -> date | None:
    """The date that ``day`` is compared with over so many days: the one rule of every page, mail and export.

    It is the newest of the ``scored`` ones at least so many days before, and at most ``SLACK`` older than that.
    """
    return max((one for one in scored if days <= (day - one).days <= days + SLACK), default=None)


def compared_dates(day: date) -> dict[int, date | None]:
    """By span the date that ``day`` is compared with, None where none is scored; one query."""
    range_ = (day - timedelta(days=max(SPANS) + SLACK), day - timedelta(days=min(SPANS)))
    scored = list(PortfolioDay.objects.filter(date__range=range_).values_list("date", flat=True))
    return {days: compared_date(scored, day, days) for days in SPANS}


def known_dates(program: Program, day: date, days: "Days | None" = None) -> dict[int, date | None]:
    """The same, kept as long as nothing is scored; without a query where the ``days`` around it are there."""
    make = (lambda: days.compared) if days else (lambda: compared_dates(day))
    return program.kept(f"compared with {day}", make, data_alone=True)


def week_before(day: date) -> PortfolioDay | None:
    """The scored date that ``day`` is compared with over a week."""
    found = compared_dates(day)[WEEK]
    return PortfolioDay.objects.select_related("policy").get(pk=found) if found else None


@dataclass(frozen=True)
class Days:
    """``scored`` are the dates up to the shown one, which is the last; ``before`` is what it is compared with."""

    scored: Sequence[PortfolioDay]
    before: PortfolioDay | None
    previous: date | None
    next: date | None
    compared: dict[int, date | None]
    """By span the date to compare with."""

    def since(self, days: int) -> list[PortfolioDay]:
        """Those of the ``days`` up to the shown one, which count as one of them."""
        first = self.scored[-1].date - timedelta(days=days - 1)
        return [one for one in self.scored if one.date >= first]


def days_around(portfolio: PortfolioDay, days: int) -> Days:
    """The scored dates of the ``days`` up to this one, and its neighbours; one query."""
    day = portfolio.date
    others = PortfolioDay.objects.order_by()
    earlier = Subquery(others.filter(date__lt=day).order_by("-date").values("date")[:1])
    later = Subquery(others.filter(date__gt=day).order_by("date").values("date")[:1])
    first = day - timedelta(days=max(days - 1, max(SPANS) + SLACK))
    wanted = PortfolioDay.objects.filter(Q(date__range=(first, day)) | Q(date=earlier) | Q(date=later))
    found = list(wanted.select_related("policy").reverse())
    scored: Mapping[date, PortfolioDay] = {one.date: one for one in found if first <= one.date <= day}
    compared = {span: compared_date(scored, day, span) for span in SPANS}
    week = compared[WEEK]
    return Days(
        list(scored.values()),
        before=scored[week] if week else None,
        previous=max((one.date for one in found if one.date < day), default=None),
        next=min((one.date for one in found if one.date > day), default=None),
        compared=compared,
    )
