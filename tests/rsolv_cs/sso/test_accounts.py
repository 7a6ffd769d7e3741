"""Whose account a login leads to, what it needs, and what it never does."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import Invitation
from customers.models import AuditEntry, ProviderIdentity, ServiceAccount
from tests.factories import make_staff
from tests.support.openid_provider import Claims, OpenIdProvider
from tests.support.pages import words
from tests.support.sso import is_in, refusals, sign_in

pytestmark = pytest.mark.django_db


def invited(**overrides: object) -> User:
    """Somebody with an invitation, who has not joined."""
    user = make_staff("Viewer", username="maria", email="maria@example.com", **overrides)
    user.set_unusable_password()
    user.save()
    Invitation.objects.create(user=user)
    return user


def test_the_first_login_makes_an_account_of_staff_without_a_password(
    client: Client, provider: OpenIdProvider
) -> None:
    sign_in(client)
    user = User.objects.get()
    assert (user.username, user.email, user.get_full_name()) == (
        "maria@example.com",
        "maria@example.com",
        "Maria López",
    )
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (True, False, False)
    assert [group.name for group in user.groups.all()] == ["Success manager"]
    assert list(ProviderIdentity.objects.values_list("issuer", "subject")) == [(provider.url, "person-1")]
    assert client.get("/admin/cohorts/").status_code == 200


def test_the_audit_says_who_came_from_where_and_with_which_role(client: Client, provider: OpenIdProvider) -> None:
    sign_in(client)
    found = AuditEntry.objects.filter(source=f"OpenID Connect, {provider.url}").order_by("pk")
    assert {entry.actor for entry in found} == {"maria@example.com"}
    assert [(entry.action, entry.text) for entry in found][1:] == [
        ("rights", f"Linked to {provider.url}"),
        ("rights", "groups: + Success manager"),
        ("login", ""),
    ]


def test_another_address_keeps_the_account(client: Client, provider: OpenIdProvider) -> None:
    sign_in(client)
    provider.person["email"] = "maria.lopez@example.com"
    assert sign_in(Client()).status_code == 302
    user = User.objects.get()
    assert (user.username, user.email) == ("maria@example.com", "maria.lopez@example.com")


def test_anothers_address_is_not_taken_over(client: Client, provider: OpenIdProvider) -> None:
    sign_in(client)
    make_staff("Viewer", email="Boss@example.com")
    provider.person["email"] = "boss@example.com"
    assert sign_in(client).status_code == 302
    assert User.objects.get(username="maria@example.com").email == "maria@example.com"


def test_somebody_else_with_the_address_of_before_is_not_let_in(client: Client, provider: OpenIdProvider) -> None:
    """Addresses are given to new people; the provider's lasting name is not."""
    sign_in(client)
    provider.person["sub"] = "person-2"
    assert sign_in(Client()).status_code == 403
    assert refusals() == ["the account is linked to another person of the provider"]
    assert User.objects.count() == 1


@pytest.mark.parametrize("said", [True, "true"])
def test_an_invitation_is_taken_by_the_login(said: object, client: Client, provider: OpenIdProvider) -> None:
    user = invited()
    provider.person["email_verified"] = said
    sign_in(client)
    assert client.session["_auth_user_id"] == str(user.pk)
    assert Invitation.objects.get().joined_at
    assert User.objects.count() == 1


def test_an_address_alone_is_not_enough_for_an_account_with_a_password(
    client: Client, provider: OpenIdProvider, settings: Settings
) -> None:
    user = make_staff("Viewer", username="maria", email="Maria@Example.com")
    response = sign_in(client)
    assert response.status_code == 403
    assert "it has a password here" in response.text
    assert refusals() == ["the account has a password, and OIDC_LINK_ACCOUNTS is not set"]
    settings.OIDC_LINK_ACCOUNTS = True
    assert sign_in(client).status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)
    settings.OIDC_LINK_ACCOUNTS = False
    assert sign_in(Client()).status_code == 302


