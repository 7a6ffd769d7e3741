"""What the provider says of itself, by its issuer alone: its addresses and its keys, kept for some minutes."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import jwt
from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext

from customers.text.say import english
from rsolv_cs.sso.fetch import request_json
from rsolv_cs.sso.refusal import Refused, Unreachable, Why

ALGORITHMS = frozenset(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"))
"""Signatures by a key that the provider alone has: neither none, nor HMAC by a key that is known."""
KEPT_SECONDS = 600
FAILURE_KEPT_SECONDS = 5
"""So long nobody else asks a provider that gave no answer: requests would wait for it in every thread."""
_DOCUMENT, _KEYS, _FAILURE = "sso.document", "sso.keys", "sso.failure"


@dataclass(frozen=True)
class Provider:
    """The provider's addresses; '' where it has none."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    takes_secret_in_form: bool


def is_on() -> bool:
    """Return whether people can log in by a provider."""
    return bool(settings.OIDC_ISSUER and settings.OIDC_RP_CLIENT_ID and settings.OIDC_RP_CLIENT_SECRET)


def label() -> str:
    """Return what pages and mails call the provider, in the reader's language where the operator gave it no name."""
    return settings.OIDC_LABEL or gettext("single sign-on")


def provider() -> Provider:
    """Return what the provider says of itself; raises ``Unreachable``."""
    found = cache.get(_DOCUMENT)
    if isinstance(found, Provider) and found.issuer.rstrip("/") == settings.OIDC_ISSUER.rstrip("/"):
        return found
    if why := cache.get(_FAILURE):
        raise Unreachable(why)
    try:
        found = _read(_json_of(f"{settings.OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration"))
    except Unreachable as error:
        cache.set(_FAILURE, str(error), FAILURE_KEPT_SECONDS)
        raise
    cache.set(_DOCUMENT, found, KEPT_SECONDS)
    return found


def forget() -> None:
    """Forget what is kept: the next login asks again."""
    cache.delete_many([_DOCUMENT, _KEYS, _FAILURE])


def signing_key(token: str) -> jwt.PyJWK:
    """Return the provider's key by which a token says it is signed; its keys are read anew where that one is new."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Refused(Why.UNTRUSTED, english("the token cannot be read")) from None
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise Refused(Why.UNTRUSTED, english("the token is not signed by a key of the provider"))
    kept = cache.get(_KEYS)
    found = _matching(kept or [], header.get("kid"), algorithm)
    if found is None:
        kept = _keys()
        cache.set(_KEYS, kept, KEPT_SECONDS)
        found = _matching(kept, header.get("kid"), algorithm)
    if found is None:
        raise Refused(Why.UNTRUSTED, english("the token is signed by a key that the provider does not have"))
    return found


def key_names() -> list[str]:
    """Return the names of the provider's keys."""
    return [str(key.get("kid", english("without a name"))) for key in _keys()]


def _matching(keys: list[Mapping[str, object]], kid: object, algorithm: str) -> jwt.PyJWK | None:
    """Return the one key that fits; without a name in the token that is the provider's only one."""
    fitting = []
    for key in keys:
        is_named = kid is None or key.get("kid") == kid
        if not is_named or key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
            continue
        try:
            fitting.append(jwt.PyJWK(dict(key), algorithm=algorithm))
        except (jwt.PyJWTError, ValueError, TypeError):
            # A key of another kind than the algorithm's.
            continue
    return fitting[0] if len(fitting) == 1 else None


def _keys() -> list[Mapping[str, object]]:
    keys = _json_of(provider().jwks_uri).get("keys")
    if not isinstance(keys, list):
        raise Unreachable(english("its keys cannot be read"))
    # A key that both sides know is none of those that the provider alone has.
    return [key for key in keys if isinstance(key, dict) and key.get("kty") in {"RSA", "EC", "OKP"}]


def _json_of(url: str) -> Mapping[str, object]:
    answer = request_json(url)
    if answer.status != HTTPStatus.OK:
        raise Unreachable(english(f"it answers {answer.status}"))
    return answer.body


def _read(document: Mapping[str, object]) -> Provider:
    issuer = str(document.get("issuer", ""))
    if issuer.rstrip("/") != settings.OIDC_ISSUER.rstrip("/"):
        raise Unreachable(english("it calls itself by another name than OIDC_ISSUER"))
    methods = document.get("token_endpoint_auth_methods_supported")
    return Provider(
        issuer=issuer,
        authorization_endpoint=_address(document, "authorization_endpoint"),
        token_endpoint=_address(document, "token_endpoint"),
        jwks_uri=_address(document, "jwks_uri"),
        userinfo_endpoint=_address(document, "userinfo_endpoint", ""),
        end_session_endpoint=_address(document, "end_session_endpoint", ""),
        # In the form wherever that is allowed: of names and secrets in the header, many servers read some otherwise.
        takes_secret_in_form=isinstance(methods, list) and "client_secret_post" in methods,
    )


def _address(document: Mapping[str, object], name: str, otherwise: str | None = None) -> str:
    """Return an address of the document, as safe as the issuer's own."""
    found = document.get(name, otherwise)
    if found == otherwise == "":
        return ""
    scheme = urlsplit(settings.OIDC_ISSUER).scheme
    if not isinstance(found, str) or not found.startswith((f"{scheme}://", "https://")):
        raise Unreachable(english(f"its {name} is missing or not secure"))
    return found
