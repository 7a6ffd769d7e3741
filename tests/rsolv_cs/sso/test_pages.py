"""The login page with a provider, the way out, and what is left of passwords where the provider is the only way."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from customers.models import AuditEntry
from rsolv_cs.sso import discovery
from tests.factories import make_staff
from tests.support.openid_provider import OpenIdProvider
from tests.support.pages import words
from tests.support.sso import is_in, sign_in

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
PASSWORD = {"password": "a long password"}


def test_the_login_page_offers_both_and_keeps_where_one_wants_to_go(client: Client, provider: OpenIdProvider) -> None:
    page = client.get(f"{LOGIN}?next=/admin/cohorts/%3Fby%3Dmonth%26x%3D1").text
    assert 'href="/admin/sso/?next=%2Fadmin%2Fcohorts%2F%3Fby%3Dmonth%26x%3D1"' in page
    assert "Sign in with Example" in words(page) and 'name="password"' in page
    assert 'href="/admin/sso/"' in client.get(LOGIN).text
    assert 'href="/admin/sso/"' in client.get(f"{LOGIN}?next=/admin/").text


def test_the_label_is_text(client: Client, provider: OpenIdProvider, settings: Settings) -> None:
    settings.OIDC_LABEL = "<b>Acme & Co</b>"
    assert "Sign in with &lt;b&gt;Acme &amp; Co&lt;/b&gt;" in client.get(LOGIN).text


def test_a_login_is_kept_by_no_cache(client: Client, provider: OpenIdProvider) -> None:
    for response in (client.get("/admin/sso/"), sign_in(client), client.get("/admin/sso/callback/")):
        assert "no-store" in response["Cache-Control"]


def test_the_cookie_of_a_begun_login_is_for_the_browser_alone(client: Client, provider: OpenIdProvider) -> None:
    cookie = client.get("/admin/sso/").cookies["login"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 900)


def test_who_has_not_come_back_has_no_session(client: Client, provider: OpenIdProvider) -> None:
    response = client.get("/admin/sso/")
    assert "sessionid" not in response.cookies


# --- Axes -------------------------------------------------------------------------------------------------------


def test_refused_logins_lock_nobody(client: Client, provider: OpenIdProvider) -> None:
    provider.person["email_verified"] = False
    for _ in range(12):
        assert sign_in(client).status_code == 403
    assert not AccessAttempt.objects.exists()
    provider.person["email_verified"] = True
    assert sign_in(client).status_code == 302


def test_a_name_that_is_locked_by_passwords_may_come_by_the_provider(
    client: Client, provider: OpenIdProvider, settings: Settings
) -> None:
    sign_in(client)
    other = Client()
    for _ in range(settings.AXES_FAILURE_LIMIT):
        locked = other.post(LOGIN, {"username": "maria@example.com", "password": "wrong"})
    assert locked.status_code == 429
    assert sign_in(other).status_code == 302


# --- The way out ------------------------------------------------------------------------------------------------


def test_a_logout_ends_the_session_here_and_leads_to_its_end_there(client: Client, provider: OpenIdProvider) -> None:
    sign_in(client)
    page = client.post("/admin/logout/")
    assert not is_in(client)
    assert "You are logged out here" in words(page.text)
    [address] = re.findall(r'content="0;url=([^"]+)"', page.text)
    address = address.replace("&amp;", "&")
    asked = parse_qs(urlsplit(address).query)
    assert address.startswith(f"{provider.url}/end?")
    assert asked["post_logout_redirect_uri"] == ["http://testserver/admin/login/"]
    answer = requests.get(address, allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://testserver/admin/login/")
    assert AuditEntry.objects.latest("pk").action == "logout"


@pytest.mark.parametrize("why", ["no such address", "down", "off"])
def test_where_the_provider_cannot_the_session_ends_here(
    why: str, client: Client, provider: OpenIdProvider, settings: Settings
) -> None:
    provider.says = {"end_session_endpoint": ""} if why == "no such address" else {}
    sign_in(client)
    if why == "down":
        discovery.forget()
        provider.instead["/.well-known/openid-configuration"] = lambda handler: handler.send_text(
            "", "text/plain", 500
        )
    if why == "off":
        settings.OIDC_ISSUER = ""
    page = client.post("/admin/logout/")
    assert page.status_code == 200
    assert provider.url not in page.text
    assert not is_in(client)


def test_who_came_by_a_password_is_led_nowhere_else(client: Client, provider: OpenIdProvider) -> None:
    client.force_login(make_staff("Viewer"))
    assert provider.url not in client.post("/admin/logout/").text
    assert client.get("/admin/logout/").status_code in {302, 405}


def test_another_secret_key_forgets_the_token_and_logs_out_all_the_same(
    client: Client, provider: OpenIdProvider
) -> None:
    sign_in(client)
    session = client.session
    session["provider_hint"] = "gAAAA-of-another-key"
    session.save()
    assert provider.url not in client.post("/admin/logout/").text
    assert not is_in(client)


# --- The provider alone -----------------------------------------------------------------------------------------


@pytest.fixture
def only(provider: OpenIdProvider, settings: Settings) -> OpenIdProvider:
    settings.OIDC_ONLY = True
    return provider


def test_where_it_is_the_only_way_there_is_no_password_form(client: Client, only: OpenIdProvider) -> None:
    page = client.get(LOGIN).text
    assert 'name="password"' not in page
    assert "Forgotten password?" not in page
    assert "Sign in with Example" in words(page)
    assert 'name="password"' in client.get(f"{LOGIN}?password").text


def test_where_it_is_the_only_way_superusers_alone_have_a_password(client: Client, only: OpenIdProvider) -> None:
    make_staff("Administrator", username="ada")
    make_staff(username="root", is_superuser=True)
    response = client.post(LOGIN, {"username": "ada", **PASSWORD})
    assert response.status_code == 200
    assert 'name="password"' in response.text
    assert not is_in(client)
    client.post(LOGIN, {"username": "root", **PASSWORD})
    assert is_in(client)


def test_where_it_is_the_only_way_no_link_makes_a_password(client: Client, only: OpenIdProvider) -> None:
    make_staff("Viewer", email="vera@example.com")
    assert client.get("/admin/forgotten-password/").status_code == 404
    assert client.get("/admin/join/?link=x").status_code == 404
    assert client.get("/admin/new-password/?link=x").status_code == 404


def test_where_it_is_the_only_way_and_not_set_up_the_page_says_so(client: Client, settings: Settings) -> None:
    settings.OIDC_ONLY = True
    assert "no provider is set up. Tell the operator." in words(client.get(LOGIN).text)


def test_whoever_has_a_password_all_the_same_confirms_by_the_provider(
    client: Client, only: OpenIdProvider, settings: Settings
) -> None:
    only.person["groups"], only.changed = ["cs-admins"], {"auth_time": 5}
    sign_in(client)
    user = User.objects.get()
    user.set_password("a long password")
    user.save()
    sign_in(client)
    assert "Sign in with Example again" in client.post("/admin/auth/group/add/", {"name": "x"}).text
