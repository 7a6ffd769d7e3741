"""What an erasure leaves of events, and what expires of batches and of the runs that loaded them."""

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, ManyToOneRel, OuterRef, QuerySet

from customers.core.limits import BATCH_SIZE
from customers.models import Batch, Engagement, Event, ImportRun, InboxEvent, LoadedRow, QuarantinedRow, RowChange
from customers.runs.retention import delete, since
from customers.text.say import english

REFUSED = {
    "state": InboxEvent.State.REFUSED,
    "reason": english("the customer was erased"),
    "customer_key": "",
    "event_id": "",
    "metadata": {},
}
"""What an event of an erased customer is: counted, and about nobody."""


def forget(event: InboxEvent) -> None:
    """Take the customer out of an event that is not saved yet."""
    for name, value in REFUSED.items():
        setattr(event, name, value)


def forget_customer(customer_id: str) -> int:
    """Take a customer out of all events that the table has; return how many there were."""
    return InboxEvent.objects.filter(customer_key=customer_id).update(**REFUSED)


def old_batches() -> QuerySet[Batch]:
    """Return batches that came more than ``INBOX_DAYS`` ago; those with an event that waits, or may still, stay."""
    oldest = since(settings.INBOX_DAYS)
    if oldest is None:
        return Batch.objects.none()
    waits = InboxEvent.objects.waiting().filter(batch=OuterRef("pk"))
    unknown = InboxEvent.objects.filter(batch=OuterRef("pk"), state=InboxEvent.State.QUARANTINED)
    in_quarantine = unknown.filter(run__quarantined_rows__status=QuarantinedRow.Status.OPEN)
    return Batch.objects.filter(~Exists(waits), ~Exists(in_quarantine), received_at__lt=oldest)


def delete_batches() -> int:
    """Delete the old batches with their events; return how many batches there were."""
    delete(InboxEvent.objects.filter(batch__in=old_batches().order_by().values("pk")))
    return delete(old_batches())


def old_runs() -> QuerySet[ImportRun]:
    """Return runs of events as old as the batches that go, which nothing names any more.

    Their rows gave way to a file's, or to those of a later run. An undo may bring back one whose run is gone.
    """
    oldest = since(settings.INBOX_DAYS)
    if oldest is None:
        return ImportRun.objects.none()
    old = ImportRun.objects.filter(scope=ImportRun.Scope.EVENTS, finished_at__lt=oldest)
    for relation in ImportRun._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel) and not issubclass(relation.related_model, (LoadedRow, RowChange)):
            old = old.exclude(
                Exists(relation.related_model._base_manager.filter(**{relation.field.name: OuterRef("pk")}))
            )
    counters, steps = Engagement.objects.filter(provisional=True), Event.objects.filter(provisional=True)
    return old.exclude(pk__in=counters.order_by().values("run").distinct()).exclude(
        pk__in=steps.order_by().values("run").distinct()
    )


def delete_runs() -> int:
    """Delete the old runs of events with their journals; return how many there were."""
    gone = 0
    while keys := list(old_runs().order_by().values_list("pk", flat=True)[:BATCH_SIZE]):
        with transaction.atomic():
            for rows in (RowChange.objects.filter(run__in=keys), ImportRun.objects.filter(pk__in=keys)):
                rows._raw_delete(rows.db)
        gone += len(keys)
    return gone
