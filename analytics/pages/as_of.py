"""The scored date that a page is about, as its address asks for it."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Q
from django.http import HttpRequest
from django.utils.dateparse import parse_date

from analytics.models import PortfolioDay
from analytics.page_cache import page_cache
from analytics.pages.user_summary import UserSummary, user_summary
from analytics.portfolio import figures
from analytics.scoring.unscored import Unscored, unscored
from customers.text.quoted import quoted
from customers.text.say import say


@dataclass(frozen=True)
class AsOf:
    """The scored date of a page (None: nothing is scored yet), and a note where another one was asked for."""

    portfolio: PortfolioDay | None
    is_newest: bool = True
    note: str = ""
    first: date | None = None
    newest: date | None = None
    unscored: Unscored | None = None

    @property
    def stale_days(self) -> int | None:
        """The age of the newest data in days where that is too old; None where the data are fresh."""
        if self.portfolio is None or not self.is_newest:
            return None
        return figures.stale_days(self.portfolio.date)

    @property
    def query(self) -> str:
        """What an address needs to stay on this date: nothing for the newest."""
        return f"as_of={self.portfolio.date.isoformat()}" if self.portfolio and not self.is_newest else ""


class ScoredDatesKey(page_cache.StateKey):
    """Of the scored dates that a page about a day needs."""

    day: date | None


class UnscoredKey(page_cache.DataKey):
    """Of what is loaded and in no score yet."""


def as_of(request: HttpRequest) -> AsOf:
    """Return the scored date that ``?as_of=`` asks for, or the nearest before it; by default the newest."""
    asked = request.GET.get("as_of", "")
    day = _parse(asked)
    summary = user_summary(request)
    found = page_cache.get_or_set(ScoredDatesKey(version=summary.version, day=day), lambda: _scored(day))
    if not found:
        return AsOf(None, unscored=_unscored(summary, None))
    first, newest = found[0], found[-1]
    if day is None:
        portfolio = newest
        not_one = say("{text} is not a date; this is the newest one that is scored.", text=quoted(asked))
        note = not_one if asked else ""
    else:
        portfolio = max((one for one in found if one.date <= day), key=lambda one: one.date, default=first)
        note = _instead(day, portfolio.date)
    is_newest = portfolio.date == newest.date
    return AsOf(portfolio, is_newest, note, first.date, newest.date, _unscored(summary, newest))


def _instead(asked: date, shown: date) -> str:
    """Say that another date is shown than was asked for; '' where it is the same."""
    if shown == asked:
        return ""
    if shown < asked:
        return say("{day} is not scored; this is the newest date before it that is.", day=asked)
    return say("{day} is not scored; this is the first date that is.", day=asked)


def _unscored(summary: UserSummary, newest: PortfolioDay | None) -> Unscored | None:
    """Return what is loaded and in no score yet; no query where nothing was imported since the newest scoring."""
    if newest and not newest.stale and summary.newest_run <= newest.last_run:
        return None
    return page_cache.get_or_set(UnscoredKey(version=summary.version.data), unscored)


def _scored(day: date | None) -> list[PortfolioDay]:
    """Return the first scored date, the newest on or before ``day``, and the newest; oldest first, each once."""
    days = PortfolioDay.objects.values("date")
    wanted = Q(date=days.order_by("date")[:1]) | Q(date=days.order_by("-date")[:1])
    if day:
        wanted |= Q(date=days.filter(date__lte=day).order_by("-date")[:1])
    return list(PortfolioDay.objects.filter(wanted).select_related("policy").order_by("date"))


def _parse(text: str) -> date | None:
    """Return the date that the text says, or None."""
    try:
        return parse_date(text)
    except ValueError:
        return None
