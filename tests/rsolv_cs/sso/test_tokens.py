"""A provider that breaks a rule of the flow lets nobody in, and the audit says which rule it was."""

import secrets
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, Claims, OpenIdProvider, rsa_key
from tests.support.sso import begin, is_in, query, refusals, sign_in

pytestmark = pytest.mark.django_db


def at(changed: Claims) -> Claims:
    """Moments are told in seconds from now."""
    moments = {name for name, value in changed.items() if name in {"exp", "iat", "nbf"} and type(value) is int}
    return {name: int(time.time()) + value if name in moments else value for name, value in changed.items()}


def test_a_login_by_the_rules(client: Client, provider: OpenIdProvider) -> None:
    response = sign_in(client, "/admin/cohorts/?by=month")
    assert (response.status_code, response.url) == (302, "/admin/cohorts/?by=month")
    assert is_in(client)
    [exchange] = provider.asked_for("/token")
    assert exchange["grant_type"] == "authorization_code"
    assert len(exchange["code_verifier"]) >= 43
    [asked] = provider.asked_for("/authorize")
    assert asked["scope"] == "openid email profile"
    assert asked["redirect_uri"] == exchange["redirect_uri"] == "http://testserver/admin/sso/callback/"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"nonce": "of another login"}, "the token is of another login: its nonce is not ours"),
        ({"nonce": None}, "the token is not valid: MissingRequiredClaimError"),
        ({"iss": "https://evil.example"}, "the token is not valid: InvalidIssuerError"),
        ({"iss": None}, "the token is not valid: MissingRequiredClaimError"),
        ({"aud": "another application"}, "the token is not valid: InvalidAudienceError"),
        ({"aud": ["another application"]}, "the token is not valid: InvalidAudienceError"),
        ({"aud": None}, "the token is not valid: MissingRequiredClaimError"),
        ({"aud": [CLIENT_ID, "another"]}, "the token was made for another application"),
        ({"azp": "another application"}, "the token was made for another application"),
        ({"exp": -90}, "the token is not valid: ExpiredSignatureError"),
        ({"exp": None}, "the token is not valid: MissingRequiredClaimError"),
        ({"iat": 300}, "the token is not valid: ImmatureSignatureError"),
        ({"iat": -700}, "the token is too old"),
        ({"iat": None}, "the token is not valid: MissingRequiredClaimError"),
        ({"iat": [1]}, "the token is not valid: InvalidIssuedAtError"),
        ({"iat": "soon"}, "the token is not valid: InvalidIssuedAtError"),
        ({"iat": 1e400}, "the token is not valid: InvalidIssuedAtError"),
        ({"exp": "never"}, "the token is not valid: DecodeError"),
        ({"exp": {}}, "the token is not valid: DecodeError"),
        ({"nbf": 300}, "the token is not valid: ImmatureSignatureError"),
        ({"sub": None}, "the token is not valid: MissingRequiredClaimError"),
        ({"sub": ""}, "the token's sub is empty or too long"),
        ({"sub": 17}, "the token is not valid: InvalidSubjectError"),
        ({"sub": "x" * 256}, "the token's sub is empty or too long"),
    ],
)
def test_a_token_that_says_something_wrong(
    changed: Claims, reason: str, client: Client, provider: OpenIdProvider
) -> None:
    provider.changed = at(changed)
    response = sign_in(client)
    assert response.status_code == 403
    assert refusals() == [reason]
    assert not is_in(client)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": -30},
        {"iat": 30},
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID},
        {"azp": CLIENT_ID},
    ],
)
def test_what_is_right_and_clocks_that_are_half_a_minute_apart(
    changed: Claims, client: Client, provider: OpenIdProvider
) -> None:
    provider.changed = at(changed)
    assert sign_in(client).status_code == 302


def _of_none(claims: Claims) -> str:
    return jwt.encode(claims, None, "none", headers={"kid": "key-0"})


def _by_public_key(claims: Claims) -> str:
    """The old trick: the public key as the secret of an HMAC."""
    public = rsa_key(0).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"kid": "key-0"}
    # PyJWT refuses to sign so, which an attacker's program does not.
    unsigned = jwt.encode(claims, "x" * 64, "HS256", headers=header).rpartition(".")[0]
    digest = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(unsigned.encode(), public)
    return f"{unsigned}.{jwt.utils.base64url_encode(digest).decode()}"


def _by_client_secret(claims: Claims) -> str:
    return jwt.encode(claims, CLIENT_SECRET.ljust(32), "HS256", headers={"kid": "key-0"})


def _by_another_key(claims: Claims) -> str:
    return jwt.encode(claims, rsa_key(1), "RS256", headers={"kid": "key-0"})


def _of_unknown_name(claims: Claims) -> str:
    return jwt.encode(claims, rsa_key(1), "RS256", headers={"kid": "key-9"})


def _changed_afterwards(claims: Claims) -> str:
    head, _body, signature = jwt.encode(claims, rsa_key(0), "RS256", headers={"kid": "key-0"}).split(".")
    return ".".join([head, jwt.utils.base64url_encode(b'{"sub":"boss"}').decode(), signature])


_NO_KEY = "the token is not signed by a key of the provider"


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        (_of_none, _NO_KEY),
        (_by_public_key, _NO_KEY),
        (_by_client_secret, _NO_KEY),
        (_by_another_key, "the token is not valid: InvalidSignatureError"),
        (_changed_afterwards, "the token is not valid: InvalidSignatureError"),
        (_of_unknown_name, "the token is signed by a key that the provider does not have"),
        (lambda _claims: "no token", "the token cannot be read"),
    ],
)
def test_a_token_that_the_provider_did_not_sign(
    sign: Callable[[Claims], str], reason: str, client: Client, provider: OpenIdProvider
) -> None:
    provider.sign = sign
    assert sign_in(client).status_code == 403
    assert refusals() == [reason]
    assert not is_in(client)


