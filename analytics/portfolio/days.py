"""The scored dates around the one that a page shows: for its charts, and to turn to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q, Subquery

from analytics.models import PortfolioDay
from analytics.portfolio.comparison import SLACK, SPANS, WEEK, comparison_date
from analytics.portfolio.period import USUAL, Period


@dataclass(frozen=True)
class Days:
    """``scored`` are the dates up to the shown one, which is the last one."""

    scored: Sequence[PortfolioDay]
    comparison_day: PortfolioDay | None
    """Of a week."""
    compared: PortfolioDay | None
    """What the figures are compared with over the chosen period."""
    previous: date | None
    next: date | None
    comparison_dates: dict[int, date | None]

    @property
    def compared_on(self) -> date | None:
        """The date that the figures are compared with."""
        return self.compared.date if self.compared else None

    def since(self, days: int) -> list[PortfolioDay]:
        """Return those of the ``days`` up to the shown one, which count as one of them."""
        first = self.scored[-1].date - timedelta(days=days - 1)
        return [one for one in self.scored if one.date >= first]


def days_around(portfolio: PortfolioDay, days: int, period: Period = USUAL) -> Days:
    """Return the scored dates of the ``days`` up to this one, and its neighbours; one query.

    The date that the ``period`` compares with comes along.
    """
    day = portfolio.date
    others = PortfolioDay.objects.order_by()
    earlier = Subquery(others.filter(date__lt=day).order_by("-date").values("date")[:1])
    later = Subquery(others.filter(date__gt=day).order_by("date").values("date")[:1])
    first = min(day - timedelta(days=max(days - 1, max(SPANS) + SLACK)), period.first_date(day))
    wanted = PortfolioDay.objects.filter(Q(date__range=(first, day)) | Q(date=earlier) | Q(date=later))
    found = list(wanted.select_related("policy").reverse())
    scored: Mapping[date, PortfolioDay] = {one.date: one for one in found if first <= one.date <= day}
    dates = {span: comparison_date(scored, day, span) for span in SPANS}
    week, compared = dates[WEEK], period.date_of(scored, day)
    return Days(
        list(scored.values()),
        comparison_day=scored[week] if week else None,
        compared=scored[compared] if compared else None,
        previous=max((one.date for one in found if one.date < day), default=None),
        next=min((one.date for one in found if one.date > day), default=None),
        comparison_dates=dates,
    )
