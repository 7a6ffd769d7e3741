"""Keep what is stored of the newest scored date in step with what it was made of: scores, forecasts and customers."""

from datetime import date

from django.db.models import Model

from analytics.models import Forecast
from analytics.urgency.stored import KEPT, REACHED, URGENT, Keys, Newest, keep_newest
from customers.models import Customer, ImportRun


def follow_health(sender: type[Model], day: date, customers: "Keys | None", **_signal: object) -> None:
    """Store anew what the scores or the forecasts of a date count for. Receives ``health_stored``.

    A forecast says nothing of milestones. An older date says only whether a milestone was reached before.
    """
    newest = Newest.find()
    if newest is None:
        return
    is_compared = day in {newest.portfolio.date, newest.since}
    if sender is not Forecast:
        newest.keep(KEPT if is_compared else (REACHED,), customers)
    elif is_compared:
        newest.keep((URGENT,), customers)


def follow_customers(run: ImportRun, **_signal: object) -> None:
    """Store it anew of the customers that a run changed: the signup and the contract count. Receives ``run_ended``."""
    if not (run.updated or run.deleted):
        return
    changed = run.changes.done().filter(model=Customer._meta.model_name).order_by()
    if changed.exists():
        keep_newest(KEPT, changed.values("key"))
