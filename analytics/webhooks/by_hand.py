"""What somebody sends by hand: a test, and again what was sent or has failed, one by one or a span of time."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from analytics.mail import outbox
from analytics.models import EventKind, WebhookDelivery, WebhookEndpoint, WebhookEvent
from analytics.models.outgoing.events import new_uid
from analytics.webhooks import signing
from analytics.webhooks.bodies import body_of
from analytics.webhooks.deliver import attempt_of, refusal_of
from analytics.webhooks.endpoints import secrets_of
from analytics.webhooks.hand_out import AT_ONCE, deliveries_of
from analytics.webhooks.sender import Sender
from analytics.webhooks.workers import Parcel, send
from analytics.wording import counted
from customers.audit import trail
from customers.core.limits import batches
from customers.text.say import english, in_english
from customers.text.written import moment

State = WebhookDelivery.State
_OVER = [State.SENT, State.FAILED]


def send_test(endpoint: WebhookEndpoint, kind: EventKind, secret: str = "") -> WebhookDelivery:
    """Send an example of a kind, which is tried once; return what came of it.

    Our own signature is verified first as a receiver does it, with the ``secret`` that somebody has noted, or else
    the newest. Raises ``NotVerified`` where that is another one, and ``SecretLost``; nothing is sent then.
    """
    now = timezone.now()
    secrets = secrets_of(endpoint, now)
    delivery = WebhookDelivery(
        endpoint=endpoint, uid=new_uid(), kind=kind, state=State.CLAIMED, created_at=now, claimed_at=now
    )
    parcel = Parcel(0, delivery.uid, body_of(delivery))
    headers = signing.signed_headers(parcel.uid, int(now.timestamp()), parcel.body, secrets)
    signing.verify(secret or secrets[0], headers, parcel.body)
    outbox.add(delivery)
    sender = Sender()
    try:
        answer = send(sender, endpoint.url, secrets, parcel, now)
    finally:
        sender.close()
    result = outbox.Result.SENT if answer.is_success else outbox.Result.UNKNOWN
    reason = "" if answer.is_success else refusal_of(answer)
    with transaction.atomic():
        attempt_of(delivery, now, answer).save()
        outbox.record(delivery, outbox.Outcome(result, reason), tries=1)
        trail.record(trail.Action.EXPORT, endpoint, detail=english(f"Test of {kind}: {reason or 'taken'}"))
    delivery.refresh_from_db()
    return delivery


def send_again(delivery: WebhookDelivery) -> bool:
    """Let a delivery that is over be sent by the next run; False where it waits already."""
    return bool(
        _again(delivery.endpoint, WebhookDelivery.objects.filter(pk=delivery.pk), english(f"event {delivery.uid}"))
    )


def send_failed_again(endpoint: WebhookEndpoint) -> int:
    """Let all that has failed be sent again; return how many deliveries there are."""
    return _again(endpoint, endpoint.deliveries.filter(state=State.FAILED), english("all that had failed"))


def send_span_again(endpoint: WebhookEndpoint, start: datetime, end: datetime) -> int:
    """Let all events of a span be sent, also those that the endpoint was not told of because it was off."""
    with in_english():
        span = english(f"{moment(start)} to {moment(end)}")
    events = WebhookEvent.objects.filter(occurred_at__gte=start, occurred_at__lt=end)
    with transaction.atomic():
        known = WebhookDelivery.objects.filter(endpoint=endpoint, event=OuterRef("pk"))
        found = _again(endpoint, endpoint.deliveries.filter(event__in=events), span)
        for some in batches(events.filter(~Exists(known)).order_by("pk"), AT_ONCE):
            new = deliveries_of(list(some), [endpoint], timezone.now())
            WebhookDelivery.objects.bulk_create(new, ignore_conflicts=True)
            found += len(new)
        _note(endpoint, found, span)
    return found


def _again(endpoint: WebhookEndpoint, deliveries: QuerySet[WebhookDelivery], what: str) -> int:
    with transaction.atomic():
        waiting = {"state": State.WAITING, "due_at": timezone.now(), "tries": 0, "error": "", "claimed_at": None}
        found = deliveries.filter(state__in=_OVER).update(**waiting)
        _note(endpoint, found, what)
    return found


def _note(endpoint: WebhookEndpoint, found: int, what: str) -> None:
    if found:
        with in_english():
            detail = english(f"Sent again: {counted(found, 'event')}, {what}")
        trail.record(trail.Action.EXPORT, endpoint, detail=detail)
