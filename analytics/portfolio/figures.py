"""The read side: what the pages show for a scored date. Everything comes from snapshots."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.utils import timezone

from analytics.models import HealthStatus, PortfolioDay
from analytics.rounding import mean_tenths, percent, success_rate
from analytics.wording import tenths
from customers.models import Step

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


def days_old(day: date) -> int:
    """How many days before today a date is."""
    return (timezone.localdate() - day).days
