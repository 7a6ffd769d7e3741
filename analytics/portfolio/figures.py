"""The read side: what the pages show for a scored date. Everything comes from snapshots."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Max, Q
from django.utils import timezone

from analytics.models import HealthStatus, PortfolioDay
from analytics.rounding import mean_tenths, percent, success_rate
from analytics.wording import tenths
from customers.feeds.declarations import FEEDS
from customers.models import ImportRun, Step

FRESH_DAYS = 2
"""A feed is expected every night: data older than this are called out."""


@dataclass(frozen=True)
class Summary:
    """The six figures; percentages are whole, None where nothing was counted.

    The mean time is over those of the ``onboarded`` of whom the day is known.
    """

    total_customers: int
    active_today: int
    at_risk: int
    onboarding_rate: int | None
    success_rate: int | None
    avg_time_to_value: str | None
    onboarded: int
    onboarding_day_known: int

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Share:
    """A part of the portfolio: a label, its key in filters, how many, and how many percent."""

    key: str
    label: str
    count: int
    percent: int | None


@dataclass(frozen=True)
class Progress:
    """The portfolio's onboarding: all done steps of all steps, and each step."""

    percent: int | None
    steps: Sequence[Share]
    total: int


@dataclass(frozen=True)
class FeedState:
    """A feed's newest loaded run, and its newest ended attempt where that one did not load."""

    label: str
    file: str
    required: bool
    loaded: ImportRun | None
    trouble: ImportRun | None


def newest_day() -> PortfolioDay | None:
    """The newest scored date."""
    return PortfolioDay.objects.select_related("policy").first()


def summary(portfolio: PortfolioDay) -> Summary:
    """The six figures of a scored date."""
    return Summary(
        total_customers=portfolio.total,
        active_today=portfolio.active_today,
        at_risk=portfolio.at_risk,
        onboarding_rate=percent(portfolio.onboarded, portfolio.total),
        success_rate=success_rate(portfolio.prs_merged, portfolio.prs_generated),
        avg_time_to_value=mean_days(portfolio.days_to_value, portfolio.days_known),
        onboarded=portfolio.onboarded,
        onboarding_day_known=portfolio.days_known,
    )


def known_of(known: int, onboarded: int) -> str:
    """Over how many a time to value is, where that is not all of the onboarded: ``of 6 of 9 onboarded``."""
    return f"of {known:,} of {onboarded:,} onboarded" if known < onboarded else ""


def mean_days(days: int, count: int) -> str | None:
    """A mean of days with one decimal, rounded half up, such as ``3.5d``; None of nothing."""
    mean = mean_tenths(days, count)
    return None if mean is None else f"{tenths(mean)}d"


def onboarding_progress(portfolio: PortfolioDay) -> Progress:
    """The five steps as a funnel."""
    total = portfolio.total
    steps = [
        Share(step.value, step.label, getattr(portfolio, step.value), percent(getattr(portfolio, step.value), total))
        for step in Step
    ]
    return Progress(percent(sum(step.count for step in steps), len(steps) * total), steps, total)


def health_distribution(portfolio: PortfolioDay) -> list[Share]:
    """How many customers have which status."""
    return [
        Share(
            status.value,
            status.label,
            getattr(portfolio, status.value),
            percent(getattr(portfolio, status.value), portfolio.total),
        )
        for status in HealthStatus
    ]


def feed_states() -> list[FeedState]:
    """How fresh each feed is, and what went wrong with it last; one query."""
    runs = ImportRun.objects.order_by()
    accepted = runs.accepted().values("feed").annotate(run=Max("pk")).values("run")
    ended = runs.filter(undoes=None).exclude(status=ImportRun.Status.RUNNING)
    latest = ended.values("feed").annotate(run=Max("pk")).values("run")
    wanted = runs.filter(Q(pk__in=accepted) | Q(pk__in=latest))
    loaded, last = {}, {}
    for run in wanted.annotate(is_loaded=Q(pk__in=accepted), is_latest=Q(pk__in=latest)).order_by("pk"):
        if run.is_loaded:
            loaded[run.feed] = run
        if run.is_loaded or run.is_latest:
            last[run.feed] = run
    states = []
    for name, feed in FEEDS.items():
        run = last.get(name)
        trouble = run if run and run.status != ImportRun.Status.LOADED else None
        states.append(FeedState(feed.name.label, feed.file_name, feed.required, loaded.get(name), trouble))
    return states


def oldest_required(feeds: Sequence[FeedState]) -> datetime | None:
    """When the stalest of the required feeds was loaded; None where one of them never was."""
    loaded = [feed.loaded for feed in feeds if feed.required]
    return min(run.started_at for run in loaded if run) if all(loaded) else None


def days_old(day: date) -> int:
    """How many days before today a date is."""
    return (timezone.localdate() - day).days
