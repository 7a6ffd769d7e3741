"""Webhooks in German; what they send, why one was not taken, and the audit stay English."""

import json

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import WebhookDelivery
from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support.forms import as_
from tests.support.german import english_left, reads_german
from tests.support.pages import words
from tests.support.webhook_events import listen, make_delivery
from tests.support.webhook_receiver import answering, receiving

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("here")]

LIST, LOG = "/admin/analytics/webhookendpoint/", "/admin/analytics/webhookdelivery/"


@pytest.fixture
def ada(settings: Settings) -> Client:
    """The browser of an Administrator who reads German."""
    reads_german(make_staff("Administrator", username="ada"), settings)
    return as_("ada")


def test_the_pages_are_german(ada: Client) -> None:
    there = listen(enabled=False)
    delivery = make_delivery(None)
    ways = [f"{LIST}{there.pk}/{way}/" for way in ("change", "test", "again", "secret")]
    pages = [LIST, f"{LIST}add/", *ways, LOG, f"{LOG}{delivery.pk}/change/"]
    assert {page: left for page in pages if (left := english_left(ada.get(page)))} == {}
    rotated = ada.post(f"{LIST}{there.pk}/secret/")
    assert english_left(rotated) == []
    assert "Legen Sie das Secret jetzt dort ab" in words(rotated.text)


def test_what_is_sent_and_stored_is_english(ada: Client) -> None:
    with receiving(answering(500)) as receiver:
        there = listen(url=receiver.url)
        page = ada.post(f"{LIST}{there.pk}/test/", {"kind": "customer.at_risk", "secret": ""}, follow=True)
    assert "Der Test wurde nicht angenommen." in words(page.text)
    assert english_left(page) == []
    [request] = receiver.received
    assert json.loads(request.body)["data"]["customer"]["organization"] == "Example Inc."
    assert WebhookDelivery.objects.get().error == "The receiver answered 500."
    assert AuditEntry.objects.latest("pk").text == "Test of customer.at_risk: The receiver answered 500."
