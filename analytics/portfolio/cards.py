"""The six figures of the summary as cards: each with its change since a week before, and what it means."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from django.contrib.humanize.templatetags.humanize import intcomma

from analytics.models import PortfolioDay
from analytics.portfolio.figures import known_of
from analytics.rounding import mean_tenths, percent, success_rate
from analytics.wording import tenths

DASH = "–"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Change:
    """``text`` such as ``+2 in 7 days``; ``meaning`` is a word, because up is not always good."""

    text: str
    arrow: Literal["↑", "↓", "→"]
    meaning: Literal["better", "worse", ""]


@dataclass(frozen=True)
class Card:
    """A figure: ``query`` narrows the list to those behind it, ``part`` is the page's section that it leads to.

    ``hint`` says what it is, ``note`` what must be seen beside it, which may lead to those behind it, too.
    """

    label: str
    value: str = DASH
    change: Change | None = None
    query: str = ""
    part: str = "customers"
    hint: str = ""
    note: str = ""
    note_query: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure as a whole number of its smallest unit, None where nothing was counted; which way is good, if any."""

    number: int | None
    unit: Literal["", "%", "d"] = ""
    good: Literal[1, 0, -1] = 1
    least: int = 1
    """A change by less has no meaning."""

    @property
    def text(self) -> str:
        """As the card shows it."""
        if self.number is None:
            return DASH
        return f"{tenths(self.number)}d" if self.unit == "d" else f"{intcomma(self.number)}{self.unit}"


def cards(portfolio: PortfolioDay, before: PortfolioDay | None, *, is_newest: bool = True) -> Sequence[Card]:
    """The cards of a scored date, compared with an earlier one; of another date than the newest they say which."""
    active = "Active today" if is_newest else f"Active on {portfolio.date:%-d %b}"
    erased = f"{portfolio.erased:,} erased since" if portfolio.erased else ""
    inactive = f"and {portfolio.inactive:,} inactive" if portfolio.inactive else ""
    known = known_of(portfolio.days_known, portfolio.onboarded)
    shown = [
        Card("Total customers", note=erased),
        Card(active, query="only=active"),
        Card("At risk", query="status=at_risk", tone="at_risk", note=inactive, note_query="status=inactive"),
        Card("Onboarding rate", query="only=onboarded"),
        Card("Success rate", part="engagement", hint="of generated PRs merged"),
        Card("Avg time to value", query="only=onboarded", hint="from signup to onboarded", note=known),
    ]
    now = _figures(portfolio)
    then = _figures(before) if before else [None] * len(now)
    if before and not _has_moved(portfolio, before):
        now[_ONBOARDED] = replace(now[_ONBOARDED], good=0)
    days = (portfolio.date - before.date).days if before else 0
    return [
        replace(card, value=figure.text, change=change(figure, earlier, days) if earlier else None)
        for card, figure, earlier in zip(shown, now, then, strict=True)
    ]


_ONBOARDED = 3


def _has_moved(now: PortfolioDay, then: PortfolioDay) -> bool:
    """Whether the share of the onboarded moved with their number; not so where it is that others signed up or went."""
    share = now.onboarded * then.total - then.onboarded * now.total
    return share * (now.onboarded - then.onboarded) > 0


def _figures(portfolio: PortfolioDay) -> list[Figure]:
    return [
        Figure(portfolio.total, good=0),
        # It goes up and down with the days of the week.
        Figure(portfolio.active_today, least=max(2, portfolio.active_today // 10)),
        Figure(portfolio.at_risk, good=-1),
        Figure(percent(portfolio.onboarded, portfolio.total), "%"),
        Figure(success_rate(portfolio.prs_merged, portfolio.prs_generated), "%", least=2),
        Figure(mean_tenths(portfolio.days_to_value, portfolio.days_known), "d", good=-1, least=5),
    ]


def change(now: Figure, then: Figure, days: int) -> Change | None:
    """What is between two figures as they are shown, so that it adds up; None where one of them is a dash."""
    if now.number is None or then.number is None:
        return None
    difference = now.number - then.number
    if not difference:
        return Change(f"same in {days} days", "→", "")
    size = abs(difference)
    amount = {
        "": intcomma(size),
        "%": f"{size} pt{'' if size == 1 else 's'}",
        "d": f"{tenths(size)}d",
    }[now.unit]
    up = difference > 0
    return Change(
        f"{'+' if up else MINUS}{amount} in {days} days",
        "↑" if up else "↓",
        "" if size < now.least or not now.good else "better" if up == (now.good > 0) else "worse",
    )