def test_no_address_gives_a_superusers_account(client: Client, provider: OpenIdProvider, settings: Settings) -> None:
    make_staff(username="root", email="maria@example.com", is_superuser=True)
    settings.OIDC_LINK_ACCOUNTS = True
    assert sign_in(client).status_code == 403
    assert refusals() == ["the account is a superuser's, which no address gives"]


def test_an_address_of_two_accounts_gives_neither(client: Client, provider: OpenIdProvider) -> None:
    for _ in range(2):
        user = make_staff("Viewer", email="maria@example.com")
        user.set_unusable_password()
        user.save()
    assert sign_in(client).status_code == 403
    assert refusals() == ["several accounts have that address"]


@pytest.mark.parametrize("field", ["is_active", "is_staff"])
def test_who_is_out_stays_out(field: str, client: Client, provider: OpenIdProvider) -> None:
    sign_in(client)
    user = User.objects.get()
    setattr(user, field, False)
    user.save()
    assert not is_in(client)
    provider.person["groups"] = ["cs-admins"]
    response = sign_in(client)
    assert response.status_code == 403
    assert "Your account here is deactivated." in response.text
    user.refresh_from_db()
    assert getattr(user, field) is False
    assert refusals() == ["the account is deactivated or not of staff"]


def test_who_is_out_does_not_come_back_as_somebody_new(client: Client, provider: OpenIdProvider) -> None:
    invited(is_active=False)
    assert sign_in(client).status_code == 403
    assert refusals() == ["the account is deactivated or not of staff"]
    assert User.objects.count() == 1


def test_a_programs_account_is_no_persons(client: Client, provider: OpenIdProvider) -> None:
    user = invited()
    ServiceAccount.objects.create(user=user)
    assert sign_in(client).status_code == 403
    assert not ProviderIdentity.objects.exists()


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ({"email_verified": False}, "the address is not verified, or there is none"),
        ({"email_verified": "false"}, "the address is not verified, or there is none"),
        ({"email_verified": ["yes"]}, "the address is not verified, or there is none"),
        ({"email_verified": False, "xms_edov": True}, "the address is not verified, or there is none"),
        ({"email": None}, "the address is not verified, or there is none"),
        ({"email": "maria@evil.example"}, "the address is of no domain in OIDC_ALLOWED_DOMAINS"),
        ({"email": "maria@sub.example.com"}, "the address is of no domain in OIDC_ALLOWED_DOMAINS"),
        ({"email": "maria@example.com.evil.example"}, "the address is of no domain in OIDC_ALLOWED_DOMAINS"),
        ({"email": "maria@evil.example,x@example.com"}, "the address cannot be read"),
        ({"email": "x@evil.example\n@example.com"}, "the address cannot be read"),
    ],
)
def test_an_address_that_does_not_let_in(
    person: Claims, reason: str, client: Client, provider: OpenIdProvider
) -> None:
    provider.person |= person
    assert sign_in(client).status_code == 403
    assert refusals() == [reason]
    assert not User.objects.exists()


def test_the_address_is_judged_at_every_login(client: Client, provider: OpenIdProvider) -> None:
    sign_in(client)
    provider.person["email"] = "maria@evil.example"
    assert sign_in(Client()).status_code == 403


def test_entra_says_by_another_claim_that_an_address_is_theirs(client: Client, provider: OpenIdProvider) -> None:
    del provider.person["email_verified"]
    assert sign_in(client).status_code == 403
    provider.person["xms_edov"] = "1"
    assert sign_in(client).status_code == 302


def test_a_thin_token_is_completed_by_userinfo(client: Client, provider: OpenIdProvider) -> None:
    provider.in_token = set()
    assert sign_in(client).status_code == 302
    assert User.objects.get().get_full_name() == "Maria López"
    assert len(provider.asked_for("/userinfo")) == 1


