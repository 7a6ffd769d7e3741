"""Signatures as Standard Webhooks has them, and the secrets that they are made with.

The database keeps no secret, only the random seed that it is derived from with ``SECRET_KEY``. So neither a backup nor
whoever reads the database can sign. A fingerprint beside the seed tells when ``SECRET_KEY`` has become another one.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext

from customers.text.say import say

PREFIX = "whsec_"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
FEWEST_BYTES, MOST_BYTES = 24, 64
_SALT = "rsolv.webhook"
_SEED_BYTES = 16
_FINGERPRINT = 16


class SecretLost(Exception):
    """A secret cannot be derived any more: ``SECRET_KEY`` is another one."""


class NotVerified(Exception):
    """A signature is not that of the body, or the secret is none; the message says which."""


def new_seed() -> str:
    """Return what a new secret is derived from, with its fingerprint, as it is stored."""
    seed = secrets.token_hex(_SEED_BYTES)
    return f"{seed}.{_fingerprint(_derived(seed))}"


def secret_of(kept: str) -> str:
    """Return the secret of a stored seed as people copy it; raises ``SecretLost``."""
    seed, _dot, fingerprint = kept.partition(".")
    key = _derived(seed)
    if not hmac.compare_digest(_fingerprint(key), fingerprint):
        raise SecretLost(gettext("SECRET_KEY has been changed since the secret was made"))
    return PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """Return the bytes that a secret stands for; raises ``NotVerified`` where it is none."""
    given = secret.strip()
    if not given.startswith(PREFIX):
        raise NotVerified(say("A secret begins with {beginning}", beginning=PREFIX))
    try:
        key = base64.b64decode(given.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise NotVerified(gettext("The secret is not complete, or has other characters in it")) from None
    if not FEWEST_BYTES <= len(key) <= MOST_BYTES:
        raise NotVerified(gettext("The secret is not complete"))
    return key


def signed_headers(uid: str, moment: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """Return the three headers of a body, with a signature for each of the secrets."""
    signatures = " ".join(_signature(key_of(secret), uid, str(moment), body) for secret in keys)
    return {ID: uid, TIMESTAMP: str(moment), SIGNATURE: signatures}


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    """Check as a receiver does that a body was signed with a secret; raises ``NotVerified``."""
    expected = _signature(key_of(secret), headers[ID], headers[TIMESTAMP], body)
    given = headers[SIGNATURE].split(" ")
    if not any(hmac.compare_digest(one.encode(), expected.encode()) for one in given):
        raise NotVerified(gettext("The secret is not the one that this endpoint signs with"))


def _signature(key: bytes, uid: str, moment: str, body: bytes) -> str:
    signed = b".".join((uid.encode(), moment.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _derived(seed: str) -> bytes:
    return salted_hmac(_SALT, seed, algorithm="sha256").digest()


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:_FINGERPRINT]
