"""Send the digests of a night and the summaries of a week: each is claimed first, then sent, then recorded.

A message is claimed by a row that is unique for its kind, its recipient and its day, so that two runs never send the
same one. Where a process is killed between sending and recording, nobody can know whether the mail has left: the next
run sends it again, under the same Message-ID. So a kill repeats at most one mail. Where the mail server is down, the
row says so, and the next run sends what has happened since the last digest that was recorded as sent.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import IntegrityError, transaction
from django.utils import timezone

from analytics.alerts import recipients
from analytics.clock import alert_moment
from analytics.digests.digest import Composed, LastTold, compose
from analytics.digests.weekly import compose_weekly
from analytics.mail import channels, message
from analytics.mail.channels import NotDelivered
from analytics.models import Digest, PortfolioDay
from analytics.outreach.letter import sender_name
from analytics.wording import one_line
from customers.audit import trail
from customers.core.people import name_of
from customers.jobs.lock import JobLock

Kind = Digest.Kind
State = Digest.State
LONGEST_NAME = 60


@dataclass
class Delivery:
    """What became of the messages: how many were sent, what failed, and who was passed over, each with the reason."""

    sent: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def deliver(lock: JobLock) -> Delivery:
    """Send to everybody what they are to be told today; the caller holds ``lock``, that of ``alerts``.

    People in the order of their logins, then the channels of ``ALERT_URLS``.
    """
    night = _Night(lock)
    if message.is_on():
        try:
            night.people()
        finally:
            night.post.close()
    for url in settings.ALERT_URLS:
        night.channel(url)
    return night.delivery


class _Night:
    """One run's deliveries."""

    def __init__(self, lock: JobLock) -> None:
        self.lock = lock
        self.today = timezone.localdate()
        self.monday = self.today - timedelta(days=self.today.weekday())
        self.portfolio: PortfolioDay | None = PortfolioDay.objects.newest()
        self.as_of = self.portfolio.date if self.portfolio else None
        self.delivery = Delivery()
        self.post = Post()

    def people(self) -> None:
        manager_keys = set(recipients.managers().values_list("pk", flat=True))
        people = User.objects.filter(pk__in=manager_keys) | recipients.owners()
        told = set(recipients.may_be_told().values_list("pk", flat=True))
        last = _last_told("recipient", self.today)
        told_weekly = set(
            Digest.objects.filter(kind=Kind.WEEKLY, state=State.SENT, as_of=self.as_of).values_list(
                "recipient", flat=True
            )
        )
        for person in people.distinct().order_by("username"):
            manager = person.pk in manager_keys
            if not self._reachable(person, may_be_told=person.pk in told):
                continue
            addressed = recipients.addressed_to(person, manager=manager)
            whose = {"greeting": sender_name(person), "person": person.pk}
            digest = partial(compose, addressed, last.get(person.pk), self.as_of, self.today, **whose)
            self._send_to(person, Kind.ALERTS, self.today, digest)
            if manager and self.portfolio and person.pk not in told_weekly:
                weekly = partial(compose_weekly, self.portfolio, greeting=sender_name(person))
                self._send_to(person, Kind.WEEKLY, self.monday, weekly)

    def channel(self, url: str) -> None:
        target = {"channel": channels.fingerprint(url)}
        last = _last_told("channel", self.today).get(target["channel"])
        digest = partial(compose, recipients.for_managers(), last, self.as_of, self.today)

        def send(composed: Composed, _digest: Digest) -> None:
            channels.notify(url, composed.subject, composed.text)

        self._deliver(target, Kind.ALERTS, self.today, digest, send, channels.label(url))

    def _reachable(self, person: User, *, may_be_told: bool) -> bool:
        if may_be_told and person.email:
            return True
        if not (person.is_active and person.is_staff):
            why = "the account is not active, managers are told instead"
        elif not may_be_told:
            why = "may not see alerts, managers are told instead"
        else:
            why = "no e-mail address"
        self.delivery.skipped.append(f"{_name(person)}: {why}")
        return False

    def _send_to(self, person: User, kind: str, day: date, composing: Callable[[], Composed | None]) -> None:
        def send(composed: Composed, digest: Digest) -> None:
            self.post.send(person.email, composed, f"digest-{digest.pk}")

        self._deliver({"recipient": person}, kind, day, composing, send, _name(person))

    def _deliver(
        self,
        target: dict[str, Any],
        kind: str,
        day: date,
        composing: Callable[[], Composed | None],
        send: Callable[[Composed, Digest], None],
        name: str,
    ) -> None:
        """Compose, claim, send, record; a failure is recorded too, for the next run to try again."""
        known = Digest.objects.filter(kind=kind, day=day, **target).first()
        if known and known.state == State.SENT and not _is_of_a_wrong_clock(known, kind, target):
            return
        composed = composing()
        if composed is None:
            return
        self.lock.renew()
        digest = claim(known, composed, kind=kind, day=day, as_of=self.as_of, **target)
        if digest is None:
            return
        try:
            send(composed, digest)
        except (NotDelivered, *message.FAILURES) as error:
            reason = one_line(str(error), 300) or type(error).__name__
            record(digest, State.FAILED, reason)
            self.delivery.failed.append(f"{name}: {reason}")
        else:
            with transaction.atomic():
                record(digest, State.SENT)
                trail.record(trail.Action.MAIL, digest, detail=f"to {target.get('recipient') or name}")
            self.delivery.sent += 1


