"""Mail administrators that a webhook was turned off, once."""

import logging
from contextlib import closing

from django.urls import reverse
from django.utils import timezone

from analytics.mail import message
from analytics.mail.compose import RenderedEmail, language_of, render_email, staff_name
from analytics.mail.message import FAILURES, address_of
from analytics.mail.post import SmtpSession
from analytics.models import WebhookEndpoint
from customers.audit import trail
from customers.core.roles import staff_who_may
from customers.text.say import english, say

logger = logging.getLogger(__name__)


def tell_turned_off() -> int:
    """Mail each administrator about the webhooks of which they were not told yet; return how many mails were sent.

    Where none could be sent, the next run tries again; one address that fails repeats nobody's mail.
    """
    endpoints = list(WebhookEndpoint.objects.given_up().filter(told_at=None)) if message.is_on() else []
    if not endpoints:
        return 0
    people = staff_who_may("analytics.change_webhookendpoint").exclude(email="").select_related("preferences")
    sent = 0
    with closing(SmtpSession()) as session:
        for endpoint in endpoints:
            told = 0
            for person in people.order_by("username"):
                with language_of(person):
                    rendered = _mail(endpoint, staff_name(person))
                mail = rendered.addressed(person.email, f"webhook-{endpoint.pk}-{person.pk}")
                try:
                    session.send(mail)
                    told += 1
                except FAILURES as error:
                    logger.warning("A mail about webhook %s was not sent: %s", endpoint.pk, type(error).__name__)
            if told:
                WebhookEndpoint.objects.filter(pk=endpoint.pk).update(told_at=timezone.now())
                trail.record(trail.Action.MAIL, endpoint, detail=english(f"Turned off: told {told} by email"))
            sent += told
    return sent


def _mail(endpoint: WebhookEndpoint, greeting: str) -> RenderedEmail:
    context = {
        "greeting": greeting,
        "name": endpoint.name,
        "because": endpoint.off_because,
        "address": address_of(reverse("admin:analytics_webhookendpoint_change", args=[endpoint.pk])),
    }
    return render_email("webhook_off", say("Webhook “{name}” was turned off", name=endpoint.name), context)
