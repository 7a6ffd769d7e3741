"""What a customer did: a chart of the last days, and the counters of those days and of all time.

It is one of the page's charts, as ``history`` has another: ``views`` gathers them, and the page's templates show them
by the tag ``chart``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Sum
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.customer_page.provenance import rows_of_day
from analytics.display.charts import Chart, Series
from analytics.models import Snapshot
from customers.models import Customer
from customers.text import written
from customers.text.say import Words, say

WINDOWS = (7, 30, 90)
COUNTERS = {
    "issues_tagged": _("Issues tagged"),
    "prs_generated": _("PRs generated"),
    "prs_merged": _("PRs merged"),
    "prs_rejected": _("PRs rejected"),
    "support_requests": _("Support requests"),
}


@dataclass(frozen=True)
class Counter:
    """A counter in the window, and of all time up to the scored date, with the address of its rows."""

    label: Words
    window: int
    ever: int
    rows: str


@dataclass(frozen=True)
class Activity:
    """The last ``days`` days of a customer."""

    days: int
    chart: Chart
    counters: list[Counter]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing happened in these days."""
        return not any(counter.window for counter in self.counters)


def window_of(text: str) -> int:
    """Return the number of days that an address asks for; the shortest window where it asks for none of them."""
    return next((days for days in WINDOWS if str(days) == text), WINDOWS[0])


def activity(customer: Customer, snapshot: Snapshot, days: int, addresses: Mapping[str, str]) -> Activity:
    """The ``days`` days up to the snapshot's date; a day without rows is 0, one before the signup empty. One query.

    ``addresses`` lead to the rows behind each counter.
    """
    until = snapshot.date
    shown = [until - timedelta(days=days - 1 - index) for index in range(days)]
    rows = customer.engagement_set.filter(date__range=(shown[0], until)).order_by().values("date")
    sums = rows.annotate(**{name: Sum(name) for name in COUNTERS}).values_list("date", *COUNTERS)
    by_day: dict[date, dict[str, int]] = {day: dict(zip(COUNTERS, counts, strict=True)) for day, *counts in sums}
    chart = Chart(
        "activity",
        say("Activity of the {days} days to {day}", days=days, day=until),
        "bar",
        [written.day_of_year(day) for day in shown],
        [
            Series(str(label), [_value(customer, by_day, day, name) for day in shown], f"series-{name}")
            for name, label in COUNTERS.items()
        ],
        stacked=True,
        addresses=[rows_of_day(customer, day) if day in by_day else "" for day in shown],
        definition=gettext(
            "What engagement.csv says of each day. The figures are of these days, and of all days so far."
        ),
    )
    counters = [
        Counter(label, sum(row[name] for row in by_day.values()), getattr(snapshot, name), addresses[name])
        for name, label in COUNTERS.items()
    ]
    return Activity(days, chart, counters)


def _value(customer: Customer, by_day: dict[date, dict[str, int]], day: date, name: str) -> int | None:
    if day in by_day:
        return by_day[day][name]
    return 0 if day >= customer.signup_date else None
