"""What the cards and charts of the dashboard are compared with: some days before, or the end of the month before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from analytics.portfolio.comparison import SLACK, newest_until
from customers.text.say import Words, say
from customers.text.written import day_of_year, month_name

COMPARE = "compare"
"""What the choice is called in an address."""


@dataclass(frozen=True)
class Period:
    """A choice, ``key`` in the address; without ``days`` it is the month before, by the calendar."""

    key: str
    days: int | None
    choice: Words
    label: Words
    """What a chart calls the days that it shows beside its own."""

    def last_date(self, day: date) -> date:
        """Return the newest date that ``day`` may be compared with."""
        return _end_of_month_before(day) if self.days is None else day - timedelta(days=self.days)

    def first_date(self, day: date) -> date:
        """Return the oldest date that ``day`` may be compared with."""
        return self.last_date(day) - timedelta(days=SLACK)

    def date_of(self, scored: Iterable[date], day: date) -> date | None:
        """Return which of the ``scored`` dates ``day`` is compared with; None where there is none."""
        return newest_until(scored, self.last_date(day))

    def day_beside(self, day: date) -> date:
        """Return the day that a chart shows beside ``day``: so many days before, or that day of the month before."""
        last = self.last_date(day)
        return last.replace(day=min(day.day, last.day)) if self.days is None else last

    def since(self, day: date, then: date) -> str:
        """Say since when something changed: ``in 9 days``, ``since end of April``, ``since 28 Apr``."""
        if self.days is not None:
            return say("in {days} days", days=(day - then).days)
        if then == self.last_date(day):
            return say("since end of {month}", month=month_name(then))
        return say("since {day}", day=day_of_year(then))

    @property
    def query(self) -> str:
        """What an address needs to stay with it: nothing for the usual one."""
        return "" if self == USUAL else f"{COMPARE}={self.key}"


USUAL = Period("7", 7, _("7 days"), _("7 days before"))
PERIODS = (
    USUAL,
    Period("30", 30, _("30 days"), _("30 days before")),
    Period("90", 90, _("90 days"), _("90 days before")),
    Period("month", None, _("Previous month"), _("previous month")),
)


@dataclass(frozen=True)
class PeriodChoice:
    """A period with the address' query for it, and whether it is what is shown."""

    period: Period
    query: str
    is_shown: bool


def period_of(address: QueryDict) -> Period:
    """Return the period that an address asks for, or the usual one."""
    return next((one for one in PERIODS if one.key == address.get(COMPARE)), USUAL)


def period_choices(address: QueryDict) -> Sequence[PeriodChoice]:
    """Return all periods with their addresses."""
    shown, choices = period_of(address), []
    for period in PERIODS:
        other = address.copy()
        other[COMPARE] = period.key
        choices.append(PeriodChoice(period, other.urlencode(), period == shown))
    return choices


def _end_of_month_before(day: date) -> date:
    return day.replace(day=1) - timedelta(days=1)
