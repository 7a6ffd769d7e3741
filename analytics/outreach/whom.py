"""To whom of many customers nobody may write, or should not now: the rules of ``sending``, each asked once of all."""

from collections.abc import Collection

from django.utils import timezone

from analytics.models import Message
from analytics.outreach.sending import QUIET, closed_mailboxes
from customers.imports.key_changes import with_closed_former
from customers.models import Customer
from customers.text.addresses import mailbox

State = Message.State


def customers_closed(customers: Collection[Customer]) -> set[str]:
    """Return to whom ``sending.why_closed`` lets nobody write; two queries."""
    closed = closed_mailboxes()
    former = with_closed_former([one.pk for one in customers])
    return {one.pk for one in customers if one.pk in former or mailbox(one.email) in closed}


def customers_written_to(customers: Collection[Customer]) -> set[str]:
    """Return for whom ``sending.last_message`` finds an email of the last three days; one query."""
    since = timezone.now() - QUIET
    recent = Message.objects.filter(state__in=[State.SENT, State.SENDING], attempted_at__gt=since).order_by()
    rows = list(recent.values_list("customer_id", "recipient"))
    keys, mailboxes = {key for key, _to in rows}, {mailbox(to) for _key, to in rows}
    return {one.pk for one in customers if one.pk in keys or mailbox(one.email) in mailboxes}


def customers_with_scheduled(keys: Collection[str]) -> set[str]:
    """Return for whom an email waits for its time; one query."""
    waiting = Message.objects.filter(customer__in=keys, state=State.SCHEDULED).order_by()
    return set(waiting.values_list("customer_id", flat=True))
