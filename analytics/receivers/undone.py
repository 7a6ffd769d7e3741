"""Follow an undone import: delete what is known of customers who are gone, and mark later scored dates as stale."""

from django.db.models import Q

from analytics.models import (
    Alert,
    Forecast,
    ForecastCase,
    PlaybookRun,
    PlaybookStepRun,
    PolicyTrial,
    PortfolioDay,
    PushedCustomer,
    PushRow,
    ReachedMilestones,
    Snapshot,
    UrgentCustomer,
    WebhookEvent,
)
from customers.models import Customer, ImportRun


def follow_undo(run: ImportRun, undo: ImportRun, **_signal: object) -> None:
    """Delete what is computed of the customers that ``undo`` removed. Receives ``run_undone``."""
    if not (undo.created or undo.updated or undo.deleted):
        return
    gone = undo.changes.done().filter(model=Customer._meta.model_name, after__isnull=True)
    # Of those who are gone no step made anything: a task or an email would have kept the customer.
    steps = PlaybookStepRun.objects.filter(run__customer_id__in=gone.values("key"))
    steps.delete()
    computed = (Alert, Forecast, ForecastCase, PlaybookRun, PushedCustomer, PushRow, Snapshot, WebhookEvent)
    for model in (*computed, ReachedMilestones, UrgentCustomer):
        rows = model.objects.filter(customer_id__in=gone.values("key"))
        rows._raw_delete(rows.db)
    PolicyTrial.objects.all().delete()
    had_it = Q(last_run__gte=run.pk) | Q(last_api_run__gte=run.pk)
    PortfolioDay.objects.filter(had_it).update(stale=True)
