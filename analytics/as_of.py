"""The scored date that a page is about, as its address asks for it."""

from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest
from django.utils.dateparse import parse_date

from analytics import dashboard
from analytics.models import PortfolioDay
from customers.kinds import shown


@dataclass(frozen=True)
class AsOf:
    """The scored date a page is about (None: nothing is scored yet), and a note where another one was asked for."""

    portfolio: PortfolioDay | None
    is_newest: bool = True
    note: str = ""

    @property
    def days_old(self) -> int | None:
        """The age of the newest data in days, where that is more than it should be."""
        if self.portfolio is None or not self.is_newest:
            return None
        age = dashboard.days_old(self.portfolio.date)
        return age if age > dashboard.FRESH_DAYS else None

    @property
    def query(self) -> str:
        """What an address needs to stay on this date: nothing for the newest."""
        return f"as_of={self.portfolio.date.isoformat()}" if self.portfolio and not self.is_newest else ""


def as_of(request: HttpRequest) -> AsOf:
    """The date that ``?as_of=`` asks for, or the scored one nearest before it; by default the newest."""
    asked = request.GET.get("as_of", "")
    newest = dashboard.newest_day()
    if not asked or newest is None:
        return AsOf(newest)
    day = _parse(asked)
    if day is None:
        return AsOf(newest, note=f"{shown(asked)} is not a date; this is the newest one that is scored.")
    portfolio = dashboard.day_as_of(day) or newest
    note = ""
    if portfolio.date != day:
        instead = "newest date before it" if portfolio.date < day else "first date"
        note = f"{day:%-d %b %Y} is not scored; this is the {instead} that is."
    return AsOf(portfolio, portfolio.date == newest.date, note)


def _parse(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
