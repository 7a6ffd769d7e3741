"""What is done to an endpoint: a new secret, a test, and turning it off."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from analytics.models import WebhookEndpoint
from analytics.webhooks import signing
from analytics.wording import one_line
from customers.audit import trail

BOTH_VALID = timedelta(hours=24)
"""After a rotation the earlier secret signs, too, for so long."""
_MAX_REASON = 300


def secrets_of(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """Return the secrets that sign now, the newest first; raises ``SecretLost``, but not for an earlier one."""
    newest, *earlier = endpoint.signing(now)
    found = [signing.secret_of(newest)]
    for kept in earlier:
        try:
            found.append(signing.secret_of(kept))
        except signing.SecretLost:
            continue
    return found


def rotate(endpoint: WebhookEndpoint) -> str:
    """Give an endpoint a new secret, and return it; the one before stays valid for ``BOTH_VALID``."""
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update(of=("self",)).get(pk=endpoint.pk)
        row.earlier_secret, row.secret = row.secret, signing.new_seed()
        row.earlier_until = timezone.now() + BOTH_VALID
        row.save(update_fields=["secret", "earlier_secret", "earlier_until"])
    return signing.secret_of(row.secret)


def turn_off(endpoint: WebhookEndpoint, because: str) -> bool:
    """Turn an endpoint off because of what its receiver did; False where it was off already."""
    on = WebhookEndpoint.objects.enabled().filter(pk=endpoint.pk)
    reason = one_line(because, _MAX_REASON)
    return trail.update_rows(on, enabled=False, off_because=reason, told_at=None) == 1
