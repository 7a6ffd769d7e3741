"""The dashboard's refresh in a real browser: what stays where it is, and what is said when it fails."""

import re
from datetime import date, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, Request, expect

from analytics.models import PortfolioDay
from analytics.scoring.snapshots import score_day
from customers.models import Customer, CustomerCare, Engagement
from tests.factories import load_demo_program, make_staff
from tests.support.browsing import Opened, at_rest

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]

D = date(2025, 5, 10)


@pytest.fixture(autouse=True)
def the_demo_program() -> None:
    load_demo_program()


def watch(page: Page) -> list[str]:
    """The refreshes that the page asks for, from now on."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.headers.get("hx-request"):
            asked.append(request.headers.get("if-none-match", ""))

    page.on("request", note)
    return asked


def press_and_wait(page: Page, status: int) -> None:
    with page.expect_response(lambda response: bool(response.request.headers.get("hx-request"))) as answer:
        page.get_by_role("link", name="Refresh").click()
    assert answer.value.status == status
    at_rest(page)


def something_new() -> None:
    """Acme has another name, and was not active on the newest date after all."""
    Engagement.objects.filter(customer_id="c1001", date=D).delete()
    Customer.objects.filter(pk="c1001").update(organization="Acme Renamed")
    score_day(D)


def test_nothing_new_swaps_nothing(open_page: Opened) -> None:
    page = open_page("/admin/")
    page.evaluate("for (const part of document.querySelectorAll('#dashboard section')) part.dataset.mine = '1'")
    press_and_wait(page, 304)
    expect(page.get_by_role("status").filter(has_text="Nothing new at")).to_be_attached()
    expect(page.locator("#refreshed")).to_have_text(re.compile(r"^Updated \d\d:\d\d$"))
    assert page.locator("#dashboard section[data-mine]").count() == page.locator("#dashboard section").count()


def test_what_is_new_appears_and_all_else_stays(open_page: Opened) -> None:
    page = open_page("/admin/")
    page.evaluate("document.querySelector('#onboarding-part').dataset.mine = '1'")
    page.get_by_role("searchbox", name="Search").fill("half-typ")
    page.locator(".choices > summary", has_text="Cohort").click()
    page.get_by_role("checkbox", name="VIP").check()
    page.locator("#history-part summary", has_text="Figures as a table").click()
    page.evaluate("window.scrollTo(0, 900)")
    page.locator(".customer-name", has_text="TechCorp").focus()
    page.evaluate("window.scrollTo(0, 900)")
    before = page.evaluate(
        "[scrollY, document.querySelector('[aria-labelledby=customers]').getBoundingClientRect().top]"
    )
    something_new()
    CustomerCare.objects.update_or_create(customer_id="c1003", defaults={"owner": make_staff(first_name="Nova")})
    with page.expect_response(lambda response: bool(response.request.headers.get("hx-request"))) as answer:
        page.evaluate("htmx.trigger('#refresh', 'refresh')")
    assert answer.value.status == 200

    expect(page.locator(".customer-name", has_text="Acme Renamed")).to_be_visible()
    expect(page.locator("#needs-part")).to_contain_text("Acme Renamed")
    expect(page.get_by_role("status").filter(has_text="Updated")).to_be_attached()
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("half-typ")
    expect(page.get_by_role("checkbox", name="VIP")).to_be_visible()
    expect(page.get_by_role("checkbox", name="VIP")).to_be_checked()
    expect(page.locator("#history-part details:not(.definition)")).to_have_attribute("open", "")
    assert page.evaluate("document.activeElement.textContent") == "TechCorp"
    after = page.evaluate(
        "[scrollY, document.querySelector('[aria-labelledby=customers]').getBoundingClientRect().top]"
    )
    assert after[1] == pytest.approx(before[1], abs=1)
    # What did not change was not even touched.
    assert page.locator("#onboarding-part").get_attribute("data-mine") == "1"
    press_and_wait(page, 304)


def test_the_focus_stays_in_a_list_whose_row_is_gone(open_page: Opened) -> None:
    page = open_page("/admin/?q=acme inc")
    page.locator(".customer-name", has_text="Acme Inc.").focus()
    something_new()
    with page.expect_response(lambda response: bool(response.request.headers.get("hx-request"))):
        page.evaluate("htmx.trigger('#refresh', 'refresh')")
    at_rest(page)
    expect(page.locator(".customer-name", has_text="Acme")).to_have_count(0)
    assert page.evaluate("document.activeElement.matches('#dashboard *')")


def test_ticked_customers_stay_ticked(open_page: Opened) -> None:
    page = open_page("/admin/")
    tick = page.get_by_role("checkbox", name="Select TechCorp")
    tick.check()
    page.locator("#refresh").focus()
    something_new()
    press_and_wait(page, 200)
    expect(page.locator("#needs-part")).to_contain_text("Acme Renamed")
    expect(tick).to_be_checked()
    expect(page.locator(".customer-name", has_text="Acme Inc.")).to_be_visible()
    tick.uncheck()
    press_and_wait(page, 200)
    expect(page.locator(".customer-name", has_text="Acme Renamed")).to_be_visible()
    page.get_by_role("checkbox", name="Select TechCorp").check()
    page.get_by_role("button", name="Assign owner").click()
    expect(page.get_by_role("button", name="Assign owner", exact=True)).to_be_visible()


def test_a_chart_is_drawn_again_with_what_is_new(open_page: Opened) -> None:
    page = open_page("/admin/")
    PortfolioDay.objects.filter(date=D).update(active_today=3)
    score_day(date(2025, 5, 8))
    press_and_wait(page, 200)
    expect(page.locator("#summary-part dd > a").nth(1)).to_have_text("3")
    expect(page.locator("#engagement-part figure").first).to_have_class("graph is-drawn")


def test_an_empty_list_fills_and_empties(open_page: Opened) -> None:
    page = open_page("/admin/?q=renamed")
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages).to_have_count(0)
    something_new()
    press_and_wait(page, 200)
    expect(pages).to_have_text(re.compile("1–1 of 1"))
    Customer.objects.filter(pk="c1001").update(organization="Acme Inc.")
    score_day(D)
    press_and_wait(page, 200)
    expect(pages).to_have_count(0)


def test_it_asks_by_itself_every_minute_but_not_in_a_hidden_tab(open_page: Opened) -> None:
    page = open_page("about:blank", apart=True)
    page.clock.install()
    page.clock.pause_at(timezone.now() + timedelta(minutes=1))
    page.goto("/admin/")
    asked = watch(page)
    page.clock.run_for(59_000)
    assert asked == []
    with page.expect_response(lambda response: bool(response.request.headers.get("hx-request"))):
        page.clock.run_for(3_000)
    at_rest(page)
    assert len(asked) == 1
    assert asked[0].startswith('"')
    hide = "value => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => value}); }"
    page.evaluate(hide, True)
    page.clock.run_for(300_000)
    assert len(asked) == 1
    # Whoever comes back sees what is new at once.
    page.evaluate(hide, False)
    with page.expect_response(lambda response: bool(response.request.headers.get("hx-request"))):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert len(asked) == 2


def test_who_is_logged_out_is_told_so_and_keeps_the_page(open_page: Opened) -> None:
    page = open_page("/admin/")
    Session.objects.all().delete()
    page.get_by_role("link", name="Refresh").click()
    expect(page.locator("#refreshed")).to_have_text(re.compile(r"^Not refreshed since \d\d:\d\d: logged out$"))
    expect(page.get_by_role("heading", name="Customers to act on")).to_be_visible()
    expect(page.get_by_label("Password")).to_have_count(0)
    page.get_by_role("link", name="Log in").click()
    expect(page).to_have_url(re.compile(r"/admin/login/\?next=/admin/$"))


def test_a_server_that_is_gone_is_told_quietly_and_forgotten_when_it_is_back(open_page: Opened) -> None:
    page = open_page("/admin/")
    gone = "**/admin/"
    page.route(
        gone, lambda route: route.abort("aborted") if route.request.headers.get("hx-request") else route.continue_()
    )
    page.evaluate("console.error = () => {}")  # htmx's own; the line on the page is what a visitor sees
    page.get_by_role("link", name="Refresh").click()
    expect(page.locator("#refreshed")).to_have_text(re.compile(r"^Not refreshed since \d\d:\d\d$"))
    expect(page.locator("#log-in")).to_be_hidden()
    page.unroute(gone)
    press_and_wait(page, 304)
    expect(page.locator("#refreshed")).to_have_text(re.compile(r"^Updated"))


def test_without_javascript_the_button_is_a_link(open_page: Opened) -> None:
    page = open_page("/admin/?q=acme")
    assert page.get_by_role("link", name="Refresh").get_attribute("href") == "/admin/?q=acme"
