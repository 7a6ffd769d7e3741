"""A login by the provider in a real browser, from the button to the logout there, and how its pages look."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings

from rsolv_cs.sso import discovery
from tests.factories import load_demo_program, make_staff
from tests.support.browsing import PHONE, Opened, look, looks_alike
from tests.support.openid_provider import OpenIdProvider

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def _log_out(page: Page) -> None:
    page.locator("#logout-form").evaluate("form => form.requestSubmit()")


def test_from_the_button_to_the_logout_there(open_page: Opened, provider: OpenIdProvider) -> None:
    load_demo_program()
    provider.shows_page = True
    page = open_page("/admin/cohorts/?by=month", role=None)
    page.get_by_role("link", name="Sign in with Example").click()
    expect(page.get_by_role("heading", name="Example login")).to_be_visible()
    page.get_by_role("button", name="Log in as Maria").click()
    expect(page.get_by_role("heading", name="Cohorts", level=1).last).to_be_visible()
    assert page.url.endswith("/admin/cohorts/?by=month")
    assert User.objects.get().email == "maria@example.com"

    _log_out(page)
    expect(page.get_by_role("link", name="Sign in with Example")).to_be_visible()
    assert len(provider.asked_for("/end")) == 1
    page.goto("/admin/cohorts/")
    expect(page.get_by_role("link", name="Sign in with Example")).to_be_visible()


@looks_alike
def test_its_pages_read_well(open_page: Opened, provider: OpenIdProvider, settings: Settings) -> None:
    make_staff("Administrator", first_name="Ada", last_name="Admin", email="ada@example.com")
    page = open_page("/admin/login/", role=None)
    found = look(page)
    settings.OIDC_ONLY = True
    page.goto("/admin/login/")
    found += look(page)
    assert found == []


@looks_alike
@pytest.mark.parametrize("path", ["/admin/sso/", "/admin/sso/callback/?state=x"])
def test_what_it_says_where_nobody_gets_in_reads_well(path: str, open_page: Opened, provider: OpenIdProvider) -> None:
    provider.instead["/.well-known/openid-configuration"] = lambda handler: handler.send_json({})
    discovery.forget()
    page = open_page("about:blank", role=None)
    page.route("**/admin/sso/**", lambda route: route.fulfill(response=route.fetch(), status=200))
    page.goto(path)
    assert look(page) == []


@looks_alike
def test_a_long_label_fits_a_phone(open_page: Opened, provider: OpenIdProvider, settings: Settings) -> None:
    settings.OIDC_LABEL = "Identitätsmanagement der Beispielgesellschaft mbH & Co. KG"
    page = open_page("/admin/login/", role=None, size=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
