"""What the pages show of a scored date, all of it from what was stored when it was scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.models import CohortDay, HealthStatus, PortfolioDay
from analytics.rounding import mean_tenths, percent
from analytics.wording import days_in_tenths
from customers.models import Step
from customers.text.say import Words

FRESH_DAYS = 2
"""A feed is expected every night: pages and mails say how old the data are if they are older."""


@dataclass(frozen=True)
class Share:
    """A part of a ``whole``, such as a status of the portfolio: its key in filters, label and number."""

    key: str
    label: str
    count: int
    whole: int

    @property
    def percent(self) -> int | None:
        """The part in whole percent; None of nothing."""
        return percent(self.count, self.whole)


@dataclass(frozen=True)
class Progress:
    """The portfolio's onboarding: all done steps of all steps, and each step."""

    definition: ClassVar[Words] = _(
        "Completed steps as a share of all, five for each customer. A step counts once it was done by this date."
    )
    percent: int | None
    steps: Sequence[Share]
    total: int


def mean_days(days: int, count: int) -> str | None:
    """Return a mean of days with one decimal, such as ``3.5d``; None of nothing."""
    mean = mean_tenths(days, count)
    return None if mean is None else days_in_tenths(mean)


def onboarding_progress(portfolio: PortfolioDay) -> Progress:
    """Return the five steps as a funnel."""
    total = portfolio.total
    steps = [Share(step.value, step.label, getattr(portfolio, step.value), total) for step in Step]
    return Progress(percent(sum(step.count for step in steps), len(steps) * total), steps, total)


def health_distribution(portfolio: PortfolioDay) -> list[Share]:
    """Return how many customers have which status."""
    return health_shares(portfolio, portfolio.total)


def health_shares(counted: PortfolioDay | CohortDay, whole: int) -> list[Share]:
    """Return the statuses of the ``whole`` that was counted, from best to worst."""
    return [Share(status.value, status.label, getattr(counted, status.value), whole) for status in HealthStatus]


def stale_days(day: date) -> int | None:
    """Return how many days ago a date was; None where the date is fresh."""
    days = (timezone.localdate() - day).days
    return days if days > FRESH_DAYS else None
