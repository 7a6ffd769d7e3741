"""Keep what is stored of the worklist in step with the scores, the forecasts and the customers it was made of."""

from datetime import date

from analytics.models import PortfolioDay
from analytics.portfolio.comparison import comparison_day
from analytics.urgency.stored import Keys, store_urgent, store_urgent_of
from customers.models import Customer, ImportRun


def follow_health(day: date, customers: "Keys | None", **_signal: object) -> None:
    """Store who is urgent anew, where a date is the newest scored one or that it is compared with.

    Receives ``health_stored``.
    """
    newest = PortfolioDay.objects.order_by("-date").values_list("date", flat=True).first()
    if newest is None:
        return
    before = comparison_day(newest)
    if day not in {newest, before.date if before else None}:
        return
    if customers is None:
        store_urgent()
    else:
        store_urgent_of(customers)


def follow_customers(run: ImportRun, **_signal: object) -> None:
    """Store it anew of the customers that a run changed: the signup and the contract count. Receives ``run_ended``."""
    if not (run.updated or run.deleted):
        return
    changed = run.changes.done().filter(model=Customer._meta.model_name).order_by()
    if changed.exists():
        store_urgent_of(changed.values("key"))
