"""Many customers at once in a real browser, by the keyboard: filter, select, act, undo; and an email to several."""

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from playwright.sync_api import Locator, Page, expect

from analytics.models import Deferral, Task
from tests.factories import load_demo_program
from tests.support.browsing import LAPTOP, PHONE, SMALL_TARGETS, Opened, look

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


def press(target: Locator, key: str = "Enter") -> None:
    """Press a key on what its role and name find, as a screen reader's user does."""
    target.focus()
    target.page.keyboard.press(key)


def select_those_at_risk(page: Page) -> None:
    """Filter the table, and select its page by the checkbox of the heading."""
    press(page.locator("summary", has_text="Status"))
    press(page.get_by_role("checkbox", name="At risk"), "Space")
    press(page.get_by_role("button", name="Filter"))
    expect(page.get_by_text("2 of 12 customers")).to_be_visible()
    every = page.get_by_role("checkbox", name="Select this page")
    press(every, "Space")
    expect(page.get_by_role("status").filter(has_text="2 selected")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Select Acme Inc.")).to_be_checked()
    press(page.get_by_role("checkbox", name="Select Acme Inc."), "Space")
    assert every.evaluate("box => box.indeterminate")
    press(page.get_by_role("checkbox", name="Select Acme Inc."), "Space")


def the_toast(page: Page, words: str) -> Locator:
    """The toast: on a phone and a laptop nothing is wrong with it, and the keys work while it is shown."""
    toast = page.get_by_role("dialog", name="Done")
    expect(toast).to_contain_text(words)
    assert look(page) == []
    for size in (PHONE, LAPTOP):
        page.set_viewport_size(size)
        assert page.evaluate(SMALL_TARGETS) == []
        expect(toast.get_by_role("button", name="Undo")).to_be_in_viewport(ratio=1)
    page.keyboard.press("Control+k")
    expect(page.locator("#find")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#find")).to_be_hidden()
    expect(toast).to_be_visible()
    return toast


def test_those_selected_get_tasks_and_are_snoozed_and_both_is_undone(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/?owner=")
    select_those_at_risk(page)
    press(page.get_by_role("button", name="Create task", exact=True))
    expect(page.locator("main h1")).to_have_text("Create task: 2 customers")
    page.get_by_label("Title").fill("Ask how it goes")
    press(page.get_by_role("button", name="Create task", exact=True))
    toast = the_toast(page, "2 tasks created.")
    assert Task.objects.count() == 2
    press(toast.get_by_role("button", name="Undo"))
    expect(page.get_by_text("Undone.")).to_be_visible()
    assert not Task.objects.exists()
    # The way back led to the list as it was filtered.
    expect(page.get_by_text("2 of 12 customers")).to_be_visible()

    press(page.get_by_role("checkbox", name="All 2 found"), "Space")
    press(page.get_by_role("button", name="Snooze", exact=True))
    press(page.get_by_role("button", name="3 days"))
    toast = page.get_by_role("dialog", name="Done")
    expect(toast).to_contain_text("2 customers snoozed until")
    toast.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Escape")
    expect(toast).to_be_hidden()
    # Who was in it goes on where the page begins.
    expect(page.locator("#content")).to_be_focused()
    assert Deferral.objects.standing().count() == 2


def test_several_customers_get_an_email_each(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/?owner=&status=at_risk")
    User.objects.update(email="sofia@rsolv.example")
    press(page.get_by_role("checkbox", name="Select this page"), "Space")
    press(page.get_by_role("button", name="Message", exact=True))
    page.get_by_label("Subject").fill("A question")
    page.get_by_label("Text", exact=True).fill("Hello {organization},\n\nhow is it going?")
    press(page.get_by_role("button", name="Preview").last)
    expect(page.locator("main h1")).to_have_text(re.compile(r"Send \d emails?\?"))
    assert look(page) == []
    assert page.evaluate(SMALL_TARGETS) == []
    page.set_viewport_size(LAPTOP)
    press(page.get_by_role("checkbox", name="Send to Acme Inc."), "Space")
    press(page.get_by_role("button", name="Send", exact=True))
    page.wait_for_url("**/admin/?**")
    assert [one.body for one in mail.outbox] == ["Hello Tide & Timber Co.,\n\nhow is it going?"]
