"""Tells whether the OpenID provider can be used, and what to enter there."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from rsolv_cs.sso.discovery import forget, is_on, key_names, provider
from rsolv_cs.sso.refusal import Unreachable


class Command(BaseCommand):
    """Ask the provider what it says of itself; nobody logs in."""

    help = "Say whether the OpenID provider of OIDC_ISSUER can be used, and which addresses to register there."

    def handle(self, **_options: object) -> None:
        """Print what a login would use; fail where nobody could log in."""
        if not is_on():
            raise CommandError("No provider is set up: OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET are needed.")
        forget()
        try:
            found, keys = provider(), key_names()
        except Unreachable as error:
            raise CommandError(f"{settings.OIDC_ISSUER} cannot be used: {error}.") from None
        site = settings.SITE_URL or "https://<your host>"
        rows = {
            "Issuer": found.issuer,
            "Login there": found.authorization_endpoint,
            "Logout there": found.end_session_endpoint or "none: people log out here alone",
            "Keys": ", ".join(keys) or "none: no login can be checked",
            "Redirect URI to register": f"{site}{reverse('sso-callback')}",
            "Post-logout redirect URI": f"{site}{reverse('admin:login')}",
            "Roles": f"by the claim {settings.OIDC_ROLE_CLAIM}" if settings.OIDC_ROLE_CLAIM else "given here",
        }
        for name, value in rows.items():
            self.stdout.write(f"{name + ':':<26} {value}")
