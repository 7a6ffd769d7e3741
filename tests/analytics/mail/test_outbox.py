"""The outbox: what each outcome of sending leaves in a row, and who may send it afterwards."""

from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPDataError, SMTPServerDisconnected

import pytest
from django.core import mail
from django.utils import timezone

from analytics.mail import outbox
from analytics.mail.channels import NotDelivered
from analytics.mail.outbox import Outcome, Result
from analytics.mail.post import SmtpSession, Unreachable
from analytics.models import Digest, Message
from customers.models import AuditEntry
from tests.factories import make_message

pytestmark = pytest.mark.django_db


def make_digest() -> Digest:
    now = timezone.now()
    return Digest.objects.create(kind="alerts", channel="c", day=now.date(), claimed_at=now)


def failing(error: Exception) -> Callable[[], None]:
    def send() -> None:
        raise error

    return send


@pytest.mark.parametrize(
    ("error", "result", "reason"),
    [
        (SMTPDataError(550, b"no"), Result.REFUSED, "(550, b'no')"),
        (ValueError("no address"), Result.REFUSED, "no address"),
        (NotDelivered("json channel failed"), Result.REFUSED, "json channel failed"),
        (Unreachable("no route"), Result.UNREACHABLE, "no route"),
        (TimeoutError(), Result.UNKNOWN, "TimeoutError"),
        (SMTPServerDisconnected("gone"), Result.UNKNOWN, "gone"),
    ],
)
def test_what_could_not_be_sent_is_recorded_with_its_reason(error: Exception, result: Result, reason: str) -> None:
    """A digest may be repeated, so that it has failed where nobody knows; a mail to a customer stays claimed there."""
    digest, message = make_digest(), make_message(state="sending")
    for entry, state in ((digest, "failed"), (message, "sending" if result == Result.UNKNOWN else "failed")):
        assert outbox.deliver(entry, failing(error)) == Outcome(result, reason)
        entry.refresh_from_db()
        assert (entry.state, entry.sent_at, entry.error) == (state, None, reason)


def test_what_was_sent_is_recorded_and_audited() -> None:
    digest, told = make_digest(), []
    assert outbox.deliver(digest, lambda: None, audit=lambda: told.append("audited"), subject="s").reason == ""
    digest.refresh_from_db()
    assert (digest.state, digest.error, digest.subject, told) == ("sent", "", "s", ["audited"])
    assert digest.sent_at is not None


def test_an_error_of_the_program_leaves_the_row_claimed() -> None:
    digest = make_digest()
    with pytest.raises(ZeroDivisionError):
        outbox.deliver(digest, failing(ZeroDivisionError()))
    digest.refresh_from_db()
    assert (digest.state, digest.sent_at) == ("claimed", None)


def test_a_row_is_claimed_by_who_read_it_as_it_is() -> None:
    made = make_message(state="failed")
    for _attempt in range(2):
        first, second = Message.objects.get(pk=made.pk), Message.objects.get(pk=made.pk)
        assert outbox.claim(first, timezone.now())
        assert not outbox.claim(second, timezone.now() + timedelta(seconds=1))
    assert Message.objects.get().state == "sending"


def test_only_a_mail_to_a_customer_has_each_state_audited() -> None:
    message, digest = make_message(state="failed"), make_digest()
    before = AuditEntry.objects.count()
    assert outbox.claim(message, timezone.now())
    assert AuditEntry.objects.count() == before + 1
    assert outbox.claim(digest, timezone.now())
    assert AuditEntry.objects.count() == before + 1


def test_a_row_is_added_once() -> None:
    made = make_digest()
    again = Digest(kind="alerts", channel="c", day=made.day, claimed_at=timezone.now())
    assert not outbox.add(again)
    assert Digest.objects.get() == made


def test_a_server_that_cannot_be_reached_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(_backend: object) -> None:
        asked.append(1)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.open", refuse, raising=False)
    session = SmtpSession()
    for _attempt in range(2):
        with pytest.raises(Unreachable, match="Connection refused"):
            session.send(mail.EmailMessage("s", "t", "a@x.example", ["b@x.example"]))
    assert (asked, mail.outbox) == ([1], [])
