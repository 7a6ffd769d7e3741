"""Metrics of what waits to be sent or loaded: how much, and for how long the oldest of it."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db.models import Count, F, Min, QuerySet, Sum
from django.utils import timezone
from prometheus_client.metrics_core import Metric

from analytics.models import Digest, Message, Push, WebhookDelivery, WebhookEndpoint, WebhookEvent
from customers.inbox import spool
from customers.models import Batch, InboxEvent
from rsolv_cs.monitoring.family import as_indexed, gauge

Waiting = tuple[int, datetime | None]
"""How much waits, and since when the oldest of it does."""

_DIGEST_DAYS = 7
"""No run sends a digest again that is older."""


def queue_families() -> Iterator[Metric]:
    """Yield them; a query or two for each queue but the files."""
    now = timezone.now()
    found = {(name,): waiting(now) for name, waiting in QUEUES.items()}
    waiting = {key: float(number) for key, (number, _since) in found.items()}
    yield gauge("rsolv_queue_waiting", "What waits to be sent or loaded.", "queue", of=waiting)
    ages = {key: max(0.0, (now - since).total_seconds()) if since else 0.0 for key, (_number, since) in found.items()}
    yield gauge("rsolv_queue_oldest_age_seconds", "For how long the oldest of it waits.", "queue", of=ages)


def _emails(now: datetime) -> Waiting:
    """Emails to customers whose time has come."""
    return _of(_open_emails().filter(state=Message.State.SCHEDULED, send_at__lte=now), "send_at")


def _emails_in_doubt(_now: datetime) -> Waiting:
    """Emails to customers of which nobody knows whether they were sent."""
    return _of(_open_emails().filter(state=Message.State.SENDING), "attempted_at")


def _open_emails() -> QuerySet[Message]:
    """What is in the index ``message_waits``."""
    return as_indexed(Message.objects.all(), "state IN ('sending', 'scheduled')")


def _digests(now: datetime) -> Waiting:
    """Digests that could not be sent, or are on their way."""
    recent = Digest.objects.filter(day__gte=timezone.localdate(now) - timedelta(days=_DIGEST_DAYS))
    return _of(recent.exclude(state=Digest.State.SENT), "claimed_at")


def _webhook_events(_now: datetime) -> Waiting:
    """Events that no webhook has been given yet."""
    return _of(WebhookEvent.objects.filter(handed_out=False), "occurred_at")


def _webhook_deliveries(_now: datetime) -> Waiting:
    """Events for webhooks that are on, which the receiver does not have yet."""
    open_ = as_indexed(WebhookDelivery.objects.order_by(), "state IN ('waiting', 'claimed')")
    # Endpoint by endpoint, as the index of those that are due has them.
    found = open_.values_list("endpoint").annotate(number=Count("pk"), oldest=Min("created_at"))
    enabled = set(WebhookEndpoint.objects.enabled().order_by().values_list("pk", flat=True))
    told = [(number, oldest) for endpoint, number, oldest in found if endpoint in enabled]
    return sum(number for number, _oldest in told), min((oldest for _number, oldest in told), default=None)


def _events(_now: datetime) -> Waiting:
    """Events of the product that no ingest has loaded."""
    waiting = InboxEvent.objects.waiting().order_by()
    number, oldest = waiting.aggregate(number=Count("pk"), oldest=Min("pk")).values()
    batch = Batch.objects.filter(events=oldest).values_list("received_at", flat=True).first() if oldest else None
    return int(number), batch


def _event_files(_now: datetime) -> Waiting:
    """Files of such events, which SQLite could not take while it was busy."""
    times = [path.stat().st_mtime for path in spool.spooled_files()]
    return len(times), datetime.fromtimestamp(min(times), timezone.get_current_timezone()) if times else None


def _pushes(_now: datetime) -> Waiting:
    """Customers of pushes to a CRM that are not finished."""
    unfinished = Push.objects.filter(state=Push.State.UNFINISHED).order_by()
    dealt_with = ("new", "changed", "unchanged", "refused", "not_synced", "erased")
    left = F("total")
    for name in dealt_with:
        left = left - F(name)  # type: ignore[assignment]  # an expression is one, too
    number, since = unfinished.aggregate(number=Sum(left), since=Min("started_at")).values()
    return int(number or 0), since


def _of(rows: QuerySet, since: str) -> Waiting:  # type: ignore[type-arg]  # of any model
    number, oldest = rows.order_by().aggregate(number=Count("pk"), oldest=Min(since)).values()
    return int(number), oldest


QUEUES: dict[str, Callable[[datetime], Waiting]] = {
    "emails": _emails,
    "emails_in_doubt": _emails_in_doubt,
    "digests": _digests,
    "webhook_events": _webhook_events,
    "webhook_deliveries": _webhook_deliveries,
    "events": _events,
    "event_files": _event_files,
    "pushes": _pushes,
}
"""Every queue by its name."""
