"""Who may ask the API: tokens in either header, what makes one worthless, and logins of the browser."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django.fixtures import Settings

from customers.audit import trail
from customers.core.roles import staff_who_may
from customers.models import ApiToken, ServiceAccount
from rsolv_cs.api.resources.runs import RunsView
from tests.factories import make_run, make_staff
from tests.support.audit import HOSTILE, newest
from tests.support.audit import LIST as AUDIT
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db

RUNS = "/api/v1/runs"


def said(response: HttpResponse) -> tuple[int, str]:
    return response.status_code, response.json().get("detail", "")


@pytest.mark.parametrize("header", ["Authorization: Token {}", "authorization: token  {} ", "x-api-key: {}"])
def test_a_token_is_shown_in_either_header(client: Client, header: str) -> None:
    name, _, value = header.format(make_token()).partition(": ")
    assert client.get(RUNS, headers={name: value}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer x"},
        {"Authorization": "Token"},
        {"Authorization": "Token rsolv_wrong"},
        {"X-Api-Key": ""},
        {"X-Api-Key": "\xff\x00"},
    ],
)
def test_without_a_token_nobody_gets_a_byte(client: Client, headers: dict[str, str]) -> None:
    make_run(file="secret.csv")
    response = client.get(RUNS, headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Token realm="api"'
    assert b"secret" not in response.content


def test_the_secret_is_stored_nowhere() -> None:
    secret = make_token()
    token = ApiToken.objects.get()
    assert len(secret) == len("rsolv_") + 43  # 256 bits in base64
    assert token.shown == secret[:10]
    assert secret not in str(ApiToken.objects.values().get())


def test_a_token_lasts_ninety_days_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2025, 5, 10, 12, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    client = token_client(make_token())
    assert ApiToken.objects.get().expires_at == datetime(2025, 8, 8, 12, tzinfo=UTC)
    now = datetime(2025, 8, 8, 11, 59, tzinfo=UTC)
    assert client.get(RUNS).status_code == 200
    now = datetime(2025, 8, 8, 12, tzinfo=UTC)
    assert said(client.get(RUNS)) == (401, "This token has expired.")


def test_a_revoked_token_is_dead() -> None:
    client = token_client(make_token())
    ApiToken.objects.update(revoked_at=timezone.now())
    assert said(client.get(RUNS)) == (401, "This token was revoked.")


@pytest.mark.parametrize("flag", ["is_active", "is_staff"])
def test_the_token_of_a_deactivated_user_is_dead(flag: str) -> None:
    user = make_staff("Viewer")
    client = token_client(make_token(user))
    User.objects.filter(pk=user.pk).update(**{flag: False})
    assert said(client.get(RUNS)) == (401, "The account of this token is deactivated.")


def test_a_token_can_do_what_its_users_roles_can_at_this_moment() -> None:
    user = make_staff("Viewer")
    client = token_client(make_token(user))
    assert client.get(RUNS).status_code == 200
    user.groups.clear()
    assert client.get(RUNS).status_code == 403


def test_a_token_needs_the_scope_too() -> None:
    client = token_client(make_token(None, "ingest", "write", role="Administrator"))
    assert said(client.get(RUNS)) == (403, "This token lacks the scope “read”.")


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (["10.0.0.0/8", "2001:db8::/32"], "10.2.3.4", 200),
        (["10.0.0.0/8", "2001:db8::/32"], "2001:db8::7", 200),
        (["10.0.0.0/8"], "11.0.0.1", 403),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", 200),
        (["10.0.0.0/8"], "nonsense", 403),
        ([], "nonsense", 200),
    ],
)
def test_networks(networks: list[str], address: str, status: int) -> None:
    client = token_client(make_token(networks=networks), REMOTE_ADDR=address)
    assert client.get(RUNS).status_code == status


def test_networks_behind_a_proxy(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    client = token_client(make_token(networks=["192.0.2.7/32"]), REMOTE_ADDR="10.0.0.1")
    assert client.get(RUNS, headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 200
    # What a client writes into it itself stands to the left of what the proxy adds.
    assert client.get(RUNS, headers={"X-Forwarded-For": "192.0.2.7, 203.0.113.9"}).status_code == 403


def test_a_token_alone_says_who_asks(client: Client) -> None:
    client.force_login(make_staff("Administrator"))
    assert client.get(RUNS).status_code == 200
    assert client.get(RUNS, headers={"X-Api-Key": "rsolv_wrong"}).status_code == 401
    assert client.get("/admin/", headers={"X-Api-Key": "rsolv_wrong"}).status_code == 200


def test_a_token_opens_no_page() -> None:
    response = token_client(make_token(role="Administrator")).get("/admin/")
    assert (response.status_code, response.headers["Location"]) == (302, "/admin/login/?next=/admin/")


def test_a_login_writes_only_with_the_token_of_a_form() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_staff("Administrator"))
    assert client.get(RUNS).status_code == 200
    refused = client.post(RUNS, "{}", content_type="application/json")
    assert refused.status_code == 403
    assert refused.json()["detail"].startswith("CSRF Failed")
    secret = make_token(role="Administrator")
    assert client.post(RUNS, "{}", content_type="application/json", headers={"X-Api-Key": secret}).status_code == 405


def test_expiry_is_a_matter_of_the_moment() -> None:
    alive, _secret = ApiToken.make(make_staff(), "a", ["read"])
    ApiToken.make(make_staff(), "b", ["read"], expires_at=timezone.now() - timedelta(seconds=1))
    ApiToken.make(make_staff(), "c", ["read"], revoked_at=timezone.now())
    assert list(ApiToken.objects.valid()) == [alive]


def test_the_account_of_a_program_is_offered_to_nobody() -> None:
    person, program = make_staff("Administrator"), make_staff("Administrator")
    ServiceAccount.objects.create(user=program)
    assert list(staff_who_may("auth.change_user")) == [person]
    assert token_client(make_token(program)).get(RUNS).status_code == 200


def test_what_a_token_does_is_in_the_audit_with_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def export(_view: object, _request: object) -> dict[str, object]:
        trail.record(trail.Action.EXPORT, "something")
        return {}

    monkeypatch.setattr(RunsView, "answer", export)
    user = make_staff("Viewer", username="github-action")
    token, secret = ApiToken.make(user, HOSTILE, ["read"])
    token_client(secret).get(RUNS)
    entry = newest()
    assert (entry.actor, entry.source) == ("github-action", f"GET {RUNS} by token {HOSTILE} ({token.shown}…)")
    admin = Client()
    admin.force_login(make_staff("Administrator"))
    page = admin.get(f"{AUDIT}{entry.pk}/change/").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    browser = Client()
    browser.force_login(user)
    browser.get(RUNS)
    assert newest().source == f"GET {RUNS}"


def test_a_token_skips_the_second_factor_of_its_user(settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = "all"
    user = make_staff("Viewer")
    TOTPDevice.objects.create(user=user, name="app", confirmed=True)
    assert token_client(make_token(user)).get(RUNS).status_code == 200
    browser = Client()
    browser.force_login(user)
    # Whoever is only half logged in is told of the code, and a token beside such a login does not mind it.
    for path in (RUNS, "/api/schema/", "/api/nothing"):
        told = browser.get(path)
        assert (told.status_code, told.headers["Content-Type"]) == (403, "application/problem+json")
        assert "give your two-factor code" in told.json()["detail"]
    for path in ("/api/docs/", "/api/"):
        assert browser.get(path).headers["Location"].startswith("/admin/second-factor/verify/?next=/api/")
    assert browser.get(RUNS, headers={"X-Api-Key": make_token(user)}).status_code == 200
