"""The blocks of the dashboard above its list, each declared once: its name, its template, and what that one needs."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import escape
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from analytics.customer_list.first_view import OWNER
from analytics.customer_list.list_page import OF_THE_BLOCKS
from analytics.dashboard.disagreements import DISAGREE, disagreements
from analytics.display.source_list import MY_DAY, way_from
from analytics.models import PortfolioDay
from analytics.my_day.members import TEAM
from analytics.my_day.most_urgent import most_urgent
from analytics.my_day.worklist import LISTED, LISTED_BY_HEALTH
from analytics.page_cache import page_cache
from analytics.page_cache.version import StateVersion
from analytics.pages.as_of import AsOf
from analytics.portfolio import figures
from analytics.portfolio.cards import cards
from analytics.portfolio.charts import (
    ENGAGEMENT_CHOICES,
    HISTORY_CHOICES,
    Span,
    active_customers,
    engagement_chart,
    health_history,
    span,
)
from analytics.portfolio.comparison import kept_comparison_dates
from analytics.portfolio.days import Days, days_around
from analytics.portfolio.figure_rows import PROGRESS_ROWS
from analytics.portfolio.milestones import DEFINITION, counts_of_week
from analytics.portfolio.period import Period, PeriodChoice, period_choices, period_of
from analytics.scoring.definitions import portfolio_definition

NOT_CARRIED = ("as_of", "page")
"""What another date does not take along from the address."""
_READ = (*OF_THE_BLOCKS, *NOT_CARRIED)
"""What the blocks read of the address; their links have the rest, and they look the same whatever it is."""
_REST = f"rest-{secrets.token_hex(8)}"
"""Stands in the kept blocks for the rest of the address; nobody outside this process can say it."""


@dataclass(frozen=True)
class BlockInputs:
    """All that a block may show. ``OverviewKey`` has a part for each field: a new one belongs there, too."""

    as_of: AsOf
    portfolio: PortfolioDay
    days: Days
    engagement_span: Span
    history_span: Span
    period: Period
    """What the figures are compared with, which is in the address."""
    periods: Sequence[PeriodChoice]
    waiting: int
    """How many alerts wait for the user."""
    whose: str
    """The key of the user, if customers are the user's; else ``TEAM``."""
    version: StateVersion
    kept: str
    """What the points of charts take along from the address: all but the date and the page."""

    @property
    def stay_query(self) -> str:
        """What a link needs to stay on this date, compared as it is."""
        return stay_query(self.as_of, self.period)


def stay_query(as_of: AsOf, period: Period) -> str:
    """Return what the address of the dashboard needs to stay on a date, compared with a period."""
    return "&".join(query for query in (as_of.query, period.query) if query)


def _kept(address: QueryDict) -> str:
    """Return what the dashboard as of another date takes along from an address."""
    kept = address.copy()
    for name in NOT_CARRIED:
        kept.pop(name, None)
    return kept.urlencode()


class BlockKey(page_cache.DataKey):
    """Of a block as HTML that shows nothing that people edit."""

    block: str
    today: date
    day: date
    as_of: str
    address: str


@dataclass(frozen=True)
class Block:
    """A block; its section is called as it is, and its template lies under that name in ``blocks``.

    A template gets ``as_of``, ``block``, ``stay_query`` and the ``context``, and neither the request nor the user.
    A block that shows what people edit, such as tasks and owners, says so. The others are kept until something is
    imported or scored.
    """

    name: str
    context: Callable[[BlockInputs], dict[str, object]]
    is_wide: bool = False
    shows_edits: bool = False

    @property
    def region(self) -> str:
        """The id of the section, which a refresh replaces."""
        return f"{self.name}-part"

    def html(self, shown: BlockInputs, address: str) -> SafeString:
        """Return the block as HTML, from the cache where it shows no edits; ``address`` is the page's query."""
        if self.shows_edits:
            return self._render(shown)
        key = BlockKey(
            version=shown.version.data,
            block=self.name,
            today=timezone.localdate(),
            day=shown.portfolio.date,
            as_of=shown.as_of.query,
            address=address,
        )
        return page_cache.get_or_set(key, lambda: self._render(shown))

    def _render(self, shown: BlockInputs) -> SafeString:
        context = {"as_of": shown.as_of, "block": self, "stay_query": shown.stay_query, **self.context(shown)}
        return render_to_string(f"analytics/dashboard/blocks/{self.name}.html", context)


def _summary(shown: BlockInputs) -> dict[str, object]:
    found = cards(shown.portfolio, shown.days.compared, is_newest=shown.as_of.is_newest, period=shown.period)
    return {"cards": found, "compared": shown.days.compared_on, "periods": shown.periods}


def _needs(shown: BlockInputs) -> dict[str, object]:
    days = shown.portfolio, shown.days.comparison_day
    urgent = most_urgent(*days, shown.whose if shown.as_of.is_newest else None, shown.version)
    definition = LISTED if shown.as_of.is_newest else LISTED_BY_HEALTH
    of = QueryDict(urlencode({OWNER: shown.whose}) if shown.as_of.is_newest else "")
    items = [(item, way_from(MY_DAY, of, place)) for place, item in enumerate(urgent.items)]
    whose = {"whose": shown.whose, "is_mine": shown.whose != TEAM}
    return {"urgent": urgent, "items": items, "definition": definition, "waiting": shown.waiting, **whose}


