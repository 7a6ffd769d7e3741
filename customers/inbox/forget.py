"""What an erasure leaves of events, and what expires of batches."""

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from customers.models import Batch, InboxEvent
from customers.runs.retention import delete, since

REFUSED = {
    "state": InboxEvent.State.REFUSED,
    "reason": "the customer was erased",
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
    """Return batches that came more than ``INBOX_DAYS`` ago; those with an event that waits stay."""
    oldest = since(settings.INBOX_DAYS)
    if oldest is None:
        return Batch.objects.none()
    waits = InboxEvent.objects.waiting().filter(batch=OuterRef("pk"))
    return Batch.objects.filter(~Exists(waits), received_at__lt=oldest)


def delete_batches() -> int:
    """Delete the old batches with their events; return how many batches there were."""
    delete(InboxEvent.objects.filter(batch__in=old_batches().order_by().values("pk")))
    return delete(old_batches())
