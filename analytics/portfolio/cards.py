"""The key figures as cards: each with its change since the comparison day, and what the change means."""

from dataclasses import dataclass, replace
from typing import Literal

from analytics.models import PortfolioDay
from analytics.portfolio.figure_rows import EVERYBODY, SUCCESS_RATE_ROWS, VALUE_ROWS
from analytics.portfolio.kpis import Kpi, kpis
from analytics.portfolio.period import USUAL, Period
from analytics.wording import known_of
from customers.text.say import say
from customers.text.written import day_of_year


@dataclass(frozen=True)
class KpiChange:
    """``text`` such as ``+2 in 7 days``; ``meaning`` is a word, because up is not always good."""

    text: str
    arrow: Literal["↑", "↓", "→"]
    meaning: Literal["better", "worse", ""]


@dataclass(frozen=True)
class KpiCard:
    """A card: ``query`` narrows the list to the customers behind it.

    ``definition`` says what the figure means. ``note`` is seen beside it, and leads to customers by ``note_query``.
    """

    label: str = ""
    value: str = ""
    change: KpiChange | None = None
    query: str = ""
    definition: str = ""
    note: str = ""
    note_query: str = ""
    tone: str = ""


def cards(
    portfolio: PortfolioDay, before: PortfolioDay | None, *, is_newest: bool = True, period: Period = USUAL
) -> list[KpiCard]:
    """Return the cards of a scored date, compared with the one ``before`` of a period.

    Of another date than the newest they say which.
    """
    active = "" if is_newest else say("Active on {day}", day=day_of_year(portfolio.date))
    erased = say("{number} erased since", number=portfolio.erased) if portfolio.erased else ""
    inactive = say("and {number} inactive", number=portfolio.inactive) if portfolio.inactive else ""
    known = known_of(portfolio.days_known, portfolio.onboarded)
    details = {
        "total_customers": KpiCard(query=EVERYBODY, note=erased),
        "active_today": KpiCard(active, query="only=active"),
        "at_risk": KpiCard(query="status=at_risk", tone="at_risk", note=inactive, note_query="status=inactive"),
        "onboarding_rate": KpiCard(query="only=onboarded"),
        "success_rate": KpiCard(query=SUCCESS_RATE_ROWS),
        "avg_time_to_value": KpiCard(query=VALUE_ROWS, note=known),
    }
    now, changes = kpis(portfolio), _changes(portfolio, before, period) if before else {}
    return [
        replace(
            card,
            label=card.label or kpi.label,
            value=kpi.text,
            change=changes.get(kpi.key),
            definition=kpi.definition,
        )
        for kpi, card in ((kpi, details[kpi.key]) for kpi in now)
    ]


def _changes(portfolio: PortfolioDay, before: PortfolioDay, period: Period) -> dict[str, KpiChange | None]:
    since, changes = period.since(portfolio.date, before.date), {}
    for kpi, earlier in zip(kpis(portfolio), kpis(before), strict=True):
        if kpi.key == "onboarding_rate" and not _has_moved(portfolio, before):
            kpi = replace(kpi, good=0)
        changes[kpi.key] = _change(kpi, earlier, since)
    return changes


def _has_moved(now: PortfolioDay, then: PortfolioDay) -> bool:
    """Return whether the share of the onboarded moved with their number, not because others signed up or went."""
    share = now.onboarded * then.total - then.onboarded * now.total
    return share * (now.onboarded - then.onboarded) > 0


def _change(kpi: Kpi, earlier: Kpi, since: str) -> KpiChange | None:
    difference = kpi.difference(earlier)
    if difference is None:
        return None
    if not difference:
        return KpiChange(say("same {since}", since=since), "→", "")
    up = difference > 0
    return KpiChange(
        f"{kpi.change(difference, 'pt')} {since}",
        "↑" if up else "↓",
        "" if abs(difference) < kpi.least or not kpi.good else "better" if up == (kpi.good > 0) else "worse",
    )