def test_userinfo_of_somebody_else_is_refused(client: Client, provider: OpenIdProvider) -> None:
    provider.in_token, provider.beside = set(), {"sub": "person-2"}
    assert sign_in(client).status_code == 403
    assert refusals() == ["the provider tells of somebody else than the token"]


def test_userinfo_verifies_no_other_address_than_its_own(client: Client, provider: OpenIdProvider) -> None:
    provider.in_token, provider.beside = {"email"}, {"email": "other@example.com"}
    assert sign_in(client).status_code == 403
    assert refusals() == ["the address is not verified, or there is none"]


def test_a_login_name_that_somebody_has_gets_a_number(client: Client, provider: OpenIdProvider) -> None:
    make_staff("Viewer", username="maria@example.com", email="")
    sign_in(client)
    assert client.session["_auth_user_id"] == str(User.objects.get(username="maria@example.com-2").pk)


def test_names_are_text_of_one_line_that_fits(client: Client, provider: OpenIdProvider) -> None:
    provider.person |= {"given_name": "<b>Ma\nria\u202e" + "x" * 300, "family_name": ["no"], "name": "No"}
    sign_in(client)
    user = User.objects.get()
    assert user.first_name == ("<b>Ma ria" + "x" * 300)[:150]
    assert user.last_name == ""


# --- Without a claim of roles -----------------------------------------------------------------------------------


def test_without_a_claim_who_is_invited_gets_in_with_the_role_given_here(
    client: Client, provider: OpenIdProvider, settings: Settings
) -> None:
    settings.OIDC_ROLE_CLAIM, settings.OIDC_ROLES = "", {}
    user = invited()
    assert sign_in(client).status_code == 302
    assert [group.name for group in user.groups.all()] == ["Viewer"]


def test_without_a_claim_nobody_else_gets_an_account(
    client: Client, provider: OpenIdProvider, settings: Settings
) -> None:
    settings.OIDC_ROLE_CLAIM, settings.OIDC_ROLES = "", {}
    make_staff("Administrator", first_name="Ada", last_name="Admin", email="ada@example.com")
    response = sign_in(client)
    assert response.status_code == 403
    assert "You have no account here." in words(response.text)
    assert "Ada Admin" in words(response.text)
    assert "mailto:ada@example.com" in response.text
    assert refusals() == ["there is no account of that address, and no claim that gives roles"]
    assert User.objects.count() == 1


# --- The end of a link ------------------------------------------------------------------------------------------


def test_an_administrator_ends_the_link_of_somebody_whom_the_provider_calls_otherwise(
    client: Client, provider: OpenIdProvider
) -> None:
    sign_in(client)
    user = User.objects.get()
    ada = Client()
    ada.force_login(make_staff("Administrator", username="ada"))
    page = ada.get(f"/admin/auth/user/{user.pk}/unlink/")
    assert f"person-1 at {provider.url}" in words(page.text)
    assert ada.post(f"/admin/auth/user/{user.pk}/unlink/").status_code == 302
    entry = AuditEntry.objects.get(actor="ada", key=str(user.pk))
    assert (entry.action, entry.text) == ("rights", f"Unlinked from {provider.url}")
    assert client.get("/admin/").url.startswith("/admin/login/")
    provider.person["sub"] = "person-2"
    assert sign_in(client).status_code == 302
    assert User.objects.get(identities__subject="person-2") == user


def test_who_is_not_linked_cannot_be_unlinked(provider: OpenIdProvider) -> None:
    ada = Client()
    user = make_staff("Administrator", username="ada")
    ada.force_login(user)
    assert ada.get(f"/admin/auth/user/{user.pk}/unlink/").status_code == 403
    vera = Client()
    vera.force_login(make_staff("Viewer"))
    sign_in(Client())
    linked = User.objects.get(identities__subject="person-1")
    assert vera.get(f"/admin/auth/user/{linked.pk}/unlink/").status_code == 403
