"""Send the digests, with the night or at the hour that a person chose, and the summaries of a week.

Each goes by the protocol of ``mail.outbox``: a message is claimed by a row that is unique for its kind, its recipient
and its day. Where the mail server is down, the row says so, and the next run sends what has happened since the last
digest that was recorded as sent.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import ParamSpec

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import override

from analytics.alerts import recipients
from analytics.clock import alert_moment
from analytics.digests.digest import LastTold, compose_digest
from analytics.digests.weekly import compose_weekly
from analytics.mail import channels, message, outbox
from analytics.mail.compose import RenderedEmail, language_of, staff_name
from analytics.mail.post import SmtpSession
from analytics.models import Digest, PortfolioDay, Preferences
from analytics.outreach.draft import sender_name
from analytics.wording import one_line
from customers.audit import trail
from customers.jobs.lock import JobLock
from customers.text.say import english

P = ParamSpec("P")
Kind = Digest.Kind
State = Digest.State


@dataclass
class Delivery:
    """What became of the messages: how many were sent, what failed, and who was passed over, each with the reason."""

    sent: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


_HOURLY_RUNS_LATELY = timedelta(hours=3)
"""So long ago at most, and the runs of every hour are still believed to come."""


def send_digests(lock: JobLock, *, at_their_hour: bool = False) -> Delivery:
    """Send to everybody what they are to be told now; the caller holds ``lock``, that of ``alerts``.

    People in the order of their logins, then the channels of ``ALERT_URLS``. Those who chose an hour are told from
    that hour of their day on; ``at_their_hour`` leaves out all others, who are told with the night.
    """
    run = DigestRun(lock)
    if at_their_hour:
        Preferences.objects.exclude(digest_hour=None).update(digest_checked_at=timezone.now())
    if message.is_on():
        with closing(run.session):
            run.people(at_their_hour=at_their_hour)
    for url in () if at_their_hour else settings.ALERT_URLS:
        run.channel(url)
    return run.delivery


@dataclass(frozen=True)
class _Recipient:
    """Whom a digest is for: a person, or a channel by its fingerprint; and what it is called."""

    name: str
    user: User | None = None
    channel: str = ""

    def digests(self, kind: str) -> QuerySet[Digest]:
        """Return all digests of a kind that were claimed for it."""
        return Digest.objects.filter(kind=kind, recipient=self.user, channel=self.channel)

    def was_told_since(self, kind: str, digest: Digest) -> bool:
        """Return whether others were claimed after a digest of today, which a clock that was ahead has dated."""
        return self.digests(kind).filter(claimed_at__gt=digest.claimed_at).exists()


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

    def people(self, *, at_their_hour: bool) -> None:
        manager_keys = set(recipients.managers().values_list("pk", flat=True))
        people = User.objects.filter(pk__in=manager_keys) | recipients.owners()
        told = set(recipients.may_be_told().values_list("pk", flat=True))
        last = _last_told("recipient", self.today)
        told_weekly = set(
            Digest.objects.filter(kind=Kind.WEEKLY, state=State.SENT, as_of=self.as_of).values_list(
                "recipient", flat=True
            )
        )
        for person in people.distinct().select_related("preferences").order_by("username"):
            manager, preferences = person.pk in manager_keys, Preferences.of(person)
            if at_their_hour and preferences.digest_hour is None:
                continue
            if not self._reachable(person, may_be_told=person.pk in told):
                continue
            today = self._due_day(preferences, at_their_hour=at_their_hour)
            if today is None:
                continue
            mine = recipients.alerts_for(person, manager=manager)
            digest = partial(
                _speaking,
                language_of(person),
                compose_digest,
                mine,
                last.get(person.pk),
                self.as_of,
                today,
                greeting=sender_name(person),
                person=person.pk,
            )
            if not _was_told_today(preferences):
                self._send_to(person, Kind.ALERTS, today, digest)
            if manager and self.portfolio and person.pk not in told_weekly:
                language, name = language_of(person), sender_name(person)
                weekly = partial(_speaking, language, compose_weekly, self.portfolio, greeting=name)
                self._send_to(person, Kind.WEEKLY, self.monday, weekly)

    def _due_day(self, preferences: Preferences, *, at_their_hour: bool) -> date | None:
        """Return the day of the digest that a person is due now; None before the hour that they chose.

        Where ``send_digests`` does not run every hour, the night tells everybody.
        """
        checked = preferences.digest_checked_at
        is_hourly = at_their_hour or (checked is not None and abs(timezone.now() - checked) < _HOURLY_RUNS_LATELY)
        if preferences.digest_hour is None or not is_hourly:
            return self.today
        local = timezone.localtime(timezone=preferences.zone)
        return local.date() if local.hour >= preferences.digest_hour else None

    def channel(self, url: str) -> None:
        to = _Recipient(channels.label(url), channel=channels.fingerprint(url))
        last = _last_told("channel", self.today).get(to.channel)
        told = (recipients.manager_alerts(), last, self.as_of, self.today)
        digest = partial(_speaking, override(settings.OFFERED_LANGUAGES[0]), compose_digest, *told)

        def send(email: RenderedEmail, _digest: Digest) -> None:
            channels.notify(url, email.subject, email.text)

        self._deliver(to, Kind.ALERTS, self.today, digest, send)

    def _reachable(self, person: User, *, may_be_told: bool) -> bool:
        if may_be_told and person.email:
            return True
        if not (person.is_active and person.is_staff):
            why = english("the account is not active, managers are told instead")
        elif not may_be_told:
            why = english("may not see alerts, managers are told instead")
        else:
            why = english("no email address")
        self.delivery.skipped.append(f"{staff_name(person)}: {why}")
        return False

    def _send_to(self, person: User, kind: str, day: date, render: Callable[[], RenderedEmail | None]) -> None:
        def send(email: RenderedEmail, digest: Digest) -> None:
            self.session.send(email.addressed(person.email, f"digest-{digest.pk}"))

        self._deliver(_Recipient(staff_name(person), user=person), kind, day, render, send)

    def _deliver(
        self,
        to: _Recipient,
        kind: str,
        day: date,
        render: Callable[[], RenderedEmail | None],
        send: Callable[[RenderedEmail, Digest], None],
    ) -> None:
        """Render, claim, send, record; a failure is recorded too, for the next run to try again."""
        known = to.digests(kind).filter(day=day).first()
        if known and known.state == State.SENT and not to.was_told_since(kind, known):
            return
        email = render()
        if email is None:
            return
        self.lock.renew()
        new = Digest(kind=kind, day=day, recipient=to.user, channel=to.channel)
        digest = claim_digest(known or new, email, self.as_of)
        if digest is None:
            return
        outcome = outbox.deliver(
            digest,
            lambda: send(email, digest),
            audit=lambda: trail.record(trail.Action.MAIL, digest, detail=f"to {to.user or to.name}"),
        )
        if outcome.result == outbox.Result.SENT:
            self.delivery.sent += 1
        else:
            self.delivery.failed.append(f"{to.name}: {outcome.reason}")


def _speaking(
    language: override, compose: Callable[P, RenderedEmail | None], *args: P.args, **kwargs: P.kwargs
) -> RenderedEmail | None:
    """Compose a mail in its receiver's language."""
    with language:
        return compose(*args, **kwargs)


