"""Every screen in a real browser: phone and laptop, light and dark, and axe's opinion."""

from datetime import date

import pytest
from playwright.sync_api import ViewportSize, expect

from analytics.scoring.snapshots import score_day
from customers.models import ImportRun, RowChange
from tests.factories import load_demo_program
from tests.support.browsing import LAPTOP, PHONE, SMALL_TARGETS, Opened, look, looks_alike, make_long_customer, unfold
from tests.support.forecasts import back_tested_program

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@looks_alike
def test_the_dark_theme_follows_the_system(open_page: Opened) -> None:
    dark = "document.documentElement.classList.contains('dark')"
    open_page("/admin/login/", role=None, scheme="dark").wait_for_function(dark)
    assert not open_page("/admin/login/", role=None, scheme="light").evaluate(dark)


@looks_alike
def test_nothing_is_wrong_with_the_login(open_page: Opened) -> None:
    assert look(open_page("/admin/login/", role=None)) == []


@looks_alike
@pytest.mark.parametrize(
    "address",
    [
        "/admin/",
        "/admin/?q=nobody",
        "/admin/?status=great&as_of=never",
        "/admin/?as_of=2025-05-09&days=90&history=365",
        "/admin/my-day/?owner=",
        "/admin/?signup=2025-04&quiet_week=1",
        "/admin/cohorts/",
        "/admin/cohorts/?by=month",
        "/admin/customer/c1001/",
        "/admin/customer/{long}/",
    ],
)
def test_nothing_is_wrong_with_a_page(open_page: Opened, address: str) -> None:
    load_demo_program()
    customer = make_long_customer()
    score_day(date(2025, 5, 10))
    page = open_page(address.format(long=customer.pk))
    unfold(page)
    assert look(page) == []


@looks_alike
@pytest.mark.parametrize("address", ["/admin/forecast/", "/admin/forecast/cases/?cases=quiet-flagged"])
def test_nothing_is_wrong_with_the_forecasts_accuracy_and_its_cases(open_page: Opened, address: str) -> None:
    back_tested_program()
    page = open_page(address)
    unfold(page)
    assert look(page) == []
    assert page.evaluate(SMALL_TARGETS) == []


@looks_alike
def test_nothing_is_wrong_with_a_run_however_long_its_words(open_page: Opened) -> None:
    load_demo_program()
    run = ImportRun.objects.get(feed="customers")
    ImportRun.objects.filter(pk=run.pk).update(
        file="F" * 255, started_by="S" * 150, forced_by="B" * 150, warnings=["W" * 500], reason="R" * 500, updated=2
    )
    image = {"id": "c1001", "run_id": run.pk, "line": 2, "team_size": None}
    after = {**image, "cohort": "C" * 100, "notes": "N" * 1000, "team_size": 15}
    RowChange.objects.create(run=run, model="customer", key="c1001", before={**image, "cohort": "VIP"}, after=after)
    RowChange.objects.create(run=run, model="customer", key="L" * 64, before=image, reason="T" * 200)
    page = open_page(f"/admin/customers/importrun/{run.pk}/change/")
    assert look(page) == []
    assert page.evaluate(SMALL_TARGETS) == []


@looks_alike
def test_nothing_is_wrong_with_the_empty_page(open_page: Opened) -> None:
    page = open_page("/admin/")
    expect(page.get_by_role("heading", name="No customers yet")).to_be_visible()
    assert look(page) == []


@looks_alike
@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_everything_to_press_is_large_enough(open_page: Opened, size: ViewportSize) -> None:
    load_demo_program()
    page = open_page("/admin/?q=a", role="Administrator", size=size)
    small = []
    unfold(page)
    small += page.evaluate(SMALL_TARGETS)
    for address in ("/admin/customer/c1001/?as_of=2025-05-09", "/admin/cohorts/"):
        page.goto(address)
        small += page.evaluate(SMALL_TARGETS)
    assert small == []


@looks_alike
def test_the_table_scrolls_in_its_own_box_on_a_phone(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/", size=PHONE)
    box = page.get_by_role("region", name="List of customers")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    # The column that stays: with a box, a name, a mark and "blocked".
    assert page.locator("#table-box td:first-child").first.bounding_box()["width"] <= 180
    box.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('[aria-label=\"List of customers\"]').scrollLeft > 0")


@looks_alike
def test_our_own_assets_are_small(open_page: Opened) -> None:
    load_demo_program()
    sizes = open_page("/admin/").evaluate(
        "performance.getEntriesByType('resource').filter(entry => entry.name.includes('/static/analytics/'))"
        ".map(entry => entry.decodedBodySize)"
    )
    assert sizes
    assert sum(sizes) < 150_000
