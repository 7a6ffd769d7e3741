"""Where score and forecast disagree: who does well and may go quiet all the same, and the other way round."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import F

from analytics.forecast.bands import BANDS, Band, percent_of, thousandths_of
from analytics.models import ForecastDay, ForecastTarget, HealthStatus, PortfolioDay, Snapshot

MAX_SHOWN = 5
DISAGREE = (
    "The score says how a customer does today, the forecast whether it will be active in the next 30 days. Here are "
    "the customers of whom one sounds good and the other does not."
)


@dataclass(frozen=True)
class Side:
    """The customers of some statuses whose forecast is in a band: the first of them, and how many there are.

    ``query`` is what narrows the list of customers to them.
    """

    label: str
    query: str
    customers: Sequence[tuple[Snapshot, int]]
    total: int


def disagreements(portfolio: PortfolioDay) -> dict[str, object]:
    """Return both sides of a scored date, and why there is no forecast of it where there is none; five queries."""
    day = ForecastDay.objects.filter(date=portfolio.date, target=ForecastTarget.QUIET).select_related("model").first()
    likely, unlikely = BANDS[0], BANDS[-1]
    sides = [
        _side(
            portfolio,
            "Healthy or Champion, but likely to go quiet",
            (HealthStatus.HEALTHY, HealthStatus.CHAMPION),
            likely,
        ),
        _side(portfolio, "At risk, but unlikely to go quiet", (HealthStatus.AT_RISK,), unlikely),
    ]
    return {"sides": sides if day and day.model else [], "too_little": day.too_little if day else ""}


def _side(portfolio: PortfolioDay, label: str, statuses: Sequence[HealthStatus], band: Band) -> Side:
    probable = thousandths_of(band)
    bounds = {"forecast_quiet__gte": probable.start, "forecast_quiet__lt": probable.stop}
    on_day = Snapshot.objects.filter(date=portfolio.date, status__in=statuses)
    found = on_day.with_forecasts(of_over=False).filter(**bounds)
    surprising = F("forecast_quiet").desc() if band is BANDS[0] else F("forecast_quiet").asc()
    first = found.select_related("customer").order_by(surprising, "score", "pk")[:MAX_SHOWN]
    query = urlencode({"status": statuses, "forecast_quiet": band.name}, doseq=True)
    return Side(label, query, [(one, percent_of(one.forecast_quiet or 0)) for one in first], found.count())
