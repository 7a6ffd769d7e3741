"""The list of customers in a real browser: filter, take a filter away, choose columns, sort, export; axe's opinion."""

import io
import json
import zipfile
from datetime import date

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Locator, Page, expect

from analytics.scoring.snapshots import score_day
from customers.models import Customer
from customers.owners.assign import assign
from tests.factories import load_demo_program, make_staff
from tests.support.browsing import (
    LAPTOP,
    PHONE,
    SMALL_TARGETS,
    Opened,
    look,
    looks_alike,
    make_long_customer,
    names,
    unfold,
)

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


LINES = (
    "td => { const all = document.createRange(); all.selectNodeContents(td.querySelector('a') ?? td);"
    " return all.getClientRects().length; }"
)
"""How many lines a cell of text has."""


def headers(page: Page) -> Locator:
    return page.locator("#table-box th")


def assert_both_exports_are_as_shown(page: Page) -> None:
    """The workbook and the CSV have the two customers, the columns and the order of the page."""
    with page.expect_download() as download:
        page.get_by_role("link", name="Excel", exact=True).click()
    assert download.value.suggested_filename == "customers_2025-05-10.xlsx"
    book = load_workbook(io.BytesIO(download.value.path().read_bytes()))
    table = [list(row) for row in book["Customers"].iter_rows(values_only=True)]
    assert table[0] == ["Customer id", "Name", "Status", "Score", "Signed up", "As of"]
    assert [row[1:4] for row in table[1:]] == [["Acme Inc.", "At risk", 45], ["Tide & Timber Co.", "At risk", 15]]
    assert dict(book["About"].iter_rows(values_only=True))["Filter: Status"] == "At risk"

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    with zipfile.ZipFile(download.value.path()) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert (manifest["customers"], manifest["sorted_by"]) == (2, "Signed up, ascending")


def test_from_a_filter_to_the_export(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/")
    expect(page.locator(".sparkline polyline")).not_to_have_count(0)

    page.locator("summary", has_text="Status").click()
    page.get_by_role("checkbox", name="At risk").check()
    page.get_by_role("checkbox", name="Inactive").check()
    page.get_by_label("Score to").fill("20")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("3 of 12 customers")).to_be_visible()

    page.get_by_role("link", name="Status: Inactive , remove").click()
    expect(page.get_by_text("1 of 12 customers")).to_be_visible()
    expect(names(page)).to_have_text(["Tide & Timber Co."])
    page.get_by_role("link", name="Score to: 20 , remove").click()
    expect(page.get_by_text("2 of 12 customers")).to_be_visible()

    page.locator("summary", has_text="Columns").click()
    for name in ("Activity trend", "Progress", "Stage", "Cohort", "Owner", "Last active"):
        page.locator(".column-choice").get_by_role("checkbox", name=name).uncheck()
    page.locator(".column-choice").get_by_role("checkbox", name="Signed up").check()
    page.get_by_role("button", name="Show columns").click()
    expect(page.get_by_text("2 of 12 customers")).to_be_visible()
    expect(headers(page)).to_have_text(["Name", "Status", "Score", "Signed up"])

    page.get_by_role("columnheader", name="Signed up").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Signed up")).to_have_attribute("aria-sort", "ascending")
    expect(names(page)).to_have_text(["Acme Inc.", "Tide & Timber Co."])

    assert_both_exports_are_as_shown(page)

    page.locator("summary", has_text="Columns").click()
    page.get_by_role("link", name="Standard", exact=True).click()
    expect(page.get_by_role("columnheader", name="Activity trend")).to_be_visible()
    page.get_by_role("link", name="Clear all").click()
    expect(page.get_by_text("1–12 of 12")).to_be_visible()


def test_the_columns_by_keyboard(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/?owner=nobody")
    page.locator(".column-choice > summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Show columns").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Status")).to_have_count(0)
    expect(page.get_by_role("columnheader", name="Score")).to_be_visible()
    page.get_by_role("link", name="Owner: Nobody , remove").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page.locator(".matches")).to_have_text("12 customers")


def test_more_filters_by_keyboard(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/?owner=")
    panel = page.locator(".more-filters")
    days = page.get_by_role("group", name="Days active").get_by_label("from")
    expect(days).to_be_hidden()
    panel.locator("summary").focus()
    page.keyboard.press("Enter")
    days.focus()
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Days active from: 1 , remove")).to_be_visible()
    expect(days).to_have_value("1")
    expect(days).to_be_visible()
    page.get_by_role("link", name="Clear all").click()
    expect(days).to_be_hidden()


EVERYTHING = (
    "/admin/?q=e&status=at_risk&status=healthy&status=inactive&score_min=0&columns=status,score,trend,industry,"
    "signup_date,team_size,email,blocker_type,success_rate&per_page=50"
)


@looks_alike
@pytest.mark.parametrize(
    "address",
    [
        EVERYTHING,
        "/admin/?score_min=high&last_active=never&q=zz&owner=nobody",
        "/admin/?status_change_7=changed&team_size_min=2&signup_from=2025-01-01&compare=month&columns=status_change_7",
    ],
)
def test_nothing_is_wrong_with_the_list(open_page: Opened, address: str) -> None:
    load_demo_program()
    make_long_customer()
    score_day(date(2025, 5, 10))
    page = open_page(address)
    unfold(page, "section[aria-labelledby=customers] summary")
    assert look(page) == []
    for size in (LAPTOP, PHONE):
        page.set_viewport_size(size)
        assert page.evaluate(SMALL_TARGETS) == []


@looks_alike
def test_the_name_stays_in_sight_on_a_phone(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/", size=PHONE)
    page.locator("#table-box").evaluate("box => box.scrollLeft = 400")
    name = page.locator(".customer-name", has_text="Acme Inc.")
    name.scroll_into_view_if_needed()
    expect(name).to_be_in_viewport()
    assert page.locator("#table-box").evaluate("box => box.scrollLeft") > 300
    assert 0 <= name.bounding_box()["x"] < 100


@looks_alike
def test_the_owner_is_in_sight_on_a_laptop(open_page: Opened) -> None:
    load_demo_program()
    owner = make_staff("Success manager", first_name="Wilhelmina", last_name="Featherstonehaugh")
    assign(Customer.objects.all(), owner, owner)
    page = open_page("/admin/?owner=", size=LAPTOP)
    expect(page.locator("#table-box").get_by_text("Wilhelmina").first).to_be_visible()
    assert page.locator("#table-box").evaluate("box => box.scrollWidth - box.clientWidth") == 0


@looks_alike
def test_names_take_the_room_that_a_laptop_has(open_page: Opened) -> None:
    load_demo_program()
    owner = make_staff("Success manager", first_name="Bianca", last_name="Marchetti")
    assign(Customer.objects.all(), owner, owner)
    page = open_page("/admin/?owner=", size=LAPTOP)
    name = page.locator("#table-box .customer-name", has_text="Halvorsen Freight Systems")
    assert name.evaluate("link => link.offsetHeight / parseFloat(getComputedStyle(link).lineHeight)") < 2.5
    cell = page.locator("#table-box td.cut", has_text="Bianca Marchetti").first
    assert cell.evaluate(LINES) == 2, "The owner's name is broken within a word."


@looks_alike
def test_the_filters_of_alerts_stay_in_their_panel_on_a_phone(open_page: Opened) -> None:
    page = open_page("/admin/alerts/", size=PHONE)
    panel, rule = page.locator(".alert-filters").bounding_box(), page.locator("select[name=rule]").bounding_box()
    assert rule["x"] + rule["width"] <= panel["x"] + panel["width"] + 1
