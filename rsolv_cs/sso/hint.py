"""The provider's token that its logout wants back: kept with the session, readable by this server alone.

It opens nothing, here or there; it says who somebody is, which no copy of the database needs to say.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

_KEY = "provider_hint"
_SALT = "rsolv_cs.sso.hint"
MOST_LETTERS = 8_000
"""A longer one would not fit into an address."""


def keep_hint(request: HttpRequest, token: str) -> None:
    """Keep a token until the logout, in the place of any of before."""
    request.session.pop(_KEY, None)
    if 0 < len(token) <= MOST_LETTERS:
        request.session[_KEY] = _box().encrypt(token.encode()).decode()


def hint_of(request: HttpRequest) -> str:
    """Return the token of a session; '' where it has none, or another ``SECRET_KEY`` closed it."""
    try:
        return _box().decrypt(request.session.get(_KEY, "").encode()).decode()
    except InvalidToken:
        return ""


def _box() -> Fernet:
    key = salted_hmac(_SALT, "key", algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))