class DisagreementsKey(page_cache.DataKey):
    """Of whom score and forecast see differently on a day, whatever the address has."""

    day: date


def _disagreements(shown: BlockInputs) -> dict[str, object]:
    key = DisagreementsKey(version=shown.version.data, day=shown.portfolio.date)
    return {**page_cache.get_or_set(key, lambda: disagreements(shown.portfolio)), "definition": DISAGREE}


def _milestones(shown: BlockInputs) -> dict[str, object]:
    counts = counts_of_week(shown.version.data, shown.portfolio)
    return {"counts": list(counts.items()), "total": sum(counts.values()), "definition": DEFINITION}


def _onboarding(shown: BlockInputs) -> dict[str, object]:
    return {"progress": figures.onboarding_progress(shown.portfolio), "rows": PROGRESS_ROWS}


def _health(shown: BlockInputs) -> dict[str, object]:
    distribution = figures.health_distribution(shown.portfolio)
    return {"distribution": distribution, "definition": portfolio_definition(shown.portfolio)}


def _engagement(shown: BlockInputs) -> dict[str, object]:
    days, chosen = shown.days.scored, shown.engagement_span
    return {
        "active": active_customers(days, chosen.days, shown.period, shown.kept),
        "engagement": engagement_chart(days, chosen.days, shown.period, shown.kept),
        "beside": shown.period.label,
        "span": chosen,
    }


def _history(shown: BlockInputs) -> dict[str, object]:
    chosen = shown.history_span
    days = shown.days.since(chosen.days)
    return {"history": health_history(days, shown.days.compared_on, shown.kept), "span": chosen}


BLOCKS = (
    Block("summary", _summary, is_wide=True),
    Block("needs", _needs, is_wide=True, shows_edits=True),
    Block("milestones", _milestones, is_wide=True),
    Block("disagreements", _disagreements, is_wide=True),
    Block("onboarding", _onboarding),
    Block("health", _health),
    Block("engagement", _engagement),
    Block("history", _history),
)
"""All blocks, in the order of the page: those that are not wide share the columns below."""


class OverviewKey(page_cache.StateKey):
    """Of all blocks as HTML: the version and the day, what their links have, and the user's alerts."""

    today: date
    day: date
    as_of: str
    waiting: int
    whose: str
    address: str


class DaysKey(page_cache.DataKey):
    """Of the scored dates up to a day."""

    day: date
    days: int
    compare: str


@dataclass(frozen=True)
class Overview:
    """The blocks as HTML, and the scored dates beside the shown one."""

    html: SafeString
    previous: date | None
    next: date | None


def overview(
    as_of: AsOf, portfolio: PortfolioDay, address: QueryDict, waiting: int, whose: str, version: StateVersion
) -> Overview:
    """Return the blocks; of the user they show how many alerts wait, and the customers of ``whose`` first.

    They are kept for all searches and filters: what these say of the address is put into their links at the end.
    """
    read, rest = _parts(address)
    asked = read.urlencode()

    def make() -> Overview:
        history = span(read, "history", HISTORY_CHOICES, 90)
        daily = span(read, "days", ENGAGEMENT_CHOICES, 30)
        period = period_of(read)
        first_beside = period.day_beside(portfolio.date - timedelta(days=daily.days - 1))
        longest = max(history.days, (portfolio.date - first_beside).days + 1)
        dates = DaysKey(version=version.data, day=portfolio.date, days=longest, compare=period.key)
        days = page_cache.get_or_set(dates, lambda: days_around(portfolio, longest, period))
        kept_comparison_dates(version.data, portfolio.date, days.comparison_dates)
        periods, kept = period_choices(read), _kept(read)
        shown = BlockInputs(as_of, portfolio, days, daily, history, period, periods, waiting, whose, version, kept)
        blocks = [(block, block.html(shown, asked)) for block in BLOCKS]
        parts = {
            "wide": [html for block, html in blocks if block.is_wide],
            "columns": [html for block, html in blocks if not block.is_wide],
        }
        html = render_to_string("analytics/dashboard/overview.html", parts)
        return Overview(html, days.previous, days.next)

    key = OverviewKey(
        version=version,
        today=timezone.localdate(),
        day=portfolio.date,
        as_of=as_of.query,
        waiting=waiting,
        whose=whose,
        address=asked,
    )
    found = page_cache.get_or_set(key, make)
    return replace(found, html=_with_rest(found.html, rest))


def _parts(address: QueryDict) -> tuple[QueryDict, str]:
    """Return what the blocks read of an address, with a mark in place of the rest of it, and the query of the rest."""
    read, rest = QueryDict(mutable=True), QueryDict(mutable=True)
    for name, values in address.lists():
        if name in _READ:
            read.setlist(name, values)
        else:
            read[_REST] = ""
            rest.setlist(name, values)
    return read, rest.urlencode()


def _with_rest(html: SafeString, rest: str) -> SafeString:
    """Return the blocks with the rest of the address, a query, in place of its mark: in the charts' JSON, and else."""
    of_charts = "\\u0026"
    linked = html.replace(f"{of_charts}{_REST}=", f"{of_charts}{rest.replace('&', of_charts)}")
    return SafeString(linked.replace(f"{_REST}=", escape(rest)))
