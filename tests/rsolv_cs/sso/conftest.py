"""A provider that runs, and settings that name it."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from rsolv_cs.sso import discovery
from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, providing


@pytest.fixture
def provider(settings: Settings) -> Iterator[OpenIdProvider]:
    """A provider whose claim ``groups`` gives roles."""
    with providing() as running:
        settings.OIDC_ISSUER = running.url
        settings.OIDC_RP_CLIENT_ID, settings.OIDC_RP_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
        settings.OIDC_ALLOWED_DOMAINS = ["example.com"]
        settings.OIDC_ROLE_CLAIM = "groups"
        settings.OIDC_ROLES = {
            "cs-readers": "Viewer",
            "cs-team": "Success manager",
            "cs-lead": "Program manager",
            "cs-admins": "Administrator",
        }
        settings.OIDC_LABEL = "Example"
        settings.OIDC_LINK_ACCOUNTS = settings.OIDC_ONLY = False
        settings.OIDC_REQUIRED_ACR = []
        settings.REQUIRE_SECOND_FACTOR = ""
        running.person["groups"] = ["cs-team"]
        discovery.forget()
        yield running
    discovery.forget()
