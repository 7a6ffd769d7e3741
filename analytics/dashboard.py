"""The read side: what the pages show for a scored date. Everything comes from snapshots."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Max
from django.utils import timezone

from analytics.charts import Chart, Mark, Series
from analytics.models import HealthStatus, PortfolioDay, percent, success_rate
from customers.feeds import FEEDS
from customers.models import ImportRun, QuarantinedRow, Step

HISTORY_DAYS = 90
FRESH_DAYS = 2
"""A feed is expected every night: data older than this are called out."""


@dataclass(frozen=True)
class Summary:
    """The six figures; percentages are whole, None where nothing was counted."""

    total_customers: int
    active_today: int
    at_risk: int
    onboarding_rate: int | None
    success_rate: int | None
    avg_time_to_value: str | None

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


def day_as_of(day: date) -> PortfolioDay | None:
    """The scored date that ``day`` falls on, else the newest before it, else the first there is."""
    days = PortfolioDay.objects.select_related("policy")
    return days.filter(date__lte=day).first() or days.last()


def summary(portfolio: PortfolioDay) -> Summary:
    """The six figures of a scored date."""
    return Summary(
        total_customers=portfolio.total,
        active_today=portfolio.active_today,
        at_risk=portfolio.at_risk,
        onboarding_rate=percent(portfolio.onboarded, portfolio.total),
        success_rate=success_rate(portfolio.prs_merged, portfolio.prs_generated),
        avg_time_to_value=mean_days(portfolio.days_to_value, portfolio.onboarded),
    )


def mean_days(days: int, count: int) -> str | None:
    """A mean of days with one decimal, rounded half up, such as ``3.5d``; None of nothing."""
    if not count:
        return None
    tenths = (20 * days + count) // (2 * count)
    sign, tenths = ("-", -tenths) if tenths < 0 else ("", tenths)
    return f"{sign}{tenths // 10}.{tenths % 10}d"


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


def health_history(portfolio: PortfolioDay, days: int = HISTORY_DAYS) -> Chart:
    """The distribution on each scored date of the ``days`` up to this one, with the policy changes marked."""
    since = portfolio.date - timedelta(days=days - 1)
    scored = list(PortfolioDay.objects.filter(date__range=(since, portfolio.date)).select_related("policy").reverse())
    labels = [f"{one.date:%-d %b %Y}" for one in scored]
    changes = zip(scored, scored[1:], labels[1:], strict=False)
    return Chart(
        "health-history",
        f"Customers by health status, {labels[0]} to {labels[-1]}",
        "area",
        labels,
        [
            Series(status.label, [getattr(one, status.value) for one in scored], status.value)
            for status in HealthStatus
        ],
        stacked=True,
        marks=[
            Mark(label, f"Policy {later.policy}")
            for earlier, later, label in changes
            if earlier.policy_id != later.policy_id
        ],
    )


def feed_states() -> list[FeedState]:
    """How fresh each feed is, and what went wrong with it last; two queries."""
    ended = ImportRun.objects.filter(undoes=None).exclude(status=ImportRun.Status.RUNNING)
    accepted = ImportRun.objects.accepted()
    latest, loaded = (
        {
            run.feed: run
            for run in runs.filter(pk__in=runs.order_by().values("feed").annotate(run=Max("pk")).values("run"))
        }
        for runs in (ended, accepted)
    )
    states = []
    for name, feed in FEEDS.items():
        run = latest.get(name)
        trouble = run if run and run.status != ImportRun.Status.LOADED else None
        states.append(FeedState(feed.name.label, feed.file_name, feed.required, loaded.get(name), trouble))
    return states


def quarantined_rows() -> int:
    """How many rows wait in quarantine."""
    return QuarantinedRow.objects.filter(status=QuarantinedRow.Status.OPEN).count()


def days_old(day: date) -> int:
    """How many days before today a date is."""
    return (timezone.localdate() - day).days
