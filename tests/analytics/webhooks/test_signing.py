"""Signatures, which the library of the standard verifies, and the secrets that nobody finds in the database."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from analytics.webhooks import signing

BODY = '{"type":"run.finished","data":{"id":"evt_1","organization":"Müller & Söhne"}}'.encode()
UID = "evt_2a3b"


def made() -> str:
    """A new secret."""
    return signing.secret_of(signing.new_seed())


def headers_of(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    """The headers of a body that is sent now."""
    return signing.signed_headers(UID, int(time.time()), body, secrets)


def test_signature_is_that_of_the_standards_own_example() -> None:
    """https://github.com/standard-webhooks/standard-webhooks: the example that all its libraries are tested with."""
    headers = signing.signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_library_verifies_what_is_signed() -> None:
    secret = made()
    assert Webhook(secret).verify(BODY, headers_of(secret)) == {
        "type": "run.finished",
        "data": {"id": "evt_1", "organization": "Müller & Söhne"},
    }


def test_old_and_new_secret_both_verify_during_a_rotation() -> None:
    old, new = made(), made()
    headers = headers_of(new, old)
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made()).verify(BODY, headers)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_a_changed_byte_is_found(place: int, by: int) -> None:
    secret = made()
    changed = bytearray(BODY)
    changed[place] ^= by
    with pytest.raises((WebhookVerificationError, UnicodeDecodeError)):
        Webhook(secret).verify(bytes(changed), headers_of(secret))
    with pytest.raises(signing.NotVerified):
        signing.verify(secret, headers_of(secret), bytes(changed))


def test_a_changed_id_or_time_is_found() -> None:
    secret = made()
    headers = headers_of(secret)
    signing.verify(secret, headers, BODY)
    for changed in ({signing.ID: "evt_other"}, {signing.TIMESTAMP: str(int(headers[signing.TIMESTAMP]) + 1)}):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(BODY, {**headers, **changed})


def test_a_secret_has_32_bytes_and_no_two_are_alike() -> None:
    secrets = {made() for _ in range(50)}
    assert len(secrets) == 50
    assert {len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in secrets} == {32}


def test_what_is_stored_does_not_give_the_secret_away(settings: Settings) -> None:
    kept = signing.new_seed()
    secret = signing.secret_of(kept)
    assert signing.secret_of(kept) == secret
    settings.SECRET_KEY = "another key, such as whoever has a backup would have to guess"
    with pytest.raises(signing.SecretLost):
        signing.secret_of(kept)


@pytest.mark.parametrize(
    ("given_secret", "words"),
    [
        ("", "begins with whsec_"),
        ("sk_live_123", "begins with whsec_"),
        ("whsec_", "not complete"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "not complete"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!w", "other characters"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "not complete"),
    ],
)
def test_what_is_no_secret_is_named(given_secret: str, words: str) -> None:
    with pytest.raises(signing.NotVerified, match=words):
        signing.verify(given_secret, headers_of(made()), BODY)
