"""From a point of a chart to the day behind it, in a browser: by a click, and by keyboard in the chart's table."""

import re
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from tests.factories import load_demo_program
from tests.support.browsing import Opened, looks_alike

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.sqlite_is_enough,
    looks_alike,
]

DAYS = (date(2025, 5, 3), date(2025, 5, 10))
PLACE = """(label) => {
    const chart = Chart.getChart(document.querySelector("[data-source=health-history-data]"));
    const { top, bottom } = chart.chartArea;
    return { x: chart.scales.x.getPixelForValue(chart.data.labels.indexOf(label)), y: (top + bottom) / 2 };
}"""


def drawn(page: Page, key: str = "health-history") -> None:
    page.wait_for_function(f"window.Chart?.getChart(document.querySelector('[data-source={key}-data]'))")


def test_a_click_on_a_point_leads_to_the_dashboard_of_its_day(open_page: Opened) -> None:
    load_demo_program(*DAYS)
    page = open_page("/admin/")
    drawn(page)
    canvas = page.locator("[data-source=health-history-data]")
    canvas.scroll_into_view_if_needed()
    locale = page.evaluate(
        "Chart.getChart(document.querySelector('[data-source=health-history-data]')).options.locale"
    )
    assert page.evaluate("(locale) => new Intl.NumberFormat(locale).format(1200)", locale) == "1,200"
    place = page.evaluate(PLACE, "3 May")
    canvas.hover(position={"x": place["x"] + 2, "y": place["y"]})
    expect(canvas).to_have_css("cursor", "pointer")
    # Beside the points nothing is led to.
    canvas.hover(position={"x": 2, "y": 2})
    expect(canvas).not_to_have_css("cursor", "pointer")
    canvas.click(position={"x": place["x"] + 2, "y": place["y"]})
    expect(page).to_have_url(re.compile(r"as_of=2025-05-03"))
    expect(page.get_by_text("As of 3 May 2025").filter(visible=True)).to_be_visible()


def test_the_table_of_a_chart_leads_there_by_keyboard(open_page: Opened) -> None:
    load_demo_program(*DAYS)
    page = open_page("/admin/customer/c1001/")
    figure = page.get_by_role("figure", name="Health score, 3 May 2025 to 10 May 2025")
    figure.get_by_text("Figures as a table").press("Enter")
    figure.get_by_role("link", name="3 May 2025").press("Enter")
    expect(page).to_have_url(re.compile(r"/admin/customer/c1001/\?as_of=2025-05-03$"))