def test_another_key_of_the_provider_is_read_when_a_token_names_it(client: Client, provider: OpenIdProvider) -> None:
    assert sign_in(client).status_code == 302
    assert sign_in(client).status_code == 302
    assert len(provider.asked_for("/jwks")) == 1
    provider.key = 1
    assert sign_in(client).status_code == 302
    assert len(provider.asked_for("/jwks")) == 2


def test_a_token_without_the_name_of_a_key_is_taken_by_the_only_one(client: Client, provider: OpenIdProvider) -> None:
    provider.sign = lambda claims: jwt.encode(claims, rsa_key(0), "RS256")
    assert sign_in(client).status_code == 302


def test_the_secret_goes_by_the_way_that_the_provider_takes(client: Client, provider: OpenIdProvider) -> None:
    provider.says = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}
    assert sign_in(client).status_code == 302
    assert "client_secret" not in provider.asked_for("/token")[0]


def test_a_wrong_secret_is_named_to_the_operator_alone(
    client: Client, provider: OpenIdProvider, settings: Settings
) -> None:
    settings.OIDC_RP_CLIENT_SECRET = "wrong"
    response = sign_in(client)
    assert response.status_code == 403
    assert "invalid_client" not in response.text
    assert refusals() == ["the provider answers 401 (invalid_client) to the code"]


# --- State ------------------------------------------------------------------------------------------------------

STALE = "the state is of no login that was begun in this browser"


def test_an_answer_counts_once(client: Client, provider: OpenIdProvider) -> None:
    back = begin(client)
    assert client.get(back).status_code == 302
    client.logout()
    assert client.get(back).status_code == 403
    assert refusals() == [STALE]
    assert not is_in(client)


def test_an_answer_of_another_browser_logs_nobody_in(client: Client, provider: OpenIdProvider) -> None:
    back, other = begin(Client()), client
    assert other.get(back).status_code == 403
    begin(other)
    assert other.get(back).status_code == 403
    assert refusals() == [STALE, STALE]
    assert provider.asked_for("/token") == []


def test_an_answer_that_nobody_asked_for(client: Client, provider: OpenIdProvider) -> None:
    for back in (query(), query(code="x"), query(code="x", state="y"), query(state="y"), query(error="x", state="")):
        assert client.get(back).status_code == 403
    assert refusals() == [STALE] * 5
    assert provider.asked_for("/token") == []


def test_an_answer_that_comes_too_late(
    client: Client, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    back, begun = begin(client), time.time()
    monkeypatch.setattr("rsolv_cs.sso.pending.time.time", lambda: begun + 901)
    assert client.get(back).status_code == 403
    assert refusals() == [STALE]


def test_a_forged_cookie_is_no_begun_login(client: Client, provider: OpenIdProvider) -> None:
    back = begin(client)
    client.cookies["login"] = client.cookies["login"].value + "x"
    assert client.get(back).status_code == 403


def test_two_tabs_log_in_side_by_side(client: Client, provider: OpenIdProvider) -> None:
    first, second = begin(client, "/admin/cohorts/"), begin(client, "/admin/alerts/")
    assert client.get(first).url == "/admin/cohorts/"
    assert client.get(second).url == "/admin/alerts/"
    assert "login" not in {name for name, morsel in client.cookies.items() if morsel.value}


def test_tabs_with_long_addresses_log_in_all_the_same(client: Client, provider: OpenIdProvider) -> None:
    pages = [f"/admin/alerts/?q={secrets.token_hex(800)}" for _tab in range(5)]
    tabs = [begin(client, page) for page in pages]
    assert len(client.cookies["login"].OutputString()) <= 4096  # What a browser keeps.
    first, *_others, last = [client.get(tab).url for tab in tabs]
    assert (first, last) == ("/admin/start/", pages[-1])


def test_the_answer_of_another_provider_is_refused(client: Client, provider: OpenIdProvider) -> None:
    assert client.get(f"{begin(client)}&iss=https://other.example").status_code == 403
    assert refusals() == ["the answer is of another provider"]
    assert client.get(f"{begin(client)}&iss={provider.url}").status_code == 302


def test_a_code_that_is_not_theirs_is_no_use(client: Client, provider: OpenIdProvider) -> None:
    """A code of somebody else, put into one's own answer, lacks the verifier that belongs to it."""
    stolen = begin(Client()).partition("code=")[2].partition("&")[0]
    own = begin(client)
    code = own.partition("code=")[2].partition("&")[0]
    assert client.get(own.replace(code, stolen)).status_code == 403
    assert refusals() == ["the provider answers 400 (invalid_grant) to the code"]


def test_a_provider_that_declines(client: Client, provider: OpenIdProvider) -> None:
    provider.declines = True
    response = sign_in(client)
    assert response.status_code == 403
    assert "The provider did not let you in." in response.text
    assert refusals() == ["the provider did not let them in"]


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil.example"])
def test_it_leads_to_our_own_pages_alone(to: str, client: Client, provider: OpenIdProvider) -> None:
    assert sign_in(client, to).url == "/admin/start/"


def test_neither_cookie_nor_session_nor_database_has_a_token(client: Client, provider: OpenIdProvider) -> None:
    given: list[Any] = []
    provider.sign = lambda claims: given.append(provider.signed(claims)) or given[0]
    sign_in(client)
    [access] = provider.access
    kept = repr(dict(client.session.items())) + repr(client.cookies)
    for secret in (access, CLIENT_SECRET, *given[0].split(".")):
        assert secret not in kept
    assert client.session.get("provider_hint")
