"""The pages of tokens: made for whom, shown once, revoked, and what is kept of it."""

import re
from datetime import UTC, date, datetime, timedelta
from html import escape

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from customers.models import ApiToken, AuditEntry
from tests.factories import make_staff
from tests.support.audit import HOSTILE, entry_of, newest
from tests.support.forms import as_, form_on
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db

LIST = "/admin/customers/apitoken/"
ADD = f"{LIST}add/"
SECRET = re.compile(r"rsolv_[\w-]{43}")


@pytest.fixture
def ada() -> Client:
    """The browser of an Administrator."""
    make_staff("Administrator", username="ada")
    return as_("ada")


def sent(**changes: object) -> dict[str, object]:
    role = Group.objects.get(name="Viewer").pk
    given = {"name": "GitHub Action", "user": "", "service": "github-action", "role": role, "scopes": ["read"]}
    return {**given, "expires": timezone.localdate(), "networks": "", "per_minute": "600", **changes}


def test_a_token_of_a_new_service_account_is_shown_once(ada: Client) -> None:
    page = ada.post(ADD, sent())
    assert page.status_code == 200
    [secret] = set(SECRET.findall(page.text))
    assert "no-store" in page.headers["Cache-Control"]
    assert token_client(secret).get("/api/v1/runs").status_code == 200
    account = User.objects.get(username="github-action")
    assert (account.is_staff, account.has_usable_password(), account.email) == (True, False, "")
    assert [role.name for role in account.groups.all()] == ["Viewer"]
    token = ApiToken.objects.get()
    for address in (LIST, f"{LIST}{token.pk}/change/", f"{LIST}{token.pk}/revoke/", "/admin/customers/auditentry/"):
        text = ada.get(address).text
        assert secret not in text and token.digest not in text
        assert token.shown in text
    assert "Service account" in ada.get("/admin/auth/user/").text


def test_what_is_asked_for_is_stored(ada: Client, today_is: object) -> None:
    today_is(date(2025, 5, 10))  # type: ignore[operator]  # a fixture that is called
    person = make_staff("Success manager", username="sam")
    given = sent(
        user=person.pk,
        service="",
        role="",
        scopes=["write", "ingest"],
        expires="2025-08-08",
        networks="192.0.2.7, 10.0.0.0/8\n2001:db8::/32 10.0.0.0/8",
        per_minute="60",
    )
    assert ada.post(ADD, given).status_code == 200
    token = ApiToken.objects.get()
    assert (token.user, token.made_by, token.scopes, token.per_minute) == (person, "ada", ["write", "ingest"], 60)
    assert token.networks == ["192.0.2.7/32", "10.0.0.0/8", "2001:db8::/32"]
    assert token.expires_at == datetime(2025, 8, 9, tzinfo=UTC)  # the end of the day
    page = ada.get(f"{LIST}{token.pk}/change/").text
    assert "8 Aug 2025" in page and "9 Aug 2025" not in page
    assert "Write tasks and notes, send data" in page


def test_the_form_proposes_ninety_days(ada: Client, today_is: object) -> None:
    today_is(date(2025, 5, 10))  # type: ignore[operator]  # a fixture that is called
    page = ada.get(ADD).text
    assert 'type="date" required value="2025-08-08"' in page
    assert 'type="number" required min="1" max="60000" value="600"' in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": " "}, "This field is required."),
        ({"service": ""}, "Name the new account."),
        ({"service": "ADA"}, "Somebody has the login ADA already; choose another name."),
        ({"service": "a b"}, "Enter a valid username."),
        ({"role": ""}, "Choose what the new account may do."),
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["admin"]}, "admin is not one of the available choices."),
        ({"expires": "2025-05-09"}, "Choose a day from today on, within five years."),
        ({"expires": "9999-12-31"}, "Choose a day from today on, within five years."),
        ({"networks": "10.0.0.1/8"}, "10.0.0.1/8 is not a network; write one such as 192.0.2.0/24 or 2001:db8::/32."),
        ({"networks": "1.1.1.1 " * 51}, "These are more than 50 networks."),
        ({"per_minute": "0"}, "Ensure this value is greater than or equal to 1."),
    ],
)
def test_what_the_form_does_not_take(ada: Client, today_is: object, changes: dict[str, object], said: str) -> None:
    today_is(date(2025, 5, 10))  # type: ignore[operator]  # a fixture that is called
    page = ada.post(ADD, sent(**{"expires": "2025-05-10", **changes}))
    assert page.status_code == 422
    assert said in page.text
    assert not ApiToken.objects.exists()
    assert not User.objects.filter(username="github-action").exists()


