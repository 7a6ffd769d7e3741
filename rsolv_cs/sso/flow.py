"""The code flow of mozilla-django-oidc (state, nonce, PKCE, the exchange of the code), with all checks of a token.

That package takes the provider's addresses from settings, asks without limits, and checks neither whom a token is
for nor who made it; its own hooks are where we do.
"""

import time
from http import HTTPStatus
from urllib.parse import quote_plus

import jwt
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from mozilla_django_oidc.utils import import_from_settings
from requests.auth import HTTPBasicAuth

from customers.core.bearer import Bearer
from customers.text.say import english
from rsolv_cs.sso.claims import Claims, Told, told_by
from rsolv_cs.sso.discovery import provider, signing_key
from rsolv_cs.sso.fetch import request_json
from rsolv_cs.sso.refusal import Refused, Unreachable, Why

LEEWAY_SECONDS = 60
"""So far two clocks may be apart."""
OLDEST_SECONDS = 600
"""A token is made for the login that it is sent to; an older one is of another."""
_DISCOVERED = {
    "OIDC_OP_AUTHORIZATION_ENDPOINT": "authorization_endpoint",
    "OIDC_OP_TOKEN_ENDPOINT": "token_endpoint",
    "OIDC_OP_USER_ENDPOINT": "userinfo_endpoint",
    "OIDC_OP_JWKS_ENDPOINT": "jwks_uri",
}
_REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]
# What the package is to know of algorithms: that keys come from the provider. Ours are in ``discovery``.
_SIGNED_BY_KEYS = "RS256"


def setting(name: str, *default: object) -> object:
    """Return a setting as the package asks for it: the provider's addresses are those that it says itself."""
    if name in _DISCOVERED:
        return getattr(provider(), _DISCOVERED[name])
    if name == "OIDC_RP_SIGN_ALGO":
        return _SIGNED_BY_KEYS
    return import_from_settings(name, *default)


def finish(request: HttpRequest, nonce: str, verifier: str) -> Told:
    """Return what the provider tells of the person who came back with a code; raises where it is not to be trusted."""
    if request.GET.get("iss", provider().issuer) != provider().issuer:
        raise Refused(Why.UNTRUSTED, english("the answer is of another provider"))
    try:
        told: Told | None = _Exchange().authenticate(request, nonce=nonce, code_verifier=verifier)
    except SuspiciousOperation:
        raise Refused(Why.UNTRUSTED, english("the token is of another login: its nonce is not ours")) from None
    if told is None:
        raise Refused(Why.UNTRUSTED, english("the answer has no code"))
    return told


class _Exchange(OIDCAuthenticationBackend):
    """From a code to what the provider tells; whose account that is, ``accounts`` says."""

    get_settings = staticmethod(setting)

    def get_token(self, payload: dict[str, str]) -> Claims:
        """Exchange the code."""
        auth = None
        if not provider().takes_secret_in_form:
            # Both encoded as in a form (RFC 6749, 2.3.1).
            auth = HTTPBasicAuth(quote_plus(payload["client_id"]), quote_plus(payload.pop("client_secret")))
        answer = request_json(self.OIDC_OP_TOKEN_ENDPOINT, payload, auth)
        if answer.status != HTTPStatus.OK:
            said = str(answer.body.get("error", ""))
            known = said if said in {"invalid_client", "invalid_grant", "unauthorized_client"} else english("an error")
            raise Refused(Why.UNTRUSTED, english(f"the provider answers {answer.status} ({known}) to the code"))
        if not all(isinstance(answer.body.get(name), str) for name in ("id_token", "access_token")):
            raise Refused(Why.UNTRUSTED, english("the provider gives no token"))
        return answer.body

    def retrieve_matching_jwk(self, token: str) -> jwt.PyJWK:
        """Return the key that the token says it is signed by."""
        return signing_key(token)

    def _verify_jws(self, payload: str, key: jwt.PyJWK) -> Claims:
        """Return what a token says: signed by the provider, for us, now."""
        try:
            claims: Claims = jwt.decode(
                payload,
                key,
                algorithms=[key.algorithm_name],
                audience=self.OIDC_RP_CLIENT_ID,
                issuer=provider().issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": _REQUIRED},
            )
            made_at = float(str(claims["iat"]))
        except (jwt.PyJWTError, ValueError) as error:
            # The kind alone: the words may repeat what the token says.
            raise Refused(Why.UNTRUSTED, english(f"the token is not valid: {type(error).__name__}")) from None
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        by = claims.get("azp", self.OIDC_RP_CLIENT_ID if len(audience) == 1 else None)
        if by != self.OIDC_RP_CLIENT_ID:
            raise Refused(Why.UNTRUSTED, english("the token was made for another application"))
        if made_at < time.time() - OLDEST_SECONDS - LEEWAY_SECONDS:
            raise Refused(Why.UNTRUSTED, english("the token is too old"))
        return claims

    def get_userinfo(self, access_token: str, id_token: str, payload: Claims) -> Claims:
        """Return what the provider tells beside the token, of the same person."""
        answer = request_json(self.OIDC_OP_USER_ENDPOINT, auth=Bearer(access_token))
        if answer.status != HTTPStatus.OK:
            raise Unreachable(english(f"it answers {answer.status} to who somebody is"))
        if answer.body.get("sub") != payload["sub"]:
            raise Refused(Why.UNTRUSTED, english("the provider tells of somebody else than the token"))
        return answer.body

    def get_or_create_user(self, access_token: str, id_token: str, payload: Claims) -> Told:
        """Return what is told in the place of an account."""
        return told_by(
            payload,
            more=lambda: self.get_userinfo(access_token, id_token, payload) if self.OIDC_OP_USER_ENDPOINT else {},
            # It is kept as long as somebody is logged in, where the provider wants it for the logout.
            hint=id_token if provider().end_session_endpoint else "",
        )


def extra_parameters(*, again: bool) -> dict[str, str]:
    """Return what a login asks for besides: a second factor, and that somebody logs in anew."""
    asked = {"acr_values": " ".join(settings.OIDC_REQUIRED_ACR)} if settings.OIDC_REQUIRED_ACR else {}
    return {**asked, "prompt": "login", "max_age": "0"} if again else asked
