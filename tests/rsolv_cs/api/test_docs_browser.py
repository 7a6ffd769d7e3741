"""The page of the API in a browser: from files of ours, under our content security policy."""

import pytest
from playwright.sync_api import expect

from tests.factories import make_run
from tests.support.browsing import EVERY_LOOK, Opened, look

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


def test_a_request_is_tried_out_as_oneself(open_page: Opened) -> None:
    make_run(file="engagement-of-today.csv")
    page = open_page("/api/docs/", role="Viewer")
    page.locator(".opblock-summary-control", has_text="/api/v1/runs").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text("engagement-of-today.csv")
    page.reload()
    expect(page.locator(".opblock-summary-control").first).to_be_visible()
    assert look(page, EVERY_LOOK) == []
