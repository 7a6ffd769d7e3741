"""The portfolio's charts: its health over time, and what its customers did each day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.display.charts import Chart, Mark, Series
from analytics.models import HealthStatus, PortfolioDay, ScoringPolicy
from analytics.portfolio.period import Period
from analytics.wording import in_a_row
from customers.text import written
from customers.text.say import Words, say

HISTORY_CHOICES = (30, 90, 365)
ENGAGEMENT_CHOICES = (30, 90)


@dataclass(frozen=True)
class Span:
    """How many days a chart shows; ``links`` are all choices with their addresses."""

    days: int
    links: Sequence[tuple[int, str]]


def span(address: QueryDict, name: str, choices: Sequence[int], default: int) -> Span:
    """Return the span that the address asks for as ``name``, if it is one of the choices."""
    links = []
    for days in choices:
        other = address.copy()
        other[name] = str(days)
        links.append((days, other.urlencode()))
    asked = address.get(name, "")
    return Span(next((days for days in choices if str(days) == asked), default), links)


def health_history(scored: Sequence[PortfolioDay], compared: date | None = None, kept: str = "") -> Chart:
    """Return the distribution on each of the scored dates, oldest first.

    Marked are policy changes, and the date that the figures are ``compared`` with. A point leads to the dashboard as
    of its date, narrowed by the query that is ``kept``.
    """
    days = [one.date for one in scored]
    labels = _labels(days)
    marks = [Mark(labels[days.index(compared)], gettext("Comparison date"))] if compared in days else []
    return Chart(
        "health-history",
        say("Customers by health status, {days}", days=_range(scored[0].date, scored[-1].date)),
        "area",
        labels,
        [
            Series(status.label, [getattr(one, status.value) for one in scored], status.value)
            for status in HealthStatus
        ],
        stacked=True,
        marks=[*_publishings(scored, labels), *marks],
        definition=gettext("Customers of each health status on each scored date, by the policy of that date."),
        addresses=[_dashboard(day, kept) for day in days],
    )


def _publishings(scored: Sequence[PortfolioDay], labels: Sequence[str]) -> Iterator[Mark]:
    """Mark the dates from which on another policy is in force, for everybody or a segment, or one is no more."""
    for (earlier, later), label in zip(pairwise(scored), labels[1:], strict=True):
        came = [name for key, name in later.policies.items() if key not in earlier.policies]
        went = [name for key, name in earlier.segment_policies.items() if key not in later.policies]
        if came:
            yield Mark(label, say("Policy {names}", names=in_a_row(came)))
        elif went:
            yield Mark(label, say("Policy {names} ended", names=in_a_row(went)))


def policy_marks(policies: Sequence[ScoringPolicy], labels: Sequence[str]) -> list[Mark]:
    """Mark the dates from which on another policy scored a customer; ``policies`` has that of each label."""
    pairs = zip(pairwise(policies), labels[1:], strict=True)
    return [
        Mark(label, say("Policy {names}", names=str(later))) for (earlier, later), label in pairs if earlier != later
    ]


def active_customers(scored: Sequence[PortfolioDay], days: int, beside: Period | None = None, kept: str = "") -> Chart:
    """Return how many were active on each of the ``days`` up to the last scored date, and a period before."""
    definition = gettext("Customers with any activity on the day. A gap is a day that was not scored.")
    return _per_day(
        "active-per-day",
        gettext("Active customers per day, {days}"),
        "area",
        scored,
        days,
        ACTIVE,
        beside,
        definition,
        kept,
    )


def engagement_chart(scored: Sequence[PortfolioDay], days: int, beside: Period | None = None, kept: str = "") -> Chart:
    """Return what was done on each of the ``days`` up to the last scored date, and a period before."""
    definition = gettext("What all customers did on the day together. A gap is a day that was not scored.")
    return _per_day(
        "engagement-per-day",
        gettext("Issues and PRs per day, {days}"),
        "line",
        scored,
        days,
        DONE,
        beside,
        definition,
        kept,
    )


ACTIVE = ((_("Active customers"), "active_today", "active"),)
DONE = (
    (_("Issues tagged"), "day_issues_tagged", "issues"),
    (_("PRs generated"), "day_prs_generated", "generated"),
    (_("PRs merged"), "day_prs_merged", "merged"),
)


def _per_day(
    key: str,
    title: str,
    kind: Literal["line", "area"],
    scored: Sequence[PortfolioDay],
    days: int,
    lines: Sequence[tuple[Words, str, str]],
    beside: Period | None,
    definition: str,
    kept: str,
) -> Chart:
    """Return a chart of every calendar day; of one that was not scored nothing is known, which is not 0."""
    last = scored[-1].date
    calendar = [last - timedelta(days=back) for back in reversed(range(days))]
    known = {one.date: one for one in scored}

    def values(days: Sequence[date], field: str) -> list[float | None]:
        return [getattr(known[day], field) if day in known else None for day in days]

    series = [Series(str(label), values(calendar, field), tone) for label, field, tone in lines]
    if beside:
        former, when = [beside.day_beside(day) for day in calendar], beside.label
        series += [
            Series(say("{what}, {when}", what=label, when=when), values(former, field), tone, True)
            for label, field, tone in lines
        ]
    return Chart(
        key,
        title.format(days=_range(calendar[0], last)),
        kind,
        _labels(calendar),
        series,
        addresses=[_dashboard(day, kept) if day in known else "" for day in calendar],
        definition=definition,
    )


def _dashboard(day: date, kept: str) -> str:
    """Return where the dashboard as of a scored date is, narrowed as it was."""
    return f"{reverse('admin:index')}?as_of={day}{'&' if kept else ''}{kept}"


def _labels(days: Sequence[date]) -> list[str]:
    """Return the days, with the year only where they are not all of one."""
    is_one_year = days[0].year == days[-1].year
    return [written.day_of_year(day) if is_one_year else written.day(day) for day in days]


def _range(first: date, last: date) -> str:
    return say("{first} to {last}", first=first, last=last)
