"""The main journeys by the keyboard alone, what closes by Escape."""

import pytest
from playwright.sync_api import Locator, Page, expect

from analytics.models import Alert, Task
from customers.models import Customer, Note
from tests.factories import load_demo_program, make_alert
from tests.support.browsing import PHONE, Opened, looks_alike

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the focus is there."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if target.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {target}")


def test_search_open_note_and_back_by_keyboard(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/")
    page.keyboard.press("/")
    page.keyboard.type("acme")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=acme**")
    tab_to(page, page.locator(".customer-name", has_text="Acme Inc."))
    page.keyboard.press("Enter")
    page.wait_for_url("**/customer/c1001/**")
    note = page.locator("form.composer textarea")
    tab_to(page, note)
    page.keyboard.type("Called them")
    tab_to(page, page.locator("form.composer button[type=submit]").first)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Called them").first).to_be_visible()
    assert Note.objects.get().text == "Called them"
    tab_to(page, page.get_by_role("link", name="Back to the dashboard"))
    page.keyboard.press("Enter")
    page.wait_for_url("**q=acme**")
    expect(page.locator(".customer-name", has_text="Acme Inc.")).to_be_visible()


def test_an_alert_is_acknowledged_and_a_task_completed_by_keyboard(open_page: Opened) -> None:
    load_demo_program()
    acme = Customer.objects.get(pk="c1001")
    make_alert(acme, text="Blocked for 3 days")
    task = Task.objects.create(customer=acme, what="Call them", due="2025-05-12")
    page = open_page("/admin/alerts/")
    actions = page.get_by_role("listitem").filter(has_text="Blocked for 3 days").locator("summary").first
    tab_to(page, actions)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(actions).to_be_focused()
    expect(page.locator("details.alert-act button[value=acknowledge]:visible")).to_have_count(0)
    page.keyboard.press("Enter")
    tab_to(page, page.locator("details[open] button[value=acknowledge]"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 alert acknowledged.")).to_be_visible()
    assert Alert.objects.exclude(acknowledged_at=None).count() == 1

    page.goto(f"/admin/tasks/{task.pk}/")
    tab_to(page, page.get_by_label("Outcome", exact=True))
    page.keyboard.press("ArrowDown")
    done = page.locator("main button[value=done]")
    tab_to(page, done)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/tasks/**")
    expect(page.locator("[data-level], .notice, section[aria-label=Messages]").first).to_be_visible()
    task.refresh_from_db()
    assert task.state == Task.State.DONE


@looks_alike
def test_escape_closes_what_opened_and_the_focus_goes_back(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/")
    menu = page.locator("details.choices summary", has_text="Cohort").first
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name="VIP")).to_be_visible()
    page.get_by_role("checkbox", name="VIP").focus()
    page.keyboard.press("Escape")
    expect(page.get_by_role("checkbox", name="VIP")).to_be_hidden()
    expect(menu).to_be_focused()

    own = page.locator("#nav-sidebar button[aria-controls=user-links]")
    own.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    expect(own).to_be_focused()

    beside = page.locator("button.frame-wide")
    beside.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#nav-sidebar")).to_be_hidden()
    expect(beside).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    expect(page.locator("#nav-sidebar")).to_be_visible()

    page.set_viewport_size(PHONE)
    opener = page.locator("#menu-open")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#menu-close")).to_be_focused()
    expect(page.locator(".frame-dimmed")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#nav-sidebar")).to_be_hidden()
    expect(opener).to_be_focused()
    box = opener.bounding_box()
    assert box is not None and box["width"] >= 44 and box["height"] >= 44
