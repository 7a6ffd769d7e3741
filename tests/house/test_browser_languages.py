"""The pages of the menu in each language: German words are longer, and nothing may scroll sideways for that."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page
from pytest_django.fixtures import Settings

from analytics.models import Preferences
from rsolv_cs import navigation
from tests.factories import load_demo_program, make_staff
from tests.support.browsing import LAPTOP, PHONE, Opened, looks_alike, unfold

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]

WIDE_TABLES = """
() => [...document.querySelectorAll('main table, #result_list')]
    .filter(table => table.checkVisibility() && !table.closest('.graph'))
    .filter(table => {
        let box = table.parentElement;
        while (box !== document.body && getComputedStyle(box).overflowX === 'visible') box = box.parentElement;
        return table.getBoundingClientRect().width > box.clientWidth + 1;
    })
    .map(table => `${table.getBoundingClientRect().width} px: ${table.innerText.slice(0, 120)}`)
"""
"""Tables that are wider than the box that they scroll in; the numbers of a chart are in one as wide as the chart."""


def faults(page: Page) -> list[str]:
    """What is wider than its place, on a laptop and on a phone, where a table alone may scroll in its box."""
    found = []
    for size in (LAPTOP, PHONE):
        page.set_viewport_size(size)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found.append(f"{page.url} scrolls sideways at {size['width']} px")
        if size == LAPTOP:
            found += [f"{page.url} has a table of {table}" for table in page.evaluate(WIDE_TABLES)]
    return found


@pytest.mark.full_run
@looks_alike
@pytest.mark.parametrize("language", ["de", "en"])
def test_no_page_of_the_menu_scrolls_sideways(open_page: Opened, settings: Settings, language: str) -> None:
    load_demo_program()
    settings.OFFERED_LANGUAGES = ["en", "de"]
    addresses = [one.address for one in navigation.pages(make_staff("Administrator", username="menu"))]
    assert len(addresses) > 40
    page = open_page("about:blank", role="Administrator")
    Preferences.objects.create(user=User.objects.latest("pk"), language=language)
    found = []
    for address in [*addresses, "/admin/customer/c1001/"]:
        page.set_viewport_size(LAPTOP)
        page.goto(address)
        assert page.locator("html").get_attribute("lang") == language, address
        unfold(page)
        found += faults(page)
    assert found == [], "\n".join(found)