class Post:
    """The mail server, asked when the first mail is ready; once it is down, it is not asked again."""

    def __init__(self) -> None:
        self.connection: BaseEmailBackend | None = None
        self.down: OSError | None = None

    def send(self, to: str, composed: Composed, name: str, attachment: message.Attachment | None = None) -> None:
        """Send one mail; raises one of ``mail.FAILURES``. ``name`` makes its ``mail.message_id``."""
        if self.down:
            raise self.down
        if self.connection is None:
            connection = get_connection()
            try:
                connection.open()
            except OSError as error:  # SMTPException is one.
                self.down = error
                raise
            self.connection = connection
        try:
            parts = (composed.subject, composed.text, composed.html)
            message.send(self.connection, to, *parts, name=name, attachment=attachment)
        except message.FAILURES:
            # Whatever it was, the next mail begins anew.
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        if self.connection is not None:
            with suppress(*message.FAILURES):
                self.connection.close()
            self.connection = None


def claim(known: Digest | None, composed: Composed, **values: Any) -> Digest | None:
    """The row that makes a message ours, before it is sent; None where another run was quicker.

    One that was claimed and neither sent nor failed is of a process that has died: we hold its lock.
    """
    content = {
        "state": State.CLAIMED,
        "claimed_at": alert_moment(),
        "as_of": values.get("as_of"),
        "subject": one_line(composed.subject, 200),
        "text": composed.text,
        "error": "",
    }
    if known:
        unchanged = Digest.objects.filter(pk=known.pk, state=known.state, claimed_at=known.claimed_at)
        return Digest.objects.get(pk=known.pk) if unchanged.update(**content) else None
    try:
        with transaction.atomic():
            return Digest.objects.create(**{**values, **content})
    except IntegrityError:
        return None


def record(digest: Digest, state: str, error: str = "") -> None:
    """Store what became of a claimed message."""
    sent_at = timezone.now() if state == State.SENT else None
    Digest.objects.filter(pk=digest.pk).update(state=state, sent_at=sent_at, error=error)


def _is_of_a_wrong_clock(known: Digest, kind: str, target: dict[str, Any]) -> bool:
    """Whether a message of today was sent earlier, when the clock was ahead: others have been sent since."""
    return Digest.objects.filter(kind=kind, claimed_at__gt=known.claimed_at, **target).exists()


def _last_told(target: str, today: date) -> dict[Any, LastTold]:
    """Each recipient's newest digest that was sent: what was raised after it was claimed is news.

    A mail that a wrong clock dates to today or later was sent on an earlier day, yesterday at the latest.
    """
    sent = Digest.objects.filter(kind=Kind.ALERTS, state=State.SENT).order_by("claimed_at")
    return {
        recipient: LastTold(
            claimed_at, min(timezone.localtime(sent_at or claimed_at).date(), today - timedelta(days=1))
        )
        for recipient, claimed_at, sent_at in sent.values_list(target, "claimed_at", "sent_at")
    }


def _name(person: User) -> str:
    return one_line(name_of(person), LONGEST_NAME)
