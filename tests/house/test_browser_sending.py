"""In a browser: a second click sends nothing, and what two people changed at once stands side by side."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import BrowserContext, Route, expect
from pytest_django.live_server_helper import LiveServer

from customers.models import CustomerCare, Note
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.browsing import Opened, looks_alike, violations
from tests.support.forms import form_on

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]

ACME = "/admin/customer/acme/"
CARE = "/admin/customers/customercare/acme/change/"


@pytest.fixture(autouse=True)
def acme() -> None:
    make_day()
    make_snapshot(make_customer(id="acme", organization="Acme Ltd"))


def test_a_second_click_sends_nothing_and_the_button_comes_back(open_page: Opened) -> None:
    page = open_page(ACME)
    sent: list[Any] = []

    def hold(route: Route) -> None:
        sent.append(route.request.post_data)
        route.fulfill(status=204)  # after which a browser stays where it is

    page.route("**/notes/**", hold)
    page.get_by_label("Add a note").fill("Called him")
    button = page.get_by_role("button", name="Save", exact=True)
    button.evaluate("button => { button.click(); button.click(); button.form.requestSubmit(); }")
    expect(button).to_be_disabled()
    assert len(sent) == 1
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(button).to_be_enabled()
    page.unroute("**/notes/**")
    button.click()
    expect(page.get_by_text("Note added to the history.")).to_be_visible()
    assert Note.objects.count() == 1


def test_the_button_that_was_pressed_is_sent_with_the_form(open_page: Opened) -> None:
    page = open_page(CARE.replace("acme/change", "add") + "?customer=acme", "Success manager")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page).to_have_url(re.compile(re.escape(CARE)))


@looks_alike
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_both_texts_stand_side_by_side(
    context: BrowserContext, live_server: LiveServer, scheme: str, width: int
) -> None:
    anna = make_staff("Success manager", username="anna", first_name="Anna", last_name="Ahlers")
    CustomerCare.objects.create(customer_id="acme", owner=anna, notes="First line")
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    client = Client()
    client.force_login(make_staff("Success manager"))
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page.goto(CARE)
    client = Client()
    client.force_login(User.objects.get(username="anna"))
    client.post(CARE, form_on(client.get(CARE), notes="First line\nAsked us never to write again"))
    page.get_by_label("Internal notes").fill("First line\nWants a call")
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Anna Ahlers changed this just now, after you opened the form.").first).to_be_visible()
    assert [each for each in violations(page) if "conflict" in each] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_label("Use both, as written here").check()
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).click()
    assert CustomerCare.objects.get().notes == "First line\nAsked us never to write again\nWants a call"
