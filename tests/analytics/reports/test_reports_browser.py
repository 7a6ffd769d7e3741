"""A report in a real browser: saved from the table, listed, opened, changed, exported; and axe's opinion."""

import json
import zipfile

import pytest
from playwright.sync_api import expect

from tests.factories import load_demo_program
from tests.support.browsing import LAPTOP, PHONE, SMALL_TARGETS, Opened, look, names

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


def test_save_list_open_export(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/?status=at_risk&sort=-score&columns=score,owner")
    page.get_by_role("link", name="Save as report").click()
    page.get_by_label("Name", exact=True).fill("Who is at risk")
    expect(page.get_by_text("Status: At risk")).to_be_visible()
    page.get_by_label("Shared").check()
    assert look(page) == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved “Who is at risk”.")).to_be_visible()
    assert look(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of Who is at risk").click()
    assert download.value.suggested_filename == "who-is-at-risk_2025-05-10.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert (manifest["report"], manifest["customers"]) == ("Who is at risk", 2)

    page.get_by_role("link", name="Who is at risk", exact=True).click()
    report = page.get_by_role("group", name="Report")
    expect(report.get_by_text("Who is at risk")).to_be_visible()
    expect(names(page)).to_have_text(["Acme Inc.", "Tide & Timber Co."])
    page.get_by_label("Score to").fill("20")
    page.get_by_role("button", name="Filter").click()
    expect(report.get_by_text("changed")).to_be_visible()
    expect(names(page)).to_have_text(["Tide & Timber Co."])
    assert look(page) == []
    page.get_by_role("button", name="Save the changes").click()
    expect(page.get_by_text("has these filters, columns and order now.")).to_be_visible()
    expect(report.get_by_text("changed")).to_have_count(0)
    for size in (LAPTOP, PHONE):
        page.set_viewport_size(size)
        for address in ("/admin/reports/", page.url):
            page.goto(address)
            assert page.evaluate(SMALL_TARGETS) == []
