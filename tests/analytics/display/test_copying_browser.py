"""What a meeting takes from a page in a browser: a table as cells, a chart as a picture."""

import struct
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from customers.models import Customer
from tests.factories import load_demo_program
from tests.support.browsing import Opened, looks_alike

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.sqlite_is_enough,
    looks_alike,
]

LISTEN = """() => {
    const run = document.execCommand.bind(document);
    document.execCommand = (name) => {
        // Of two listeners the later one sees what the earlier one has written.
        document.addEventListener('copy', ({ clipboardData }) => {
            window.copied = [clipboardData.getData('text/plain'), clipboardData.getData('text/html')];
        }, { once: true });
        return run(name);
    };
}"""


def copied(page: Page, region: str) -> tuple[list[list[str]], str]:
    """Press the button below a table; returns what is on the clipboard: the cells, and the HTML."""
    button = page.get_by_role("region", name=region, exact=True).locator("+ .copy-table")
    page.evaluate(LISTEN)
    button.click()
    expect(button).to_have_text("Copied")
    text, html = page.evaluate("window.copied")
    return [line.split("\t") for line in text.split("\n")], html


def test_a_table_is_copied_as_cells(open_page: Opened) -> None:
    load_demo_program()
    cells, html = copied(open_page("/admin/cohorts/"), "Comparison of cohorts")
    # The mix is a picture without words, and so is no column.
    assert cells[0] == [
        *("Cohort", "Customers", "Onboarded"),
        *["Time to value"] * 2,
        *("Success rate", "Average score"),
        *["Health"] * 5,
    ]
    assert cells[2] == ["Beta", "3", "67%", "4.0d", "4.0d", "74%", "55", "0%", "67%", "0%", "0%", "33%"]
    assert html.startswith("<table><tr><td>Cohort</td><td>Customers</td>")


def test_no_copied_cell_is_run_by_a_spreadsheet(open_page: Opened) -> None:
    load_demo_program()
    Customer.objects.filter(pk="c1001").update(organization="=1+1<b>")
    cells, html = copied(open_page("/admin/?q=c1001&owner="), "List of customers")
    assert cells[1][0] == "'=1+1<b> ⚠ blocked"
    assert "<td>'=1+1&lt;b&gt; ⚠ blocked</td>" in html


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_is_saved_as_a_picture_on_white(open_page: Opened, tmp_path: Path, scheme: str) -> None:
    load_demo_program()
    page = open_page("/admin/", scheme=scheme)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as PNG: Customers by health status").click()
    assert waiting.value.suggested_filename.startswith("customers-by-health-status-")
    assert waiting.value.suggested_filename.endswith("-2025.png")
    waiting.value.save_as(tmp_path / "chart.png")
    picture = (tmp_path / "chart.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (1920, 840)
    assert page.evaluate("document.documentElement.classList.contains('dark')") is (scheme == "dark")
