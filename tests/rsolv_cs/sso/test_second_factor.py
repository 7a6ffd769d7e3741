"""The provider's second factor in the place of ours, and ours where it has none; how young a login is."""

import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from rsolv_cs.login import sessions
from tests.support.openid_provider import Claims, OpenIdProvider
from tests.support.pages import words
from tests.support.second_factor import PAGE, VERIFY, turn_on
from tests.support.sso import is_in, refusals, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def required(provider: OpenIdProvider, settings: Settings) -> OpenIdProvider:
    """The provider must have asked for a second factor."""
    settings.OIDC_REQUIRED_ACR = ["gold", "mfa"]
    return provider


@pytest.mark.parametrize("said", [{"acr": "gold"}, {"acr": "1", "amr": ["pwd", "mfa"]}, {"amr": ["mfa"]}])
def test_a_factor_there_counts_here(
    said: Claims, client: Client, required: OpenIdProvider, settings: Settings
) -> None:
    settings.REQUIRE_SECOND_FACTOR = "all"
    required.changed = said
    assert sign_in(client).status_code == 302
    assert client.get("/admin/cohorts/").status_code == 200
    assert required.asked_for("/authorize")[0]["acr_values"] == "gold mfa"


@pytest.mark.parametrize(
    "said", [{}, {"acr": "1"}, {"amr": ["pwd"]}, {"amr": "mfa gold"}, {"acr": ["gold"]}, {"amr": [["mfa"]]}]
)
def test_without_it_nobody_gets_in(said: Claims, client: Client, required: OpenIdProvider) -> None:
    required.changed = said
    response = sign_in(client)
    assert response.status_code == 403
    assert "You have to give a second factor to the provider" in words(response.text)
    assert refusals() == ["neither acr nor amr has a value of OIDC_REQUIRED_ACR"]
    assert not is_in(client)


def test_userinfo_says_nothing_of_factors(client: Client, required: OpenIdProvider) -> None:
    required.in_token, required.beside = set(), {"acr": "gold"}
    assert sign_in(client).status_code == 403


def test_where_the_provider_is_not_asked_for_one_ours_holds(
    client: Client, provider: OpenIdProvider, settings: Settings
) -> None:
    settings.REQUIRE_SECOND_FACTOR = "all"
    provider.changed = {"acr": "gold", "amr": ["mfa"]}
    sign_in(client)
    assert client.get("/admin/cohorts/").url.startswith(PAGE)


def test_who_turned_one_on_here_is_asked_for_its_code(client: Client, provider: OpenIdProvider) -> None:
    sign_in(client, again="1")
    turn_on(client, User.objects.get())
    other = Client()
    sign_in(other)
    assert other.get("/admin/cohorts/").url.startswith(VERIFY)


def test_a_factor_of_an_earlier_login_does_not_count_for_the_next(
    client: Client, required: OpenIdProvider, settings: Settings
) -> None:
    required.changed = {"acr": "gold"}
    sign_in(client)
    settings.OIDC_REQUIRED_ACR, settings.REQUIRE_SECOND_FACTOR = [], "all"
    sign_in(client)
    assert client.get("/admin/cohorts/").url.startswith(PAGE)


# --- The password again, for who has none -----------------------------------------------------------------------

ADD = "/admin/auth/group/add/"


@pytest.mark.parametrize("said", [int, float, str, lambda _moment: "at noon", lambda _moment: 1e400])
def test_a_login_that_is_old_at_the_provider_has_to_be_made_again(
    said: Callable[[float], object], client: Client, provider: OpenIdProvider
) -> None:
    provider.person["groups"] = ["cs-admins"]
    provider.changed = {"auth_time": said(time.time() - 3600)}
    sign_in(client)
    response = client.post(ADD, {"name": "New"})
    assert response.status_code == 403
    assert "Sign in with Example again" in words(response.text)
    assert f"/admin/sso/?again=1&amp;next={ADD}" in response.text
    provider.changed = {"auth_time": int(time.time())}
    assert sign_in(client, ADD, again="1").url == ADD
    asked = provider.asked_for("/authorize")[-1]
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    assert client.post(ADD, {"name": "New"}).status_code in {200, 302}


def test_where_the_provider_tells_no_time_only_a_login_that_was_asked_for_again_is_young(
    client: Client, provider: OpenIdProvider
) -> None:
    provider.person["groups"], provider.changed = ["cs-admins"], {"auth_time": None}
    sign_in(client)
    assert client.post(ADD, {"name": "New"}).status_code == 403
    sign_in(client, ADD, again="1")
    assert client.post(ADD, {"name": "New"}).status_code in {200, 302}


def test_a_password_login_afterwards_is_as_young_as_it_is(client: Client, provider: OpenIdProvider) -> None:
    provider.changed = {"auth_time": 5}
    sign_in(client)
    assert client.session[sessions.AUTHENTICATED] == 5
    user = User.objects.get()
    user.set_password("a long password")
    user.save()
    client.post("/admin/login/", {"username": user.username, "password": "a long password"})
    assert sessions.AUTHENTICATED not in client.session
