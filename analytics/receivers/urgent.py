"""Keep what is stored of the newest scored date in step with what it was made of: scores, forecasts and customers."""

from datetime import date

from django.db.models import Model

from analytics.models import Forecast, PortfolioDay
from analytics.portfolio.comparison import comparison_day
from analytics.urgency.stored import KEPT, REACHED, URGENT, Keys, keep_newest
from customers.models import Customer, ImportRun


def follow_health(sender: type[Model], day: date, customers: "Keys | None", **_signal: object) -> None:
    """Store anew what the scores or the forecasts of a date count for. Receives ``health_stored``.

    A forecast says nothing of milestones. An older date says only whether a milestone was reached before.
    """
    newest = PortfolioDay.objects.order_by("-date").values_list("date", flat=True).first()
    if newest is None:
        return
    before = comparison_day(newest)
    is_compared = day in {newest, before.date if before else None}
    if sender is not Forecast:
        keep_newest(KEPT if is_compared else (REACHED,), customers)
    elif is_compared:
        keep_newest((URGENT,), customers)


def follow_customers(run: ImportRun, **_signal: object) -> None:
    """Store it anew of the customers that a run changed: the signup and the contract count. Receives ``run_ended``."""
    if not (run.updated or run.deleted):
        return
    changed = run.changes.done().filter(model=Customer._meta.model_name).order_by()
    if changed.exists():
        keep_newest(KEPT, changed.values("key"))
