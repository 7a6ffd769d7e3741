"""In a real browser: order one's columns by the keyboard, create a task from a row of the table; axe's opinion."""

import re

import pytest
from playwright.sync_api import Page, expect

from analytics.models import Task
from tests.factories import load_demo_program
from tests.support.browsing import LAPTOP, PHONE, SMALL_TARGETS, Opened, at_rest, look, violations

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


def order_by_keyboard(page: Page) -> None:
    """Move a column up, make another narrow, take one away; and see it in the table."""
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("link", name="Order and width").click()
    expect(page.locator("main h1")).to_have_text("Columns of the customer table")
    assert page.evaluate(SMALL_TARGETS) == []
    assert look(page) == []
    page.set_viewport_size(LAPTOP)

    up = page.get_by_role("button", name="Move Score up")
    up.focus()
    page.keyboard.press("Enter")
    boxes = page.locator(".column-rows input")
    expect(boxes.first).to_have_value("score")
    expect(page.locator("#column-news")).to_have_text("Score: 1 of 8")
    at_rest(page)
    # It goes along with its column, so that the next press moves it further.
    expect(up).to_be_focused()
    # By the mouse it goes back to its place, and forth again.
    handle = page.locator(".column-rows li", has=page.get_by_label("Width of Score"))
    handle.drag_to(page.locator(".column-rows li", has=page.get_by_label("Width of Status")))
    expect(boxes.first).to_have_value("status")
    expect(up).not_to_have_attribute("aria-disabled", "true")
    expect(page.get_by_role("button", name="Move Status up")).to_have_attribute("aria-disabled", "true")
    up.click()
    expect(boxes.first).to_have_value("score")
    at_rest(page)
    page.get_by_label("Width of Owner").select_option("Narrow")
    page.get_by_role("checkbox", name="Stage").uncheck()
    page.get_by_role("button", name="Save as my columns").click()
    expect(page.locator("#table-box th")).to_have_text([
        re.compile(name)
        for name in ("Name", "Score", "Status", "Activity trend", "Progress", "Last active", "Cohort", "Owner")
    ])  # fmt: skip
    assert round(page.locator("#table-box td.width-90").first.evaluate("cell => cell.offsetWidth")) == 90


def create_task_from_row(page: Page) -> None:
    """Point at a row, open its form by the mouse and by the keyboard, and send it."""
    row = page.locator("tr", has_text="Acme Inc.")
    create = row.get_by_role("link", name="Create task for Acme Inc.")
    expect(create).to_have_css("opacity", "0")
    row.hover()
    expect(create).to_have_css("opacity", "1")
    create.click()
    form = page.get_by_role("dialog", name="Create task: Acme Inc.")
    title = form.get_by_role("textbox").first
    expect(title).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(form).to_be_hidden()
    expect(create).to_be_focused()
    page.keyboard.press("Enter")
    title.fill("Ask about the pilot")
    form.get_by_role("button", name="Create task").click()
    expect(page.get_by_text("Acme Inc.: Task created")).to_be_visible()
    assert page.url.endswith("#customer-c1001")
    assert Task.objects.get(what="Ask about the pilot").customer.organization == "Acme Inc."


def test_columns_are_ordered_and_a_task_is_created_from_the_row(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/?owner=")
    order_by_keyboard(page)
    create_task_from_row(page)
    page.set_viewport_size(PHONE)
    page.locator("tr", has_text="Acme Inc.").get_by_role("link", name=re.compile("^Owner:")).click()
    expect(page.get_by_role("dialog", name="Assign owner: Acme Inc.")).to_be_visible()
    assert violations(page) == []
