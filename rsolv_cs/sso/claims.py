"""What a provider tells of a person, read and judged; nothing here knows accounts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings

from analytics.mail.message import mail_address
from customers.text.say import english
from rsolv_cs.sso.refusal import Refused, Why

Claims = Mapping[str, object]
"""What a token or an answer says: JSON."""

LONGEST_SUBJECT = 255
LONGEST_NAME = 150
_VERIFIED = ("email_verified", "xms_edov")
"""What says that an address is the person's: the standard's name, and that of Entra ID, which has not the first."""
_YES = (True, "true", "1")


@dataclass(frozen=True)
class Told:
    """A person as the provider tells of them: all of it checked."""

    issuer: str
    subject: str
    email: str
    first_name: str
    last_name: str
    role_values: frozenset[str]
    has_second_factor: bool
    authenticated_at: int | None
    hint: str
    """The token itself, which some providers want back at the logout; '' where it is not needed."""


def told_by(token: Claims, more: Callable[[], Claims], hint: str) -> Told:
    """Return what a valid token tells; ``more`` asks the provider for what it lacks.

    Raises ``Refused`` where the second factor, the address or its domain is not as the settings want it.
    """
    has_factor = _has_second_factor(token)
    if settings.OIDC_REQUIRED_ACR and not has_factor:
        raise Refused(Why.FACTOR, english("neither acr nor amr has a value of OIDC_REQUIRED_ACR"))
    subject = token["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or "\0" in subject:
        raise Refused(Why.UNTRUSTED, english("the token's sub is empty or too long"))
    claims = _completed(token, more)
    at = token.get("auth_time")
    first, last = _names(claims)
    return Told(
        issuer=str(token["iss"]),
        subject=subject,
        email=_email(claims),
        first_name=first,
        last_name=last,
        role_values=frozenset(_role_values(claims)),
        has_second_factor=has_factor,
        authenticated_at=None if at is None else _seconds(at),
        hint=hint,
    )


def _completed(token: Claims, more: Callable[[], Claims]) -> Claims:
    is_verified = any(name in token for name in _VERIFIED)
    has_roles = not settings.OIDC_ROLE_CLAIM or _found(token, settings.OIDC_ROLE_CLAIM) is not None
    if "email" in token and is_verified and has_roles:
        return token
    told = more()
    if "email" in token and token["email"] != told.get("email"):
        # Of another address than the token's it says nothing.
        told = {name: value for name, value in told.items() if name not in _VERIFIED}
    return {**told, **token}


def _seconds(told: object) -> int:
    """Return when the provider saw somebody; long ago where it says that in no way that can be read."""
    try:
        return int(float(str(told)))
    except (ValueError, OverflowError):
        return 0


def _has_second_factor(token: Claims) -> bool:
    methods = token.get("amr")
    said = [token.get("acr"), *(methods if isinstance(methods, list) else [])]
    return any(one in said for one in settings.OIDC_REQUIRED_ACR)


def _email(claims: Claims) -> str:
    """Return the address; raises where it is not verified, or of no allowed domain."""
    said = next((claims[name] for name in _VERIFIED if name in claims), None)
    address = claims.get("email")
    if said not in _YES or not isinstance(address, str):
        raise Refused(Why.UNVERIFIED, english("the address is not verified, or there is none"))
    try:
        email = mail_address(address)
    except ValueError:
        raise Refused(Why.UNVERIFIED, english("the address cannot be read")) from None
    if email.rpartition("@")[2].lower() not in settings.OIDC_ALLOWED_DOMAINS:
        raise Refused(Why.DOMAIN, english("the address is of no domain in OIDC_ALLOWED_DOMAINS"))
    return email


def _names(claims: Claims) -> tuple[str, str]:
    first, last = (_line(claims.get(name)) for name in ("given_name", "family_name"))
    if first or last:
        return first, last
    before, _blank, after = _line(claims.get("name")).rpartition(" ")
    return (before, after) if before else (after, "")


def _line(text: object) -> str:
    """Return a name on one line, as long as its column."""
    if not isinstance(text, str):
        return ""
    return "".join(one for one in " ".join(text.split()) if one.isprintable())[:LONGEST_NAME]


def _role_values(claims: Claims) -> set[str]:
    found = _found(claims, settings.OIDC_ROLE_CLAIM) if settings.OIDC_ROLE_CLAIM else None
    values = found if isinstance(found, list) else [found]
    return {one for one in values if isinstance(one, str)}


def _found(claims: Claims, name: str) -> object:
    """Return a claim by its name, or by its way through objects: ``realm_access.roles``; None where it is not."""
    if name in claims:
        return claims[name]
    first, dot, rest = name.partition(".")
    inner = claims.get(first)
    return _found(inner, rest) if dot and isinstance(inner, Mapping) else None
