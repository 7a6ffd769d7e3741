"""The back-test in a browser: month after month by one press, the focus stays, and nothing is wrong with its looks."""

import pytest
from playwright.sync_api import Route, expect

from tests.support.back_tests import plant
from tests.support.browsing import EVERY_LOOK, Opened, look, looks_alike, unfold

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.sqlite_is_enough,
    looks_alike,
]


def test_one_press_runs_it_through_and_the_focus_stays(open_page: Opened) -> None:
    draft = plant()
    page = open_page(f"/admin/policy-lab/{draft.pk}/", role="Program manager")
    button = page.get_by_role("button", name="Back-test the draft")
    expect(button).to_be_visible()
    assert look(page, EVERY_LOOK) == []
    button.press("Enter")
    expect(page.get_by_text("At 2 month ends the draft would have put customers At risk 6 times")).to_be_visible()
    expect(page.get_by_role("heading", name="Back-test")).to_be_focused()
    unfold(page)
    assert look(page, EVERY_LOOK) == []
    page.get_by_role("link", name="1: missed, draft, 28 Feb 2025").click()
    expect(page.get_by_role("link", name="Eve")).to_be_visible()
    assert look(page, EVERY_LOOK) == []


def test_where_it_does_not_begin_it_says_so(open_page: Opened) -> None:
    draft = plant()
    page = open_page(f"/admin/policy-lab/{draft.pk}/", role="Program manager")
    button = page.get_by_role("button", name="Back-test the draft")
    expect(button).to_be_visible()
    # As where the draft is gone by then.
    page.route("**/back-test/", lambda route: route.fulfill(status=200, body="<p>Gone</p>", content_type="text/html"))
    button.click()
    expect(page.get_by_role("alert")).to_have_text("The back-test has stopped. Reload the page to continue it.")


def test_where_it_stops_it_says_so(open_page: Opened) -> None:
    draft = plant()
    page = open_page(f"/admin/policy-lab/{draft.pk}/back-test/", role="Program manager")
    sent: list[Route] = []

    def second_fails(route: Route) -> None:
        sent.append(route)
        if len(sent) == 1:
            route.continue_()
        else:
            route.fulfill(status=200, body="<p>Log in</p>", content_type="text/html")

    page.route("**/back-test/", second_fails)
    page.get_by_role("button", name="Back-test the draft").click()
    expect(page.get_by_text("The back-test has stopped. Reload the page to continue it.")).to_be_visible()
    page.unroute("**/back-test/")
    page.reload()
    page.get_by_role("button", name="Continue the back-test").click()
    expect(page.get_by_text("Too few outcomes for a verdict")).to_be_visible()
