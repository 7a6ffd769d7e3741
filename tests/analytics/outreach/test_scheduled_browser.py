"""An email from the box of a customer's page to one of its people, given a time and canceled, in a browser."""

import pytest
from django.contrib.auth.models import User
from django.core import mail
from playwright.sync_api import Page, expect

from analytics.models import Contact, Message
from tests.factories import load_demo_program
from tests.support.browsing import LAPTOP, SMALL_TARGETS, Opened, look

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


def judge(page: Page) -> list[str]:
    """What is wrong with a page, as ``look`` says, and the controls on it that are too small for a finger."""
    wrong = look(page)
    small: list[str] = page.evaluate(SMALL_TARGETS)
    page.set_viewport_size(LAPTOP)
    return wrong + small


def test_an_email_is_written_to_somebody_scheduled_and_canceled(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/customer/c1001/")
    User.objects.update(email="sofia@rsolv.example")
    Contact.objects.create(customer_id="c1001", name="Ann", email="ann@acme.com", is_primary=True)
    page.reload()
    # The box says what to type for each kind.
    text = page.locator("#composer textarea")
    expect(text).to_have_attribute("placeholder", "What was said or agreed")
    expect(page.get_by_label("To", exact=True)).to_be_hidden()
    page.get_by_role("radio", name="Email").check()
    expect(text).to_have_attribute("placeholder", "Hello {organization} team, …")
    expect(page.get_by_label("To", exact=True).locator(":checked")).to_have_text("To Ann (ann@acme.com)")
    wrong = judge(page)
    page.get_by_label("Subject").fill("A question")
    text.fill("Hello {organization}")
    page.get_by_role("button", name="Preview email").click()
    page.get_by_role("button", name="Edit").click()
    page.locator("summary", has_text="Cc").click()
    page.get_by_role("checkbox", name="john@acme.com").check()
    wrong += judge(page)
    page.get_by_role("button", name="Preview").click()
    # Enter in the field of the time sends nothing.
    page.get_by_label("Send later").press("Enter")
    expect(page.locator(".letter-head")).to_contain_text("john@acme.com")
    wrong += judge(page)
    page.get_by_role("button", name="Schedule").click()
    expect(page.get_by_text("Scheduled for")).to_be_visible()
    wrong += judge(page)
    page.get_by_role("link", name="Back to Acme Inc.").click()
    wrong += judge(page)
    page.get_by_role("button", name="Cancel: A question").click()
    expect(page.get_by_text("Canceled: it will not be sent.")).to_be_visible()
    message = Message.objects.get()
    assert (message.state, message.recipient, message.cc) == ("canceled", "ann@acme.com", "john@acme.com")
    assert (wrong, mail.outbox) == ([], [])
