"""What was sent goes after thirty days, with its event or by its own age."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.models import WebhookAttempt, WebhookDelivery, WebhookEvent
from tests.support.commands import run
from tests.support.webhook_events import make_delivery, make_event

pytestmark = pytest.mark.django_db


def test_deliveries_go_with_their_events_and_tests_by_their_own_age() -> None:
    young, old = (make_event(occurred_at=timezone.now() - timedelta(days=days)) for days in (29, 31))
    for event in (young, old, None, None):
        make_delivery(event)
    last = WebhookDelivery.objects.filter(event=None).first()
    WebhookDelivery.objects.filter(pk=last.pk).update(created_at=timezone.now() - timedelta(days=31))
    assert run("expire").out.endswith(", 2 attempts at webhooks, 2 webhook deliveries, 1 webhook event.\n")
    assert list(WebhookEvent.objects.all()) == [young]
    assert sorted(one.event_id or 0 for one in WebhookDelivery.objects.all()) == [0, young.pk]
    assert WebhookAttempt.objects.count() == 2
