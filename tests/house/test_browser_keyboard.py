"""The main journeys by the keyboard alone, and what closes by Escape."""

import re
from datetime import date

import pytest
from playwright.sync_api import Locator, Page, expect

from analytics.models import Alert, Deferral, Task
from customers.models import Customer, Feedback, Note
from tests.factories import csv_row, load_demo_program, make_alert, make_staff
from tests.support.browsing import LOOKS, PHONE, Opened, drawn, look, looks_alike
from tests.support.uploading import csv_of

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the focus is there."""
    drawn(page)
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


def test_from_the_login_to_an_act_on_my_day_by_keyboard(open_page: Opened) -> None:
    load_demo_program(date(2025, 5, 3), date(2025, 5, 10))
    make_staff("Success manager", username="sofia", password="a long password")
    page = open_page("/admin/my-day/?owner=", role=None)
    expect(page.get_by_role("textbox", name="Username")).to_be_focused()
    page.keyboard.type("sofia")
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type("a long password")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/my-day/\?owner=$"))
    drawn(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="Snooze for Acme Inc."))
    page.keyboard.press("Enter")
    form = page.get_by_role("form", name="Snooze: Acme Inc.")
    expect(form.locator(":focus")).to_have_count(1)
    three = form.get_by_role("button", name="3 days")
    if not three.evaluate("one => one === document.activeElement"):
        tab_to(page, three)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Acme Inc.: Snoozed")).to_be_attached()
    # The next customer has the focus.
    expect(page.locator(".work-name:focus")).to_have_count(1)
    assert Deferral.objects.standing().get().customer_id == "c1001"


def test_a_file_is_uploaded_by_keyboard(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/customers/importrun/", role="Program manager")
    tab_to(page, page.get_by_role("link", name="Upload a file"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("combobox", name="Feed"))
    page.keyboard.type("Feedback")
    tab_to(page, page.get_by_label("File", exact=True))
    # Space opens the browser's own window of files, which is not ours to test.
    content = csv_of("feedback", csv_row("feedback", id="f900", customer_id="c1001"))
    page.locator(":focus").set_input_files({"name": "mine.csv", "mimeType": "text/csv", "buffer": content})
    tab_to(page, page.get_by_role("button", name="Upload and preview"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Preview of mine.csv").first).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Load exactly this file"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("mine.csv was loaded by run")).to_be_visible()
    assert Feedback.objects.filter(pk="f900").exists()


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


@looks_alike
def test_what_opens_on_an_admins_list_is_clean_and_closes_by_escape(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/customers/customer/", role="Administrator")
    panel = page.locator("#changelist-filter")
    filters = page.get_by_role("button", name="Filters")
    filters.focus()
    page.keyboard.press("Enter")
    expect(panel).to_be_visible()
    expect(panel.locator(":focus")).to_have_count(1)
    expect(filters).to_have_attribute("aria-expanded", "true")
    wrong = look(page)
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(filters).to_be_focused()

    page.set_viewport_size(PHONE)
    more = page.get_by_role("button", name="More actions")
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Export")).to_be_visible()
    wrong += look(page, [LOOKS[1]])
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Export")).to_be_hidden()
    expect(more).to_be_focused()

    page.locator("#menu-open").click()
    expect(page.locator("#nav-sidebar")).to_be_visible()
    page.locator("#nav-sidebar button[aria-controls=user-links]").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    wrong += look(page, [LOOKS[1]])
    assert wrong == [], "\n".join(wrong)


@looks_alike
def test_what_can_be_done_with_a_choice_opens_by_keyboard_and_closes_by_escape(open_page: Opened) -> None:
    page = open_page("/admin/customers/customercare/add/", role="Administrator")
    choice = page.get_by_role("button", name="Actions for this choice").last
    choice.focus()
    page.keyboard.press("Enter")
    expect(choice).to_have_attribute("aria-expanded", "true")
    assert look(page) == []
    page.keyboard.press("Escape")
    expect(choice).to_have_attribute("aria-expanded", "false")
    expect(choice).to_be_focused()
