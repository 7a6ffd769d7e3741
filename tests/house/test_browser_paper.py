"""What paper has of our pages, and what a screen reader and the keyboard have of all pages."""

import re

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.factories import load_demo_program
from tests.support.browsing import Opened, looks_alike
from tests.support.forecasts import back_tested_program
from tests.support.nights import make_night

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.sqlite_is_enough,
    looks_alike,
]

A4: ViewportSize = {"width": 703, "height": 1000}
"""The width of A4 without its margins, at 96 pixels an inch."""
OUTSIDE = """() => [...document.querySelectorAll('.rsolv :is(h1, h2, th, td, canvas, dd, li)')]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width)
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => one.tagName + ' ' + one.textContent.trim().slice(0, 40))"""

OUTSIDE_THE_ADMIN = """() => [...document.querySelectorAll('#content :is(th, td, input, select, textarea, label)')]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width)
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => one.tagName + ' ' + one.textContent.trim().slice(0, 40))"""
TOPS = "(row) => [...row.cells].filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect().top)"
ON_PAPER = (
    *("/admin/", "/admin/?status=at_risk&owner=", "/admin/customer/c1001/", "/admin/cohorts/", "/admin/effects/"),
    *("/admin/my-day/", "/admin/alerts/", "/admin/tasks/", "/admin/reports/", "/admin/customers/importrun/"),
    *("/admin/summary/", "/admin/board/", "/admin/forecast/", "/admin/forecast/cases/"),
)
OF_THE_ADMIN = (
    *("/admin/customers/customer/?q=a", "/admin/auth/user/", "/admin/customers/customercare/c1001/change/"),
    *("/admin/analytics/alertrule/", "/admin/customers/auditentry/?q=load", "/admin/customers/customer/c1001/change/"),
)
OVERLAPPING = """() => [...document.querySelectorAll('.rsolv .customer-name')]
    .filter((one) => one.getBoundingClientRect().bottom > one.closest('tr, li').getBoundingClientRect().bottom + 1)
    .map((one) => one.textContent.trim())"""


def to_paper(page: Page) -> None:
    """The page as it is printed; Chromium sends the event before it lays out the paper."""
    page.set_viewport_size(A4)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ON_PAPER)
def test_paper_has_all_of_a_page(open_page: Opened, address: str, scheme: str) -> None:
    load_demo_program()
    if "/forecast/" in address:
        back_tested_program()
    page = open_page(address, "Program manager", scheme)
    page.wait_for_load_state("networkidle")
    to_paper(page)
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(OVERLAPPING) == []
    expect(page.locator("dialog:visible")).to_have_count(0)
    for canvas in page.locator("canvas").all():
        assert canvas.bounding_box()["width"] == pytest.approx(625, abs=15)
    bars = page.locator("progress.bar").all()
    assert all(bar.bounding_box()["width"] > 10 for bar in bars)
    assert {bar.evaluate("one => getComputedStyle(one).printColorAdjust") for bar in bars} <= {"exact"}
    assert page.evaluate("getComputedStyle(document.querySelector('.rsolv')).color") == "rgb(17, 17, 17)"
    expect(page.locator("#nav-sidebar")).to_be_hidden()
    expect(page.locator(".rsolv :is(.switch, .choice) a:visible:not([aria-current])")).to_have_count(0)
    expect(page.locator(".rsolv button:visible, .rsolv .button:visible")).to_have_count(0)
    expect(page.locator(".rsolv a:visible", has_text=re.compile("^←"))).to_have_count(0)
    head = page.locator(".printed")
    expect(head).to_contain_text("Printed by Sofia Marchetti on ")
    assert head.bounding_box()["y"] < page.locator("#content").bounding_box()["y"]
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.classList.contains('dark')") is (scheme == "dark")


def test_paper_has_the_admins_lists_as_tables_and_forms_without_buttons(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/", "Administrator")
    expect(page.locator(".printed")).to_be_hidden()
    for address in OF_THE_ADMIN:
        page.emulate_media(media="screen")
        page.goto(address)
        to_paper(page)
        expect(page.locator(".printed")).to_be_visible()
        assert page.evaluate(OUTSIDE_THE_ADMIN) == [], address
        for control in (
            "button",
            "[type=submit]",
            "[type=search]",
            "#changelist-filter",
            "#toolbar",
            ".action-select",
        ):
            expect(page.locator(f"#main {control}:visible")).to_have_count(0)
        for row in page.locator("#result_list tbody tr").all():
            assert len(set(row.evaluate(TOPS))) == 1, (address, "a card, not a row")


def test_paper_has_all_of_a_night(open_page: Opened) -> None:
    step = {"name": "import", "result": "done with a warning", "seconds": 1.5}
    night = make_night("warned", steps=[{**step, "message": "engagement.csv, " * 40}, {**step, "message": "x" * 300}])
    page = open_page(f"/admin/analytics/night/{night.pk}/change/", "Administrator")
    to_paper(page)
    assert page.evaluate(OUTSIDE) == []
    expect(page.locator(".printed")).to_contain_text("RSOLV Customer Success · Nightly run of ")


def test_the_head_tells_when_the_page_was_printed_not_when_it_was_opened(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/reports/", apart=True)
    page.clock.set_fixed_time("2026-09-05T07:09:00Z")
    to_paper(page)
    expect(page.locator(".printed time")).to_have_text("5 Sep 2026, 07:09")


def test_paper_has_every_column_of_the_table(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/")
    on_screen = page.locator("#table-box th").all_inner_texts()
    to_paper(page)
    assert [text.strip() for text in page.locator("#table-box th:visible").all_inner_texts()] == [
        text.strip() for text in on_screen if text.strip()
    ]


ICONS = "() => [...document.querySelectorAll('.material-symbols-outlined')].map((one) => one.textContent.trim())"
SPOKEN = (
    *("/admin/", "/admin/customer/c1001/", "/admin/alerts/", "/admin/tasks/", "/admin/reports/", "/admin/forecast/"),
    *("/admin/customers/importrun/", "/admin/customers/customer/", "/admin/customers/customercare/c1001/change/"),
    *("/admin/auth/user/add/", "/admin/customers/customer/export/", "/admin/analytics/mailtemplate/add/"),
)


@pytest.mark.parametrize("address", SPOKEN)
def test_no_icon_is_read_aloud(open_page: Opened, address: str) -> None:
    load_demo_program()
    page = open_page(address, "Administrator")
    spoken = page.locator("body").aria_snapshot()
    icons = {icon for icon in page.evaluate(ICONS) if icon}
    assert icons
    words = set(re.findall(r"[a-z0-9_]+", spoken))
    assert {icon for icon in icons if "_" in icon} & words == set()
    assert page.locator(".material-symbols-outlined:not([aria-hidden])").count() == 0


def test_links_and_buttons_of_the_frame_have_their_own_names(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/", role=None)
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
    page = open_page("/admin/")
    for name in ("Dashboard", "Cohorts"):
        expect(page.get_by_role("navigation").get_by_role("link", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^My tasks"))).to_be_visible()
    assert not re.search(r"^\s*- (link|button)(:|$)", page.locator("body").aria_snapshot(), re.MULTILINE)


@pytest.mark.parametrize("address", ["/admin/", "/admin/customers/importrun/", "/admin/customer/c1001/"])
def test_the_first_stop_of_the_tab_key_leads_to_the_content(open_page: Opened, address: str) -> None:
    load_demo_program()
    page = open_page(address)
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    expect(focused).to_have_text("Skip to content")
    expect(focused).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('#content').contains(document.activeElement)")
