"""My day in a real browser: customers are dealt with in place, by mouse and keyboard, and come back."""

import re
from datetime import date

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from analytics.models import Deferral, Task
from customers.models import Customer, Note
from tests.factories import load_demo_program, make_customer, make_snapshot
from tests.support.browsing import LAPTOP, PHONE, SMALL_TARGETS, Opened, look, looks_alike, unfold

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]

DAYS = (date(2025, 5, 3), date(2025, 5, 10))
TEAM = "/admin/my-day/?owner="


def focused(page: Page) -> str:
    """The words of what has the focus."""
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def open_a_form_and_leave_it(page: Page) -> None:
    """A form opens under the customer; Escape closes it, and the focus is back."""
    page.get_by_role("link", name="Log call for Acme Inc.").click()
    expect(page.get_by_label("How")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("How")).to_have_count(0)
    assert focused(page) == "Log call for Acme Inc."


def bring_back(page: Page) -> None:
    """Bring back the one who is snoozed; the focus goes to the next who waits."""
    page.get_by_role("link", name="Waiting").click()
    expect(page.get_by_text("or as soon as it gets worse").first).to_be_visible()
    page.get_by_role("button", name="Bring back").click()
    expect(page.get_by_role("button", name="Bring back")).to_have_count(0)
    expect(page.locator(".work-name:focus")).to_have_count(1)


def test_a_morning_of_a_success_manager(open_page: Opened) -> None:
    load_demo_program(*DAYS)
    page = open_page(TEAM)
    todo = page.locator(".work")
    before = todo.count()
    second = todo.nth(1).locator(".work-name").text_content()
    expect(todo.first).to_contain_text("Acme Inc.")

    open_a_form_and_leave_it(page)

    # A call is logged by keyboard: the customer waits, and the next one has the focus.
    page.keyboard.press("Enter")
    page.get_by_label("What was said").fill("They wait for their IT")
    page.get_by_role("button", name="Save").click()
    expect(todo).to_have_count(before - 1)
    expect(page.locator("#my-day-news")).to_have_text("Acme Inc.: Call logged.")
    assert focused(page) == second
    assert Note.objects.get().kind == "call"
    expect(page).to_have_url(re.compile(re.escape(TEAM)))

    # The next one is snoozed, and brought back.
    todo.first.get_by_role("link", name="Snooze").click()
    page.get_by_role("button", name="3 days").click()
    expect(todo).to_have_count(before - 2)
    bring_back(page)
    page.get_by_role("link", name="To do").click()
    expect(todo).to_have_count(before - 1)

    # It is dismissed with a reason, from the menu.
    todo.first.locator("summary").click()
    todo.first.get_by_role("link", name="Dismiss").click()
    page.get_by_label("Reason").select_option("elsewhere")
    page.get_by_role("button", name="Dismiss", exact=True).click()
    expect(todo).to_have_count(before - 2)
    assert [one.reason for one in Deferral.objects.standing()] == ["elsewhere"]
    page.get_by_role("link", name="Done today").click()
    expect(page.get_by_text("Called, Sofia Marchetti")).to_be_visible()


def test_a_recommended_task_is_created_in_place(open_page: Opened) -> None:
    load_demo_program(*DAYS)
    page = open_page(TEAM)
    page.get_by_role("link", name="Create task for Acme Inc.").click()
    expect(page.get_by_label("Title", exact=True)).to_have_value("Schedule a technical call")
    assert look(page) == []
    page.set_viewport_size(LAPTOP)
    page.get_by_role("button", name="Create task", exact=True).click()
    expect(page.locator("#my-day-news")).to_contain_text("Acme Inc.: Task created, due")
    assert Task.objects.get().rule is not None


def test_what_is_refused_is_said_in_its_place_and_its_field_has_the_focus(
    open_page: Opened, live_server: LiveServer
) -> None:
    load_demo_program(*DAYS)
    # In a page in which an answer of 422 is no fault.
    page = open_page("about:blank").context.new_page()
    page.goto(f"{live_server.url}{TEAM}")
    page.get_by_role("link", name="Snooze for Acme Inc.").click()
    page.get_by_label("Until").fill("2020-01-01")
    page.get_by_role("button", name="Snooze", exact=True).click()
    expect(page.locator(".act-form .reasons")).to_be_visible()
    expect(page.get_by_label("Until")).to_be_focused()
    expect(page.get_by_label("Until")).to_have_attribute("aria-invalid", "true")
    assert not Deferral.objects.exists()


@looks_alike
@pytest.mark.parametrize("query", ["", "&tab=waiting", "&tab=done"])
def test_nothing_is_wrong_with_the_page(open_page: Opened, query: str) -> None:
    load_demo_program(*DAYS)
    long = make_customer(organization="W" * 200, signup_date=date(2025, 1, 1))
    make_snapshot(long, status="at_risk", score=3, blocker_type="x" * 100)
    Task.objects.create(customer=long, what="T" * 200, due="2020-01-01")
    for pk in ("c1001", "c1011"):
        Deferral.objects.create(customer=Customer.objects.get(pk=pk), reason="other", created_by="s" * 150)
    page = open_page(f"{TEAM}{query}")
    unfold(page)
    assert look(page) == []
    for size in (LAPTOP, PHONE):
        page.set_viewport_size(size)
        assert page.evaluate(SMALL_TARGETS) == []


@looks_alike
@pytest.mark.parametrize("name", ["call", "task", "snooze", "assign", "dismiss", "bring-back"])
def test_nothing_is_wrong_with_a_form_on_its_own_page(open_page: Opened, name: str) -> None:
    load_demo_program(*DAYS)
    assert look(open_page(f"/admin/customer/c1001/act/{name}/")) == []
