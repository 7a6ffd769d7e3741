"""System checks of the login by a provider: settings that are half there, and what to do."""

from django.conf import settings
from django.core import checks

from customers.core.roles import Role


def half_a_provider(**_options: object) -> list[checks.CheckMessage]:
    """The issuer alone lets nobody in, nor does anything without it."""
    needed = {
        "OIDC_CLIENT_ID": settings.OIDC_RP_CLIENT_ID,
        "OIDC_CLIENT_SECRET": settings.OIDC_RP_CLIENT_SECRET,
        "OIDC_ALLOWED_DOMAINS": settings.OIDC_ALLOWED_DOMAINS,
    }
    others = {
        **needed,
        "OIDC_ROLE_CLAIM": settings.OIDC_ROLE_CLAIM,
        "OIDC_ROLES": settings.OIDC_ROLES,
        "OIDC_REQUIRED_ACR": settings.OIDC_REQUIRED_ACR,
        "OIDC_LINK_ACCOUNTS": settings.OIDC_LINK_ACCOUNTS,
        "OIDC_ONLY": settings.OIDC_ONLY,
    }
    if not settings.OIDC_ISSUER:
        without = [name for name, value in others.items() if value]
        return _error("E010", without, "{} without OIDC_ISSUER.", "Set OIDC_ISSUER as well, or leave {} away.")
    missing = [name for name, value in needed.items() if not value]
    return _error("E011", missing, "OIDC_ISSUER without {}.", "Set {} as well; docs/security.md has examples.")


def half_the_roles(**_options: object) -> list[checks.CheckMessage]:
    """A claim needs to be read, and roles need a claim."""
    if bool(settings.OIDC_ROLE_CLAIM) == bool(settings.OIDC_ROLES):
        return []
    names = ("OIDC_ROLE_CLAIM", "OIDC_ROLES")
    there, missing = names if settings.OIDC_ROLE_CLAIM else reversed(names)
    hint = "Set {} as well, such as OIDC_ROLE_CLAIM=groups with OIDC_ROLES='cs-team=Success manager; cs-lead=Viewer'."
    return _error("E012", [missing], f"{there} without {{}}.", hint)


def roles_by_name(**_options: object) -> list[checks.CheckMessage]:
    """A role that is none of ours may be one that an Administrator made; else a login with it gets nothing."""
    built_in = {role.lower() for role in Role}
    unknown = sorted({name for name in settings.OIDC_ROLES.values() if name.lower() not in built_in})
    if not unknown:
        return []
    text = f"OIDC_ROLES names roles that are not built in: {', '.join(unknown)}."
    hint = f"The built-in ones are: {', '.join(Role)}. Others must be among the roles in the admin, spelt like this."
    return [checks.Warning(text, hint=hint, id="rsolv_cs.W010")]


def factor_twice(**_options: object) -> list[checks.CheckMessage]:
    """Both may ask for a second factor; then people give two."""
    if not (settings.OIDC_ISSUER and settings.REQUIRE_SECOND_FACTOR and not settings.OIDC_REQUIRED_ACR):
        return []
    text = "REQUIRE_SECOND_FACTOR asks for a code here also of those whom the provider has asked for one."
    hint = "Where the provider asks for a second factor, set OIDC_REQUIRED_ACR to what it calls one."
    return [checks.Warning(text, hint=hint, id="rsolv_cs.W011")]


def _error(number: str, names: list[str], text: str, hint: str) -> list[checks.CheckMessage]:
    if not names:
        return []
    named = ", ".join(names)
    return [checks.Error(text.format(named), hint=hint.format(named), id=f"rsolv_cs.{number}")]


def register_sso_checks() -> None:
    """Make Django run them."""
    for check in (half_a_provider, half_the_roles, roles_by_name):
        checks.register(check)
    checks.register(factor_twice, checks.Tags.security, deploy=True)
