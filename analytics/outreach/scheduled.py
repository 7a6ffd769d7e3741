"""Emails that wait for their time: listed, canceled, and sent once it has come.

What an author has scheduled is looked at anew before it goes, since much may have happened meanwhile. What may not go
any more has failed, with the reason, and is left to a person. It is claimed and sent by the protocol of
``mail.outbox``, so that no email goes twice.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.contrib.auth.models import User
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from analytics.mail import outbox
from analytics.mail.message import FAILURES
from analytics.mail.post import SmtpSession
from analytics.models import Message
from analytics.models.contact import STUCK_AFTER
from analytics.outreach import sending
from analytics.wording import one_line
from customers.audit import trail
from customers.clock import working_day
from customers.models import Customer
from customers.text import written
from customers.text.say import english, in_english

State = Message.State
FARTHEST = timedelta(days=90)
"""Nobody schedules an email for later: too much changes until then."""
TOO_LATE = timedelta(days=1)
"""What could not go so long after its time is no longer what its author meant."""
MORNING, EVENING = time(9), time(17)


def next_morning() -> datetime:
    """Return nine o'clock of the next working day, in the time zone of the page."""
    return _morning(working_day(timezone.localdate() + timedelta(days=1)))


def next_office_hour() -> datetime:
    """Return now, if it is during the day and no weekend; else nine o'clock of the next working day."""
    now = timezone.localtime()
    today = working_day(now.date())
    if today > now.date() or now.time() < MORNING:
        return _morning(today)
    return now if now.time() < EVENING else _morning(working_day(today + timedelta(days=1)))


def _morning(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, MORNING))


def scheduled_for(customer: Customer) -> list[Message]:
    """Return the emails that wait for a customer, the next one first; no query where it is known to have none."""
    if not getattr(customer, "has_scheduled", True):
        return []
    waiting = Message.objects.filter(customer=customer, state=State.SCHEDULED)
    return list(waiting.select_related("sender").defer("body").order_by("send_at", "pk"))


def cancel(message: Message, by: User) -> bool:
    """Cancel an email that waits; False where it has gone, or was canceled already."""
    return cancel_waiting(Message.objects.filter(pk=message.pk), english(f"Canceled by {by.get_username()}.")) == 1


def cancel_waiting(messages: QuerySet[Message], why: str) -> int:
    """Cancel those of some emails that wait, with the reason; return how many."""
    return _settle(messages.filter(state=State.SCHEDULED), State.CANCELED, why)


@dataclass
class ScheduledRun:
    """What a run did: how many emails were ``sent`` or ``not_sent``, and how many are left to the ``later`` runs.

    ``down`` says why the mail server cannot be reached; '' where it can.
    """

    sent: int = 0
    not_sent: int = 0
    later: int = 0
    down: str = ""


def send_scheduled(renew: Callable[[], None], tell: Callable[[Message], None]) -> ScheduledRun:
    """Send the emails whose time has come: ``renew`` is called before each, ``tell`` after each that is not sent.

    Where the mail server cannot be reached, they wait for the next run, until it is too late for them.
    """
    run, now = ScheduledRun(), timezone.now()
    for unsure in _cut_short():
        run.not_sent += 1
        tell(unsure)
    due = Message.objects.filter(state=State.SCHEDULED, send_at__lte=now).order_by("send_at", "pk")
    with closing(SmtpSession()) as session:
        for pk, send_at in list(due.values_list("pk", "send_at")):
            renew()
            try:
                # Before it is claimed, and outside a transaction: a server that is down takes its time to say so.
                if send_at and send_at >= now - TOO_LATE:
                    session.connect()
                message = _claimed(pk)
            except OperationalError:
                # An import holds the customer: the next run is a few minutes away.
                run.later += 1
            except FAILURES as error:
                run.later += 1
                run.down = one_line(str(error), outbox.MAX_REASON_LENGTH) or type(error).__name__
            else:
                if message and _was_sent(session, message):
                    run.sent += 1
                elif message:
                    run.not_sent += 1
                    message.refresh_from_db()
                    tell(message)
    return run


def _cut_short() -> list[Message]:
    """Return the emails of which nobody knows whether a run that was killed has sent them; each once."""
    claimed = Message.objects.filter(state=State.SENDING, error="").exclude(send_at=None)
    stuck = list(claimed.filter(attempted_at__lt=timezone.now() - STUCK_AFTER).values_list("pk", flat=True))
    words = english("The run that sent it ended before it was recorded.")
    trail.update_rows(claimed.filter(pk__in=stuck), trail.Action.MAIL, detail="", error=words)
    return list(Message.objects.filter(pk__in=stuck, error=words))


def _claimed(pk: int) -> Message | None:
    """Return an email as this run's own, or as failed where it may not go; None where somebody was quicker."""
    with transaction.atomic():
        waiting = Message.objects.select_related("customer", "sender").filter(pk=pk, state=State.SCHEDULED)
        if before := waiting.first():
            sending.lock(before.customer)
        # Read again: whoever had the lock may have sent, canceled or erased it.
        message = waiting.first()
        if message is None:
            return None
        if reason := _why_not(message):
            _settle(waiting, State.FAILED, reason)
            message.refresh_from_db()
            return message
        return message if outbox.claim(message, timezone.now()) else None


def _was_sent(session: SmtpSession, message: Message) -> bool:
    return message.state != State.FAILED and sending.deliver_message(session, message).result == outbox.Result.SENT


def _why_not(message: Message) -> str:
    """Return why a scheduled email may not go any more, in English, since it is stored; '' where it may."""
    now, author = timezone.now(), message.sender
    if message.send_at is None or message.send_at < now - TOO_LATE:
        return english("It could not go within a day of its time.")
    if author is None or not (author.is_active and author.is_staff and author.has_perm(sending.MAY_CONTACT)):
        return english("Its author may no longer write to customers.")
    with in_english():
        if reason := sending.may_send_again(message, author):
            return reason
        since = sending.mails_since(message.customer, message.created_at)
        other = next((one for one in since if one.sender_id != author.pk), None)
        if other is None:
            return ""
        day = written.day(other.attempted_at)
        return english(f"{other.author} wrote to them on {day}, after this was scheduled.")


def _settle(waiting: QuerySet[Message], state: str, words: str) -> int:
    """Store what became of emails that wait; return how many still did."""
    said: dict[str, object] = {"state": state, "error": words, "attempted_at": timezone.now()}
    return trail.update_rows(waiting, trail.Action.MAIL, detail="", **said)