def test_nobody_gives_out_more_than_they_may(ada: Client) -> None:
    more = make_staff(is_superuser=True)
    assert "more than you may do" in ada.post(ADD, sent(user=more.pk)).text
    own = Group.objects.create(name="Token keepers")
    own.permissions.set(Group.objects.get(name="Viewer").permissions.all())
    own.permissions.add(*Group.objects.get(name="Administrator").permissions.filter(codename__endswith="_apitoken"))
    make_staff("Token keepers", username="kim")
    kim = as_("kim")
    manager = make_staff("Success manager")
    assert "more than you may do" in kim.post(ADD, sent(user=manager.pk)).text
    assert "You may not add accounts; choose one." in kim.post(ADD, sent()).text
    viewer = make_staff("Viewer")
    assert kim.post(ADD, sent(user=viewer.pk)).status_code == 200
    assert ApiToken.objects.get().user == viewer


def test_a_form_that_is_sent_twice_makes_one(ada: Client) -> None:
    form = sent(form_key="x" * 22)
    assert SECRET.search(ada.post(ADD, form).text)
    second = ada.post(ADD, form)
    assert (second.status_code, second.headers["Location"]) == (302, LIST)
    assert ApiToken.objects.count() == 1


def test_revoking_ends_it_at_once_and_is_in_the_audit(ada: Client) -> None:
    secret = make_token()
    token = ApiToken.objects.get()
    assert "Revoke the token" in ada.get(f"{LIST}{token.pk}/revoke/").text
    assert token_client(secret).get("/api/v1/runs").status_code == 200
    assert ada.post(f"{LIST}{token.pk}/revoke/").status_code == 302
    assert token_client(secret).get("/api/v1/runs").status_code == 401
    entry = newest()
    assert (entry.action, entry.actor, entry.subject) == ("rights", "ada", f"CI ({token.shown}…)")
    assert "revoked by: – → ada" in entry.text
    assert ada.post(f"{LIST}{token.pk}/revoke/").status_code == 403


def test_making_one_is_in_the_audit_without_its_secret(ada: Client) -> None:
    secret = SECRET.findall(ada.post(ADD, sent(name=HOSTILE)).text)[0]
    entry = entry_of("add", model="customers.apitoken")
    assert entry.actor == "ada"
    assert entry.changes["scopes"] == [None, '["read"]']
    for told in AuditEntry.objects.values():
        assert secret not in str(told) and ApiToken.digest_of(secret) not in str(told)


def test_a_hostile_name_is_only_text(ada: Client) -> None:
    page = ada.post(ADD, sent(name=HOSTILE))
    token = ApiToken.objects.get()
    for text in (
        page.text,
        *(ada.get(f"{LIST}{path}").text for path in ("", f"{token.pk}/change/", f"{token.pk}/revoke/")),
    ):
        assert "<script>alert" not in text
        assert escape("<script>alert(", quote=False) in text
    # What it does is told with its name, in the audit's pages and exports, too.
    secret = SECRET.findall(page.text)[0]
    assert token_client(secret).get("/api/v1/runs").status_code == 200


def test_the_password_is_asked_for_again(ada: Client) -> None:
    session = ada.session
    session["started"] -= 700
    session.save()
    page = ada.post(ADD, sent())
    assert page.status_code == 403
    assert "Confirm your password" in page.text
    assert not ApiToken.objects.exists()


def test_the_states_of_tokens(ada: Client) -> None:
    now = timezone.now()
    make_token()
    make_token(expires_at=now + timedelta(days=13))
    make_token(expires_at=now)
    make_token(revoked_at=now)
    make_token(make_staff("Viewer", is_active=False))
    text = ada.get(LIST).text
    for state in ("Active", "Expires soon", "Expired", "Revoked", "Account deactivated"):
        assert len(re.findall(rf">\s*{state}\s*</span>", text)) == 1
    counts = {state: ada.get(f"{LIST}?state={state}").context["cl"].result_count for state in ("active", "over")}
    assert counts == {"active": 2, "over": 3}


@pytest.mark.parametrize("flag", ["is_active", "is_staff"])
def test_a_deactivated_account_loses_its_tokens_for_good(ada: Client, flag: str) -> None:
    user = make_staff("Viewer", username="sam")
    client, other = token_client(make_token(user)), token_client(make_token())
    page = ada.get(f"/admin/auth/user/{user.pk}/change/")
    assert ada.post(f"/admin/auth/user/{user.pk}/change/", form_on(page, **{flag: None})).status_code == 302
    entry = entry_of("rights", model="customers.apitoken")
    assert (entry.actor, entry.text.partition("\n")[0]) == ("ada", "because the account is deactivated")
    user.refresh_from_db()
    setattr(user, flag, True)
    user.save()
    assert client.get("/api/v1/runs").json()["detail"] == "This token was revoked."
    assert other.get("/api/v1/runs").status_code == 200
