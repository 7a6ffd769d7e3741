"""The forecasts of one customer: how probable, like whom and why, and their path over the last 90 days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, pairwise

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.display.charts import Chart, Series
from analytics.forecast.bands import DEFINITIONS, Band, band_in_words, band_of, percent_of
from analytics.forecast.model import DAYS_SINCE_ACTIVE, Logistic, Model, from_log_odds, from_numbers
from analytics.forecast.reasons import Reason, days_of, reasons
from analytics.models import HORIZON, RECENT, ForecastDay, ForecastTarget, Snapshot
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion
from customers.models import Customer, FeedName
from customers.runs.page import rows_address
from customers.text import written
from customers.text.say import Words, say, say_n

MOST_REASONS = 3
"""For, and against."""
_REASONS = {
    ForecastTarget.QUIET: _("Reasons for and against going quiet"),
    ForecastTarget.FIRST_PR: _("Reasons for and against a first PR"),
}
_SIDES: Mapping[ForecastTarget, tuple[Words, Words]] = {
    ForecastTarget.QUIET: (_("For going quiet"), _("Against going quiet")),
    ForecastTarget.FIRST_PR: (_("For a first PR"), _("Against a first PR")),
}
_TONES = {ForecastTarget.QUIET: "accent", ForecastTarget.FIRST_PR: "healthy"}


@dataclass(frozen=True)
class ReasonLine:
    """A reason in words, the points that it adds, and the rows that it was computed from."""

    words: str
    points: int
    rows: str
    beyond: bool


@dataclass(frozen=True)
class Why:
    """What makes a forecast differ from that of the average customer learnt from, whose percent is ``average``.

    The points are hundredths of log odds; those shown and the ``rest`` add up to the ``total``.
    """

    average: int
    total: int
    in_favor: Sequence[ReasonLine]
    against: Sequence[ReasonLine]
    rest: int


@dataclass(frozen=True)
class CustomerForecast:
    """One forecast of a customer; without a ``band`` there is none, and ``lacking`` says why."""

    target: ForecastTarget
    lacking: str = ""
    band: Band | None = None
    percent: int = 0
    like: str = ""
    why: Why | None = None

    @property
    def definition(self) -> str:
        """What is forecast, of whom."""
        return str(DEFINITIONS[self.target])

    @property
    def words(self) -> str:
        """``Likely to go quiet``."""
        return band_in_words(self.target, self.band) if self.band else ""

    @property
    def reasons_title(self) -> str:
        """What the table of its reasons is called."""
        return str(_REASONS[self.target])

    @property
    def sides(self) -> Sequence[tuple[Words, Sequence[ReasonLine]]]:
        """The reasons for it, and those against."""
        lines = (self.why.in_favor, self.why.against) if self.why else ((), ())
        return tuple(zip(_SIDES[self.target], lines, strict=True))


class ForecastDaysKey(page_cache.DataKey):
    """Of a date's forecasts in sum, with their models."""

    day: date


def forecast_days(version: DataVersion, day: date) -> Mapping[str, ForecastDay]:
    """Return a date's forecasts in sum, by target; one query, whose answer is kept."""
    return page_cache.get_or_set(
        ForecastDaysKey(version=version, day=day),
        lambda: {one.target: one for one in ForecastDay.objects.filter(date=day).select_related("model")},
    )


def forecasts(
    customer: Customer, snapshot: Snapshot, of_day: Mapping[str, ForecastDay]
) -> Sequence[CustomerForecast] | None:
    """Return what is forecast on a snapshot's date; None of whose contract is over, or where the date has none."""
    if not of_day or customer.status in Customer.Status.over():
        return None
    # Whoever has a first PR needs no words about it.
    targets = [one for one in ForecastTarget if one is ForecastTarget.QUIET or not snapshot.first_pr_generated]
    return [_forecast(target, snapshot, of_day[target]) for target in targets if target in of_day]


def _forecast(target: ForecastTarget, snapshot: Snapshot, day: ForecastDay) -> CustomerForecast:
    thousandths = getattr(snapshot, f"forecast_{target}")
    if day.model is None:
        return CustomerForecast(target, lacking=day.too_little)
    if thousandths is None:
        return CustomerForecast(target, lacking=_why_nobody(target, snapshot))
    model, features = from_numbers(day.model.numbers), getattr(snapshot, f"{target}_features")
    return CustomerForecast(
        target,
        band=band_of(thousandths),
        percent=percent_of(thousandths),
        like=_like(target, model, features),
        why=_why(model, features, snapshot) if isinstance(model, Logistic) else None,
    )


