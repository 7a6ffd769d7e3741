"""What is sent of an event: the body that Standard Webhooks ask for."""

from datetime import UTC

from analytics.mail.message import address_of
from analytics.models import EventKind, WebhookEvent
from analytics.webhook_events.announce import ORGANIZATION
from analytics.webhook_events.kinds import KINDS


def envelope(event: WebhookEvent) -> dict[str, object]:
    """Return the body of an event, which stays below 20 kB; its link is null without ``SITE_URL``."""
    data = dict(event.data)
    organization = data.pop(ORGANIZATION, "")
    customer = {"id": event.customer_id, "organization": organization} if event.customer_id else None
    link = address_of(KINDS[EventKind(event.kind)].page(event))
    return {
        "type": event.kind,
        "timestamp": event.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": {
            "id": event.uid,
            "as_of": event.as_of.isoformat() if event.as_of else None,
            "customer": customer,
            **data,
            "link": link or None,
        },
    }
