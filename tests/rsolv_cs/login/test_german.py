"""The ways to log in, accounts, roles and tokens in German."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import Invitation
from customers.models import ApiToken
from tests.factories import make_staff
from tests.support.forms import as_
from tests.support.german import english_left, reads_german
from tests.support.pages import words
from tests.support.tokens import make_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(settings: Settings) -> Client:
    """The browser of an Administrator who reads German."""
    reads_german(make_staff("Administrator", username="ada"), settings)
    return as_("ada")


def test_the_pages_of_accounts_are_german(ada: Client) -> None:
    vera = make_staff("Viewer", username="vera", email="vera@example.com")
    Invitation.objects.create(user=vera, state="sent", invited_by="ada")
    make_token(vera)
    token = ApiToken.objects.get()
    role = Group.objects.get(name="Viewer").pk
    pages = [
        *("/admin/auth/user/", "/admin/auth/user/add/", f"/admin/auth/user/{vera.pk}/invitation/"),
        *("/admin/auth/group/", f"/admin/auth/group/{role}/copy/"),
        *("/admin/customers/apitoken/", "/admin/customers/apitoken/add/"),
        *(f"/admin/customers/apitoken/{token.pk}/change/", f"/admin/customers/apitoken/{token.pk}/revoke/"),
        *("/admin/axes/accessattempt/", "/admin/sessions/", "/admin/second-factor/", "/api/docs/"),
    ]
    assert {page: left for page in pages if (left := english_left(ada.get(page)))} == {}
    assert "Eingeladen" in words(ada.get("/admin/auth/user/").text)


def test_the_pages_before_a_login_are_german(settings: Settings, client: Client) -> None:
    settings.OFFERED_LANGUAGES = ["en", "de"]
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    for page in ("/admin/login/", "/admin/forgotten-password/", "/admin/join/?link=none"):
        assert english_left(client.get(page)) == [], page


def test_a_message_is_german(ada: Client) -> None:
    make_token()
    token = ApiToken.objects.get()
    done = ada.post(f"/admin/customers/apitoken/{token.pk}/revoke/", follow=True)
    assert f"{token.name} ist widerrufen." in words(done.text)
    assert english_left(done) == []
