"""The pages of webhooks in a browser."""

import pytest
from playwright.sync_api import expect
from pytest_django import Settings

from analytics.models import WebhookDelivery, WebhookEndpoint
from analytics.webhooks import signing
from tests.support.browsing import EVERY_LOOK, LAPTOP, Opened, look
from tests.support.webhook_receiver import answering, receiving

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


def test_a_webhook_is_made_tested_and_sent_again(open_page: Opened, settings: Settings) -> None:
    settings.WEBHOOK_INSECURE = settings.WEBHOOK_PRIVATE = True
    with receiving(answering(200, b'{"ok": true}')) as receiver:
        page = open_page("/admin/analytics/webhookendpoint/", role="Administrator")
        page.get_by_role("link", name="New webhook").click()
        page.get_by_label("Name").fill("Slack bridge")
        page.get_by_label("URL").fill(receiver.url)
        page.get_by_label("Customer: became at risk").check()
        page.get_by_role("button", name="Save", exact=True).click()
        secret = signing.secret_of(WebhookEndpoint.objects.get().secret)
        expect(page.locator("#new-token")).to_have_text(secret)
        assert look(page, EVERY_LOOK) == []
        page.set_viewport_size(LAPTOP)
        page.get_by_role("link", name="Send a test").click()
        page.get_by_label("The receiver’s secret").fill(secret)
        assert look(page, EVERY_LOOK) == []
        page.set_viewport_size(LAPTOP)
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_text("The test was taken.")).to_be_visible()
        expect(page.get_by_text("answered 200")).to_be_visible()
        assert receiver.received[0].verified(secret)
        assert look(page, EVERY_LOOK) == []
        page.set_viewport_size(LAPTOP)
        page.get_by_role("button", name="Send again").click()
        expect(page.get_by_text("It will be sent again within a minute")).to_be_visible()
    assert WebhookDelivery.objects.get().state == "waiting"


def test_a_span_is_asked_for_only_where_it_is_chosen(open_page: Opened) -> None:
    endpoint = WebhookEndpoint.objects.create(
        name="Bridge", url="https://hooks.example.com/", secret=signing.new_seed()
    )
    page = open_page(f"/admin/analytics/webhookendpoint/{endpoint.pk}/again/", role="Administrator")
    expect(page.get_by_label("From")).to_be_hidden()
    page.get_by_label("All events of a span of time").check()
    expect(page.get_by_label("From")).to_be_visible()
    assert look(page, EVERY_LOOK) == []
