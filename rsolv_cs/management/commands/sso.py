"""Tells whether the OpenID provider can be used, and what to enter there."""

from django.conf import settings
from django.core.management.base import CommandError
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from customers.jobs.commands import SpokenCommand
from customers.text.say import english, say
from rsolv_cs.sso.discovery import forget, is_on, key_names, provider
from rsolv_cs.sso.refusal import Unreachable


class Command(SpokenCommand):
    """Ask the provider what it says of itself; nobody logs in."""

    about = gettext_lazy(
        "Say whether the OpenID provider of OIDC_ISSUER can be used, and which addresses to register there."
    )

    def handle(self, **_options: object) -> None:
        """Print what a login would use; fail where nobody could log in."""
        if not is_on():
            raise CommandError(
                gettext("No provider is set up: OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET are needed.")
            )
        forget()
        try:
            found, keys = provider(), key_names()
        except Unreachable as error:
            raise CommandError(
                say("{issuer} cannot be used: {why}.", issuer=settings.OIDC_ISSUER, why=str(error))
            ) from None
        site = settings.SITE_URL or english("https://<your host>")
        claim = settings.OIDC_ROLE_CLAIM
        roles = say("by the claim {claim}", claim=claim) if claim else gettext("given here")
        rows = {
            gettext("Issuer"): found.issuer,
            gettext("Login there"): found.authorization_endpoint,
            gettext("Logout there"): found.end_session_endpoint or gettext("none: people log out here alone"),
            gettext("Keys"): ", ".join(keys) or gettext("none: no login can be checked"),
            gettext("Redirect URI to register"): f"{site}{reverse('sso-callback')}",
            gettext("Post-logout redirect URI"): f"{site}{reverse('admin:login')}",
            gettext("Roles"): roles,
        }
        for name, value in rows.items():
            self.stdout.write(f"{name + ':':<26} {value}")
