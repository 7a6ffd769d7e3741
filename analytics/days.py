"""The scored dates around the one that a page shows, from one query: for comparisons and charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q, Subquery

from analytics.models import PortfolioDay

COMPARED_DAYS = 7
"""How far back a change looks."""
MOST_COMPARED_DAYS = 14
"""Where that date is not scored, the newest before it will do, but none older than this."""


@dataclass(frozen=True)
class Days:
    """``scored`` are the dates up to the shown one, which is the last; ``before`` is what it is compared with."""

    scored: Sequence[PortfolioDay]
    before: PortfolioDay | None
    previous: date | None
    next: date | None

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
    first = day - timedelta(days=max(days, MOST_COMPARED_DAYS + 1) - 1)
    wanted = PortfolioDay.objects.filter(Q(date__range=(first, day)) | Q(date=earlier) | Q(date=later))
    found = list(wanted.select_related("policy").reverse())
    scored = [one for one in found if first <= one.date <= day]
    compared = [one for one in scored if COMPARED_DAYS <= (day - one.date).days <= MOST_COMPARED_DAYS]
    return Days(
        scored,
        before=compared[-1] if compared else None,
        previous=max((one.date for one in found if one.date < day), default=None),
        next=min((one.date for one in found if one.date > day), default=None),
    )
