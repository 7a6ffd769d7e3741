"""A customer's page in a real browser: ranges of the chart, pages and kinds of the timeline, a note."""

import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from analytics.scoring.snapshots import score_day
from customers.models import Customer, Engagement, Event, Note
from tests.analytics.customer_page.test_forecast_panel import FEATURES, LOGISTIC, learnt
from tests.factories import load_demo_program, make_customer, make_forecast, make_staff
from tests.support.browsing import LAPTOP, PHONE, SMALL_TARGETS, Opened, look, looks_alike, unfold

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]

D = date(2025, 5, 10)
DAYS = (date(2025, 5, 3), D)
ACME = "/admin/customer/c1001/"


def test_the_chart_shows_seven_thirty_or_ninety_days(open_page: Opened) -> None:
    load_demo_program(*DAYS)
    page = open_page(f"{ACME}?status=at_risk")
    labels = "window.Chart?.getChart(document.querySelector('[data-source=activity-data]'))?.data.labels.length"
    page.wait_for_function(f"{labels} === 7")
    for days in (30, 90):
        page.get_by_role("link", name=f"{days} days", exact=True).click()
        expect(page.get_by_role("heading", name=f"Activity, last {days} days")).to_be_visible()
        page.wait_for_function(f"{labels} === {days}")
    page.get_by_role("link", name="← Back to the dashboard").click()
    expect(page).to_have_url(re.compile(r"/admin/\?status=at_risk$"))


def test_the_timeline_turns_its_pages(open_page: Opened) -> None:
    load_demo_program(*DAYS)
    row = {"customer": Customer.objects.get(pk="c1001"), "run_id": 1, "line": 2, "kind": "note"}
    Event.objects.bulk_create(
        Event(id=f"n{number:03}", date=D - timedelta(days=number), detail=f"Said {number}", **row)
        for number in range(60)
    )
    page = open_page(f"{ACME}?told=product")
    entries = page.locator("ol.timeline > li")
    expect(entries).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_text("Said 59", exact=True)).to_be_in_viewport()
    page.get_by_role("link", name="Newer").click()
    expect(page.get_by_text("Said 0", exact=True)).to_be_visible()
    page.get_by_role("link", name="Imports").click()
    expect(entries).to_have_count(2)
    page.locator(".of-import a").last.click()
    expect(page.get_by_role("heading", name="customers.csv").first).to_be_visible()


def test_a_note_is_added_by_keyboard(open_page: Opened) -> None:
    load_demo_program(*DAYS)
    page = open_page(ACME)
    page.get_by_label("Add a note").focus()
    page.keyboard.type("John waits for IT <soon>")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Note added to the history.")).to_be_attached()
    expect(page.locator("ol.timeline > li").first).to_contain_text("John waits for IT <soon>")
    expect(page.locator("ol.timeline > li").first).to_contain_text("Sofia Marchetti")
    assert Note.objects.get().customer_id == "c1001"


def test_the_first_screen_of_a_laptop_says_what_matters(open_page: Opened) -> None:
    load_demo_program(*DAYS)
    page = open_page(ACME)
    for name in ("Recommended actions", "Health score: 45/100 (At risk)", "What changed since 3 May 2025: +25 points"):
        expect(page.get_by_role("heading", name=name)).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("rowheader", name="Score", exact=True)).to_be_in_viewport(ratio=1)


def test_the_forecast_has_its_path_and_its_reasons_lead_to_their_rows(open_page: Opened) -> None:
    load_demo_program(*DAYS)
    for day, thousandths in zip(DAYS, (412, 736), strict=True):
        learnt("quiet", LOGISTIC, day=day)
        make_forecast(Customer.objects.get(pk="c1001"), date=day, quiet=thousandths, quiet_features=FEATURES)
    page = open_page(ACME)
    panel = page.get_by_role("region", name="Forecast, next 30 days")
    expect(panel).to_contain_text("Likely to go quiet 74%")
    path = "window.Chart?.getChart(document.querySelector('[data-source=forecast-path-data]'))?.data.datasets[0].data"
    page.wait_for_function(f"JSON.stringify({path}) === '[41,74]'")
    panel.locator("summary").first.click()
    expect(panel.get_by_text("How probable it is that there is no active day")).to_be_visible()
    assert look(page) == []
    panel.get_by_role("link", name="Quiet for 15 days").click()
    expect(page).to_have_url(re.compile(r"customer__id__exact=c1001&.*date__gte=2025-04-25"))
    rows = Engagement.objects.filter(customer="c1001", date__range=(date(2025, 4, 25), D))
    expect(page.locator("#result_list tbody tr")).to_have_count(rows.count())
    page.go_back()
    panel.get_by_role("link", name="Forecast accuracy").click()
    expect(page).to_have_url(re.compile(r"/admin/forecast/$"))


@looks_alike
@pytest.mark.parametrize(
    "address", [f"{ACME}?activity=90", "/admin/customer/c1012/", "/admin/customer/today/", "/admin/customer/unscored/"]
)
def test_nothing_is_wrong_with_the_page(open_page: Opened, address: str) -> None:
    load_demo_program(*DAYS)
    name = "\N{HEBREW LETTER ALEF}" * 100 + "\N{GRINNING FACE}" * 50
    make_customer(id="today", organization=name, signup_date=D)
    score_day(D)
    make_customer(id="unscored", organization=name)
    Note.objects.create(customer_id="c1001", author="A" * 150, text="W" * 2000)
    Note.objects.create(customer_id="c1001", author=make_staff().username, text="First\nSecond")
    page = open_page(address)
    unfold(page)
    assert look(page) == []
    for size in (LAPTOP, PHONE):
        page.set_viewport_size(size)
        assert page.evaluate(SMALL_TARGETS) == []
