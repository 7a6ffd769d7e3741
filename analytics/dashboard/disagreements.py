"""Where score and forecast disagree: who does well and may go quiet all the same, and the other way round."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Case, Count, F, Q, SmallIntegerField, Value, When, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext_lazy as _

from analytics.forecast.bands import BANDS, Band, percent_of, thousandths_of
from analytics.models import ForecastDay, ForecastTarget, HealthStatus, PortfolioDay, Snapshot
from customers.text.say import Words

MAX_SHOWN = 5
DISAGREE = _(
    "The score says how a customer does today, the forecast whether it will be active in the next 30 days. Here are "
    "the customers of whom one sounds good and the other does not."
)


@dataclass(frozen=True)
class Side:
    """The customers of some statuses whose forecast is in a band: the first of them, and how many there are.

    ``query`` is what narrows the list of customers to them.
    """

    label: Words
    query: str
    customers: Sequence[tuple[Snapshot, int]]
    total: int


_SIDES = (
    (_("Healthy or Champion, but likely to go quiet"), (HealthStatus.HEALTHY, HealthStatus.CHAMPION), BANDS[0]),
    (_("At risk, but unlikely to go quiet"), (HealthStatus.AT_RISK,), BANDS[-1]),
)


def disagreements(portfolio: PortfolioDay) -> dict[str, object]:
    """Return both sides of a scored date, or why there is no forecast of it; at most two queries."""
    day = ForecastDay.objects.filter(date=portfolio.date, target=ForecastTarget.QUIET).first()
    return {"sides": _sides(portfolio) if day and day.model_id else [], "too_little": day.too_little if day else ""}


def _sides(portfolio: PortfolioDay) -> list[Side]:
    """Return both sides, the most surprising customers of each first, by one query."""
    members = [_members(statuses, band) for _what, statuses, band in _SIDES]
    side = Case(*(When(one, then=Value(place)) for place, one in enumerate(members)), output_field=SmallIntegerField())
    surprise = Case(
        When(members[0], then=-F("forecast_quiet")), default="forecast_quiet", output_field=SmallIntegerField()
    )
    found = Snapshot.objects.filter(date=portfolio.date).with_forecasts(of_over=False).filter(members[0] | members[1])
    placed = found.annotate(side=side).annotate(
        place=Window(RowNumber(), partition_by="side", order_by=[surprise, "score", "pk"]),
        total=Window(Count("pk"), partition_by="side"),
    )
    shown = placed.filter(place__lte=MAX_SHOWN).select_related("customer").order_by("side", "place")
    of_sides: list[list[Snapshot]] = [[] for _side in _SIDES]
    totals = [0 for _side in _SIDES]
    for one in shown.only("date", "status", "score", "customer__organization"):
        place, total = (getattr(one, name) for name in ("side", "total"))
        of_sides[place].append(one)
        totals[place] = total
    return [
        Side(label, _query(statuses, band), [(one, percent_of(one.forecast_quiet or 0)) for one in customers], total)
        for (label, statuses, band), customers, total in zip(_SIDES, of_sides, totals, strict=True)
    ]


def _members(statuses: Sequence[HealthStatus], band: Band) -> Q:
    probable = thousandths_of(band)
    return Q(status__in=statuses, forecast_quiet__gte=probable.start, forecast_quiet__lt=probable.stop)


def _query(statuses: Sequence[HealthStatus], band: Band) -> str:
    return urlencode({"status": statuses, "forecast_quiet": band.name}, doseq=True)
