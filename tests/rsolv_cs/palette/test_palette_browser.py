"""The palette and the keys in a real browser."""

import re

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from analytics.models import Preferences
from tests.factories import load_demo_program, make_customer
from tests.support.browsing import LAPTOP, PHONE, Opened, drawn, look, looks_alike

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]

COHORTS = "/admin/cohorts/"


def selected(page: Page) -> str:
    return page.locator("#find [aria-selected=true] .find-title").inner_text()


def test_a_customer_is_found_and_opened_without_a_mouse(open_page: Opened) -> None:
    load_demo_program()
    make_customer(id="x1", organization="<img src=x onerror=alert(1)>")
    page = open_page(COHORTS)
    page.locator("#find-open").focus()
    page.keyboard.press("Enter")
    field = page.get_by_role("combobox", name="Search customers, pages, reports and tasks")
    expect(field).to_be_focused()
    expect(page.get_by_role("option", name="My day")).to_have_attribute("aria-selected", "true")
    field.fill("o")
    expect(page.get_by_role("group", name="Customers")).to_be_visible()
    first = selected(page)
    page.keyboard.press("ArrowUp")
    last = page.get_by_role("option").last
    expect(last).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", last.get_attribute("id") or "")
    page.keyboard.press("ArrowDown")
    assert selected(page) == first
    field.fill("<img")
    expect(page.get_by_role("option", name="<img src=x onerror=alert(1)>")).to_be_visible()
    field.fill("zzz")
    expect(page.locator("#find").get_by_role("status")).to_have_text("No results for “zzz”")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#find")).to_be_hidden()
    expect(page.locator("#find-open")).to_be_focused()

    page.keyboard.press("Control+k")
    # Enter before the answer: what is opened is what the last letter found.
    page.keyboard.type("acme")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/admin/customer/c1001/$"))


def test_what_goes_wrong_is_said(open_page: Opened) -> None:
    page = open_page("/admin/preferences/")
    page.route("**/admin/search/?*", lambda route: route.abort("aborted"))
    page.keyboard.press("Control+k")
    expect(page.locator("#find").get_by_role("status")).to_have_text("No connection. Check the network and try again.")
    page.unroute("**/admin/search/?*")
    # Not the browser's cookie, which an answer that is on its way may bring once more.
    Session.objects.all().delete()
    page.get_by_role("combobox", name="Search").fill("a")
    expect(page.locator("#find").get_by_role("status")).to_have_text("You are logged out. Log in again to search.")


def test_single_keys_lead_to_pages_and_lists_and_do_nothing_while_one_types(open_page: Opened) -> None:
    load_demo_program()
    page = open_page(COHORTS)
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_contain_text("Go to Alerts")
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()
    expect(page).to_have_url(re.compile(COHORTS))
    page.keyboard.press("/")
    expect(page.locator("#find-text")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#find")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url(re.compile(r"/admin/$"))
    drawn(page)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search", exact=True)).to_be_focused()
    page.keyboard.type("g?a/")
    expect(page.get_by_role("searchbox", name="Search", exact=True)).to_have_value("g?a/")

    page.goto("/admin/preferences/")
    page.get_by_role("checkbox", name="Keyboard shortcuts").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Preferences saved.")).to_be_visible()
    assert Preferences.objects.get().shortcuts is False
    page.keyboard.press("?")
    page.keyboard.press("/")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.locator("#find")).to_be_visible()


@looks_alike
def test_nothing_is_wrong_with_the_palette_the_keys_and_the_page(open_page: Opened) -> None:
    load_demo_program()
    make_customer(organization="W" * 200, email=f"{'e' * 64}@example.com", id="L" * 64)
    page = open_page(f"{COHORTS}")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search").fill("e")
    expect(page.get_by_role("group", name="Customers")).to_be_visible()
    wrong = look(page)
    page.set_viewport_size(PHONE)
    assert page.locator("#find").bounding_box() == {"x": 0, "y": 0, **PHONE}
    page.keyboard.press("Escape")
    box = page.locator("#find-open").bounding_box()
    assert box is not None and box["width"] >= 44 and box["height"] >= 44
    page.set_viewport_size(LAPTOP)
    page.keyboard.press("?")
    expect(page.locator("#shortcuts dt").first).to_be_visible()
    wrong += look(page)
    for address in ("/admin/search/?q=e", "/admin/search/?q=zzz", "/admin/shortcuts/"):
        page.goto(address)
        wrong += look(page)
    assert wrong == []
