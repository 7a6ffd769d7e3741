"""A rule is tried in a browser: the parts come by themselves, with what is typed, and look as they should."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from analytics.models import AlertRule, RecommendationRule
from analytics.rule_lab import trial
from tests.factories import make_day, make_snapshot
from tests.support.browsing import EVERY_LOOK, Opened, look, looks_alike, make_long_customer
from tests.support.scoring import D

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True), looks_alike]


@pytest.fixture
def scored() -> None:
    """A customer with a long name, at 45 on the first of five dates, and at 30 since."""
    customer = make_long_customer()
    type(customer).objects.update(signup_date=D - timedelta(days=90))
    for days in range(5):
        day = D - timedelta(days=4 - days)
        make_day(date=day)
        score, status = (30, "at_risk") if days else (45, "needs_attention")
        make_snapshot(customer, date=day, score=score, status=status)


@pytest.mark.usefixtures("scored")
def test_the_parts_come_by_themselves_and_look_right(open_page: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SECONDS_A_PART", 0)
    rule = AlertRule.objects.get(kind="fell")
    page = open_page(f"/admin/analytics/alertrule/{rule.pk}/change/", role="Program manager")
    lab = page.locator("#rule-lab")
    page.get_by_label("N", exact=True).fill("14")
    lab.get_by_role("button", name="Try it on past dates").click()
    expect(lab.locator(".readable")).to_contain_text("On 5 scored dates")
    expect(lab.get_by_role("button", name="Try again")).to_be_focused()
    expect(lab.locator(".readable")).to_contain_text("1 alert for 1 customer")
    page.get_by_label("N", exact=True).fill("16")
    lab.get_by_role("button", name="Try again").click()
    expect(lab.locator(".readable")).to_contain_text("On 5 scored dates from 6 May 2025: 0 alerts for 0 customers")
    rule.refresh_from_db()
    assert rule.threshold == 15, "as it was stored"
    page.get_by_label("N", exact=True).fill("14")
    lab.get_by_role("button", name="Try again").click()
    expect(lab.locator(".readable")).to_contain_text("On 5 scored dates from 6 May 2025: 1 alert for 1 customer")
    assert look(page, EVERY_LOOK) == []


@pytest.mark.usefixtures("scored")
def test_a_recommendation_and_a_refused_form_look_right(open_page: Opened) -> None:
    rule = RecommendationRule.objects.get(urgency=30)
    page = open_page(f"/admin/analytics/recommendationrule/{rule.pk}/change/", role="Program manager")
    page.locator("#rule-lab").get_by_role("button", name="Try it on past dates").click()
    expect(page.locator("#rule-lab .readable")).to_contain_text("1 recommendation for 1 customer")
    assert look(page, EVERY_LOOK) == []
    # As the browser sends it to whoever has no script.
    page.locator("#try-rule").evaluate("button => button.form.requestSubmit(button)")
    expect(page.locator("main h1")).to_have_text("What would it have recommended?")
    expect(page.locator("#rule-lab .readable")).to_contain_text("1 recommendation for 1 customer")
    assert look(page, EVERY_LOOK) == []
    page.goto("/admin/analytics/alertrule/add/")
    page.get_by_label("Name").first.fill("Everybody")
    page.locator("#rule-lab").get_by_role("button", name="Try it on past dates").click()
    expect(page.locator("#rule-lab")).to_contain_text("Choose at least one condition")
    assert look(page, EVERY_LOOK) == []


@pytest.mark.usefixtures("scored")
def test_where_a_part_does_not_come_it_says_so(open_page: Opened) -> None:
    rule = AlertRule.objects.get(kind="fell")
    page = open_page(f"/admin/analytics/alertrule/{rule.pk}/change/", role="Program manager")
    page.route("**/rule-lab/**", lambda route: route.fulfill(status=200, content_type="text/html", body="Log in"))
    page.get_by_role("button", name="Try it on past dates").click()
    expect(page.get_by_role("alert")).to_have_text(
        "The next dates could not be loaded. Try again, or reload the page."
    )
    expect(page.get_by_label("N", exact=True)).to_have_value("15")
