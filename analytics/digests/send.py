"""Send the digests of a night and the summaries of a week, each by the protocol of ``mail.outbox``.

A message is claimed by a row that is unique for its kind, its recipient and its day. Where the mail server is down,
the row says so, and the next run sends what has happened since the last digest that was recorded as sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from analytics.alerts import recipients
from analytics.clock import alert_moment
from analytics.digests.digest import LastTold, compose_digest
from analytics.digests.weekly import compose_weekly
from analytics.mail import channels, message, outbox
from analytics.mail.compose import RenderedEmail, staff_name
from analytics.mail.post import SmtpSession
from analytics.models import Digest, PortfolioDay
from analytics.outreach.draft import sender_name
from analytics.wording import one_line
from customers.audit import trail
from customers.jobs.lock import JobLock

Kind = Digest.Kind
State = Digest.State


@dataclass
class Delivery:
    """What became of the messages: how many were sent, what failed, and who was passed over, each with the reason."""

    sent: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def send_digests(lock: JobLock) -> Delivery:
    """Send to everybody what they are to be told today; the caller holds ``lock``, that of ``alerts``.

    People in the order of their logins, then the channels of ``ALERT_URLS``.
    """
    run = DigestRun(lock)
    if message.is_on():
        try:
            run.people()
        finally:
            run.session.close()
    for url in settings.ALERT_URLS:
        run.channel(url)
    return run.delivery


class DigestRun:
    """One run's deliveries."""

    def __init__(self, lock: JobLock) -> None:
        self.lock = lock
        self.today = timezone.localdate()
        self.monday = self.today - timedelta(days=self.today.weekday())
        self.portfolio: PortfolioDay | None = PortfolioDay.objects.newest()
        self.as_of = self.portfolio.date if self.portfolio else None
        self.delivery = Delivery()
        self.session = SmtpSession()

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
            mine = recipients.alerts_for(person, manager=manager)
            whose = {"greeting": sender_name(person), "person": person.pk}
            digest = partial(compose_digest, mine, last.get(person.pk), self.as_of, self.today, **whose)
            self._send_to(person, Kind.ALERTS, self.today, digest)
            if manager and self.portfolio and person.pk not in told_weekly:
                weekly = partial(compose_weekly, self.portfolio, greeting=sender_name(person))
                self._send_to(person, Kind.WEEKLY, self.monday, weekly)

    def channel(self, url: str) -> None:
        target = {"channel": channels.fingerprint(url)}
        last = _last_told("channel", self.today).get(target["channel"])
        digest = partial(compose_digest, recipients.manager_alerts(), last, self.as_of, self.today)

        def send(email: RenderedEmail, _digest: Digest) -> None:
            channels.notify(url, email.subject, email.text)

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
        self.delivery.skipped.append(f"{staff_name(person)}: {why}")
        return False

    def _send_to(self, person: User, kind: str, day: date, rendering: Callable[[], RenderedEmail | None]) -> None:
        def send(email: RenderedEmail, digest: Digest) -> None:
            self.session.send(email.addressed(person.email, f"digest-{digest.pk}"))

        self._deliver({"recipient": person}, kind, day, rendering, send, staff_name(person))

    def _deliver(
        self,
        target: dict[str, Any],
        kind: str,
        day: date,
        rendering: Callable[[], RenderedEmail | None],
        send: Callable[[RenderedEmail, Digest], None],
        name: str,
    ) -> None:
        """Render, claim, send, record; a failure is recorded too, for the next run to try again."""
        known = Digest.objects.filter(kind=kind, day=day, **target).first()
        if known and known.state == State.SENT and not _is_of_a_wrong_clock(known, kind, target):
            return
        email = rendering()
        if email is None:
            return
        self.lock.renew()
        digest = claim_digest(known, email, kind=kind, day=day, as_of=self.as_of, **target)
        if digest is None:
            return
        outcome = outbox.deliver(
            digest,
            lambda: send(email, digest),
            audit=lambda: trail.record(trail.Action.MAIL, digest, detail=f"to {target.get('recipient') or name}"),
        )
        if outcome.result == outbox.Result.SENT:
            self.delivery.sent += 1
        else:
            self.delivery.failed.append(f"{name}: {outcome.reason}")


def claim_digest(known: Digest | None, email: RenderedEmail, **values: Any) -> Digest | None:
    """Return the row that makes a digest this run's own, before it is sent; None where another run was quicker.

    One that was claimed and neither sent nor failed is of a process that has died: this run holds its lock.
    """
    content = {"as_of": values.get("as_of"), "subject": one_line(email.subject, 200), "text": email.text}
    if known is None:
        digest = Digest(**{**values, **content}, claimed_at=alert_moment())
        return digest if outbox.add(digest) else None
    if not outbox.claim(known, alert_moment(), **content):
        return None
    known.refresh_from_db()
    return known


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
