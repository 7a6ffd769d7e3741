"""Alerts and their rules in a real browser: select, acknowledge, make a rule and preview it; and axe's opinion."""

from datetime import date

import pytest
from playwright.sync_api import expect

from analytics.models import Alert, AlertRule
from tests.factories import load_demo_program, make_alert
from tests.support.browsing import LAPTOP, PHONE, SMALL_TARGETS, Opened, look

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


def test_select_all_acknowledge_and_use_the_actions_of_one(open_page: Opened) -> None:
    load_demo_program()
    for number in range(3):
        make_alert(text=f"At risk with a score of {number}", value=number)
    page = open_page("/admin/alerts/?told=")
    every = page.get_by_label("Select all on this page")
    every.check()
    expect(page.locator("input[name=alert]:checked")).to_have_count(3)
    page.locator("input[name=alert]").first.uncheck()
    assert every.evaluate("box => box.indeterminate")
    assert look(page) == []
    page.get_by_role("button", name="Acknowledge selected", exact=True).click()
    expect(page.get_by_text("2 alerts acknowledged.")).to_be_visible()
    page.get_by_text("More actions").click()
    page.get_by_label("All 3 that match").check()
    page.get_by_label("Note", exact=True).first.fill("Seen at the fair")
    assert look(page) == []
    page.get_by_role("button", name="Add note to selected").click()
    expect(page.get_by_text("3 alerts noted.")).to_be_visible()
    page.locator(".alert-act > summary").first.click()
    expect(page.get_by_role("link", name="Write email")).to_be_visible()
    assert look(page) == []
    for size in (LAPTOP, PHONE):
        page.set_viewport_size(size)
        page.goto("/admin/alerts/?told=")
        assert page.evaluate(SMALL_TARGETS) == []
    assert set(Alert.objects.values_list("note", flat=True)) == {"Seen at the fair"}


def test_a_rule_from_the_filters_of_the_table(open_page: Opened) -> None:
    load_demo_program(date(2025, 5, 10))
    page = open_page("/admin/?owner=&status=at_risk", role="Program manager")
    page.get_by_role("link", name="Create alert rule").click()
    page.get_by_label("Name", exact=True).fill("Nearly lost")
    page.get_by_label("Score to").fill("50")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Status: At risk; Score to: 50")).to_be_visible()
    expect(page.get_by_role("link", name="Acme Inc.")).to_be_visible()
    assert look(page) == []
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/analytics/alertrule/")
    assert AlertRule.objects.get(kind="custom").query == "status=at_risk&score_max=50"
