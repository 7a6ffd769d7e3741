"""What the login calls a provider that the operator gave no name."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.support.openid_provider import OpenIdProvider
from tests.support.pages import words

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Sign in with single sign-on"), ("de", "Mit Single Sign-on anmelden")]
)
def test_a_provider_without_a_name_is_called_in_the_readers_language(
    client: Client, provider: OpenIdProvider, settings: Settings, language: str, said: str
) -> None:
    settings.OFFERED_LANGUAGES = ["en", "de"]
    settings.OIDC_LABEL = ""
    assert said in words(client.get("/admin/login/", headers={"accept-language": language}).text)
