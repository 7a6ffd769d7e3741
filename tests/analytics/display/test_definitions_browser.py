"""A "?" on a phone: what it says stays within the page, and Escape closes it."""

from datetime import date

import pytest
from playwright.sync_api import Page, expect

from tests.factories import load_demo_program
from tests.support.browsing import PHONE, Opened, looks_alike

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.sqlite_is_enough,
    looks_alike,
]

OUTSIDE = """() => {
    const outside = [];
    for (const one of document.querySelectorAll('details.definition')) {
        one.open = true;
        const { left, right } = one.lastElementChild.getBoundingClientRect();
        const name = one.firstElementChild.ariaLabel;
        if (left < 0 || right > innerWidth || document.documentElement.scrollWidth > innerWidth) outside.push(name);
        one.open = false;
    }
    return outside;
}"""


def outside(page: Page) -> list[str]:
    """The definitions of a page that do not stay within it."""
    found: list[str] = page.evaluate(OUTSIDE)
    return found


def test_definitions_stay_within_a_phone_and_escape_closes_them(open_page: Opened) -> None:
    load_demo_program(date(2025, 5, 3), date(2025, 5, 10))
    page = open_page("/admin/", size=PHONE)
    assert outside(page) == []
    for address in ("/admin/customer/c1001/", "/admin/cohorts/", "/admin/my-day/?owner="):
        page.goto(address)
        assert outside(page) == [], address
    said = page.get_by_text("have an open alert or a task due; the worst first.")
    page.get_by_label("What this list means").press("Enter")
    expect(said).to_be_visible()
    page.keyboard.press("Escape")
    expect(said).to_be_hidden()
