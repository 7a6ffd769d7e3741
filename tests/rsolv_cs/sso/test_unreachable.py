"""A provider that is down, slow, endless or leads elsewhere: a clear page, soon, and the password where allowed."""

import time

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from rsolv_cs.sso import discovery, fetch
from tests.factories import make_staff
from tests.support.openid_provider import Behaviour, Handler, OpenIdProvider
from tests.support.pages import words
from tests.support.sso import BEGIN, begin, is_in, sign_in

pytestmark = pytest.mark.django_db

DISCOVERY = "/.well-known/openid-configuration"


def _fails(handler: Handler) -> None:
    handler.send_text("no", "text/plain", 500)


def _sleeps(handler: Handler) -> None:
    time.sleep(3)
    handler.send_json({})


def _drips(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(600):
        time.sleep(0.05)
        handler.wfile.write(b" ")
        handler.wfile.flush()
    handler.close_connection = True


def _never_ends(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"{" * 65_536)


def _leads_elsewhere(handler: Handler) -> None:
    handler.send_to("http://127.0.0.1:9/secret")


def _is_no_json(handler: Handler) -> None:
    handler.send_page("Sorry")


def _is_a_list(handler: Handler) -> None:
    handler.send_json([])


def _nests(handler: Handler) -> None:
    handler.send_text("[" * 200_000, "application/json")


def _breaks_off(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True


BEHAVIOURS = [_fails, _sleeps, _drips, _never_ends, _leads_elsewhere, _is_no_json, _is_a_list, _nests, _breaks_off]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", (1, 1))
    monkeypatch.setattr(fetch, "SECONDS", 1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("behave", BEHAVIOURS)
@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token", "/userinfo"])
def test_each_of_its_addresses_may_fail(
    behave: Behaviour, path: str, client: Client, provider: OpenIdProvider
) -> None:
    provider.in_token = set()
    provider.instead[path] = behave
    began = time.monotonic()
    response = client.get(BEGIN) if path == DISCOVERY else sign_in(client)
    assert time.monotonic() - began < 12
    assert response.status_code == 503
    assert response["Retry-After"] == "30"
    said = words(response.text)
    assert "Example cannot be reached" in said
    assert "If you have a password here, use it." in said
    assert not is_in(client)


def test_nobody_waits_for_a_provider_that_has_just_failed(client: Client, provider: OpenIdProvider) -> None:
    provider.instead[DISCOVERY] = _fails
    assert [client.get(BEGIN).status_code for _ in range(3)] == [503, 503, 503]
    assert len(provider.asked_for(DISCOVERY)) == 1
    provider.instead.clear()
    discovery.forget()
    assert sign_in(client).status_code == 302


def test_what_it_says_of_itself_is_asked_once(client: Client, provider: OpenIdProvider) -> None:
    for _ in range(3):
        sign_in(client)
    assert len(provider.asked_for(DISCOVERY)) == 1


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"userinfo_endpoint": 17},
    ],
)
def test_a_provider_that_says_something_odd_of_itself(
    says: dict[str, object], client: Client, provider: OpenIdProvider
) -> None:
    provider.says = says
    assert client.get(BEGIN).status_code == 503


def test_where_there_is_no_provider_the_password_does_and_no_button(client: Client, settings: Settings) -> None:
    settings.OIDC_ISSUER = ""
    assert client.get(BEGIN).status_code == client.get("/admin/sso/callback/").status_code == 404
    assert "Sign in with" not in client.get("/admin/login/").text


def test_the_password_works_while_the_provider_does_not(client: Client, provider: OpenIdProvider) -> None:
    make_staff("Viewer", username="vera")
    provider.instead[DISCOVERY] = _fails
    assert "Sign in with Example" in words(client.get("/admin/login/").text)
    assert provider.asked == []
    client.post("/admin/login/", {"username": "vera", "password": "a long password"})
    assert is_in(client)


def test_the_log_has_why_and_no_secret(
    client: Client, provider: OpenIdProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.instead["/token"] = _fails
    back = begin(client)
    client.get(back)
    assert "The OpenID provider cannot be used: it answers 500" in caplog.messages
    code = back.partition("code=")[2].partition("&")[0]
    assert code not in caplog.text
    assert not User.objects.exists()