def _was_told_today(preferences: Preferences) -> bool:
    """Return whether somebody who chose an hour had a digest on their day, by whatever hour or zone it was sent."""
    if preferences.digest_hour is None:
        return False
    now = timezone.localtime(timezone=preferences.zone)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    sent = Digest.objects.filter(kind=Kind.ALERTS, state=State.SENT, recipient=preferences.user_id)
    return sent.filter(sent_at__range=(midnight, now)).exists()


def claim_digest(digest: Digest, email: RenderedEmail, as_of: date | None) -> Digest | None:
    """Make a digest, new or known, this run's own before it is sent; None where another run was quicker.

    One that was claimed and neither sent nor failed is of a process that has died: this run holds its lock.
    """
    moment, subject = alert_moment(), one_line(email.subject, 200)
    if digest.pk is None:
        digest.as_of, digest.subject, digest.text, digest.claimed_at = as_of, subject, email.text, moment
        return digest if outbox.add(digest) else None
    if not outbox.claim(digest, moment, as_of=as_of, subject=subject, text=email.text):
        return None
    digest.refresh_from_db()
    return digest


def _last_told(target: str, today: date) -> dict[int | str, LastTold]:
    """Return each recipient's newest digest that was sent: what was raised after it was claimed is news.

    A mail that a wrong clock dates to today or later was sent on an earlier day, yesterday at the latest.
    """
    sent = Digest.objects.filter(kind=Kind.ALERTS, state=State.SENT).order_by("claimed_at")
    return {
        recipient: LastTold(
            claimed_at, min(timezone.localtime(sent_at or claimed_at).date(), today - timedelta(days=1))
        )
        for recipient, claimed_at, sent_at in sent.values_list(target, "claimed_at", "sent_at")
    }
