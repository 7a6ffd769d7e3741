"""The command that says whether a provider can be used."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from tests.support.openid_provider import CLIENT_SECRET, OpenIdProvider


def test_it_says_what_to_register(provider: OpenIdProvider, settings: Settings) -> None:
    settings.SITE_URL = "https://cs.example.com"
    out = StringIO()
    call_command("sso", stdout=out)
    assert out.getvalue().splitlines() == [
        f"Issuer:                    {provider.url}",
        f"Login there:               {provider.url}/authorize",
        f"Logout there:              {provider.url}/end",
        "Keys:                      key-0",
        "Redirect URI to register:  https://cs.example.com/admin/sso/callback/",
        "Post-logout redirect URI:  https://cs.example.com/admin/login/",
        "Roles:                     by the claim groups",
    ]
    assert CLIENT_SECRET not in out.getvalue()


def test_it_fails_where_nobody_could_log_in(provider: OpenIdProvider, settings: Settings) -> None:
    provider.says = {"issuer": "https://other.example"}
    with pytest.raises(CommandError, match="cannot be used: it calls itself by another name than OIDC_ISSUER"):
        call_command("sso")
    settings.OIDC_ISSUER = ""
    with pytest.raises(CommandError, match="No provider is set up"):
        call_command("sso")
