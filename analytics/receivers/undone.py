"""What an undone import means for the snapshots: who is gone has none, nor alerts; later days are scored again."""

from typing import Any

from analytics.models import Alert, PortfolioDay, Snapshot
from customers.models import Customer, ImportRun


def forget_run(run: ImportRun, undo: ImportRun, **_signal: Any) -> None:
    """Hear that ``undo`` undid ``run``: dates scored since the run may show what it had loaded."""
    if not (undo.created or undo.updated or undo.deleted):
        return
    gone = undo.changes.done().filter(model=Customer._meta.model_name, after__isnull=True)
    for model in (Alert, Snapshot):
        rows = model.objects.filter(customer_id__in=gone.values("key"))
        rows._raw_delete(rows.db)
    PortfolioDay.objects.filter(last_run__gte=run.pk).update(stale=True)