def _why_nobody(target: ForecastTarget, snapshot: Snapshot) -> str:
    """Say why a customer is not among those of whom it is forecast."""
    days = snapshot.days_since_active
    if target is ForecastTarget.FIRST_PR:
        return gettext("No forecast on this date.")
    if days is None:
        return gettext("No forecast: there is no active day yet.")
    if days >= RECENT:
        return say_n(
            "No forecast: quiet already, for {number} day.", "No forecast: quiet already, for {number} days.", days
        )
    return say("No forecast: active for less than {days} days.", days=HORIZON)


def _like(target: ForecastTarget, model: Model, features: Sequence[float]) -> str:
    """Say what came of those who were like a customer."""
    group = model.group_of(features)
    counts = {"rows": group.rows, "came_true": group.came_true}
    is_quiet = target is ForecastTarget.QUIET
    if isinstance(model, Logistic):
        if is_quiet:
            return say("Of {rows} like this one, {came_true} went quiet.", **counts)
        return say("Of {rows} like this one, {came_true} got a first PR.", **counts)
    low, high = (written.percentage(round(100 * end)) for end in group.interval)
    if is_quiet:
        return say(
            "Of {rows} like this one, {came_true} went quiet: those as long without activity."
            " The true share is probably between {low} and {high}.",
            **counts,
            low=low,
            high=high,
        )
    return say(
        "Of {rows} like this one, {came_true} got a first PR: those as long without activity."
        " The true share is probably between {low} and {high}.",
        **counts,
        low=low,
        high=high,
    )


def _why(model: Logistic, features: Sequence[float], snapshot: Snapshot) -> Why:
    found = reasons(model, features)
    # Rounded in sum, so that the points add up as well.
    sums = [round(100 * one) for one in accumulate((reason.contribution for reason in found), initial=0.0)]
    points = [after - before for before, after in pairwise(sums)]
    days = days_of(dict(zip(model.features, features, strict=True)).get(DAYS_SINCE_ACTIVE, 0))
    sides = [
        [(reason, one) for reason, one in zip(found, points, strict=True) if one * sign > 0][:MOST_REASONS]
        for sign in (1, -1)
    ]
    in_favor, against = (
        [ReasonLine(reason.words, one, _rows(reason, snapshot, days), reason.beyond) for reason, one in side]
        for side in sides
    )
    rest = sums[-1] - sum(one for side in sides for _reason, one in side)
    average = round(100 * from_log_odds(model.intercept))
    return Why(average, sums[-1], in_favor, against, rest)


def _rows(reason: Reason, snapshot: Snapshot, days: int) -> str:
    """Return the address of the rows that a reason was computed from."""
    key, day = snapshot.customer_id, snapshot.date
    if reason.name == "age":
        return rows_address(FeedName.CUSTOMERS, id__exact=key)
    if reason.name == "steps":
        return rows_address(FeedName.ONBOARDING, customer__id__exact=key)
    narrower: Mapping[str, Mapping[str, object]] = {
        "recency": {"date__gte": day - timedelta(days=days)},
        "rhythm": {"date__gte": day - timedelta(days=180)},
        "issues": {"issues_tagged__gt": 0},
        "requests": {"support_requests__gt": 0},
    }
    lookups = narrower.get(reason.name, {})
    return rows_address(FeedName.ENGAGEMENT, customer__id__exact=key, date__lte=day, **lookups)


def forecast_chart(snapshots: Sequence[Snapshot]) -> Chart | None:
    """Return the forecasts on each scored date, which leads to the page as of then; None before two have any."""
    values = {
        target: [
            None if (one := getattr(each, f"forecast_{target}")) is None else percent_of(one) for each in snapshots
        ]
        for target in ForecastTarget
    }
    known = {target: percents for target, percents in values.items() if any(one is not None for one in percents)}
    if not any(sum(one is not None for one in percents) > 1 for percents in known.values()):
        return None
    labels = [written.day(snapshot.date) for snapshot in snapshots]
    page = reverse("analytics:customer", args=[snapshots[0].customer_id])
    return Chart(
        "forecast-path",
        say("Forecasts in percent, {first} to {last}", first=labels[0], last=labels[-1]),
        "line",
        labels,
        [Series(f"{target.label}, %", percents, _TONES[target]) for target, percents in known.items()],
        addresses=[f"{page}?as_of={snapshot.date}" for snapshot in snapshots],
        definition=gettext("What was forecast on each date. A forecast is never changed afterwards."),
    )
