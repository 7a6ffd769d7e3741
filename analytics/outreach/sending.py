"""Writing to customers: who may not be written to, and mails that are recorded, then sent once.

A message is stored under a one-time key that its preview was given, and sent by the protocol of ``mail.outbox``. Where
the server gave no answer, or the process ended before it was recorded, the message stays ``sending`` and is shown as
perhaps sent; only a person sends it again, under the same Message-ID.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from smtplib import SMTPRecipientsRefused, SMTPResponseException

from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from analytics.mail import outbox
from analytics.mail.message import is_on, mail_address, message_id
from analytics.mail.post import SmtpSession
from analytics.models import Contact, MailTemplate, Message, Task
from analytics.models.contact import STUCK_AFTER
from analytics.outreach.draft import EmailDraft, as_mail, from_line
from analytics.outreach.recipients import FEED, Recipient, colleagues, contacts_of, feed_address, recipients_at
from analytics.wording import one_line
from customers.audit import trail
from customers.core.sql import execute, is_postgres
from customers.imports.key_changes import closed_former
from customers.models import Customer, CustomerCare
from customers.text.addresses import mailbox
from customers.text.say import english, say, say_n

MAY_CONTACT = "analytics.contact_customer"
QUIET = timedelta(days=3)
"""Who was written to within this time is written to again only on confirmation."""
PREVIEW_LASTS = timedelta(days=1)
LOCK_MILLISECONDS = 5_000
_SALT = "analytics.contact"
State = Message.State


class NotSent(Exception):
    """Why a mail was not sent, in words for who wanted to send it."""


class WrittenRecently(NotSent):
    """It was not sent because the customer was written to a short time ago, and nobody has confirmed."""


def obstacles(customer: Customer, user: User) -> list[str]:
    """Return every reason why this user cannot write to this customer now."""
    closed = why_closed(customer)
    found = [closed] if closed else []
    if not has_contacts_alone(customer):
        found += _against(customer.email, customer.organization)
    found += _against(user.email)
    if not is_on():
        found.append(gettext("Email is switched off: an administrator turns it on with EMAIL_URL."))
    return found


def _against(address: str, customer: str = "") -> Iterator[str]:
    """Say why no email can go to the address of a customer, or come from the user's own."""
    try:
        mail_address(address)
    except ValueError as error:
        problem = str(error)
        if customer and address:
            yield say("The address of {customer}: {problem}.", customer=customer, problem=problem)
        elif customer:
            yield say("The address of {customer} is not known: ask an administrator to add it.", customer=customer)
        elif address:
            yield say("Your address: {problem}.", problem=problem)
        else:
            yield gettext("Your address is not known: ask an administrator to add it.")


def warnings(customer: Customer) -> list[str]:
    """Return what to think of before writing."""
    found = []
    if customer.status == Customer.Status.CHURNED:
        found.append(gettext("This customer's account has ended (churned)."))
    if customer.missing_since_id:
        found.append(gettext("This customer is missing from customers.csv: the address may be out of date."))
    if has_contacts_alone(customer):
        found.append(gettext("No email can go to the address in customers.csv: it goes to a contact."))
    return found


def has_contacts_alone(customer: Customer) -> bool:
    """Return whether emails can go to a contact, but not to the address of the feed; no query where that is one."""
    return not feed_address(customer) and addressees(customer)[0].key != FEED


def last_message(customer: Customer, besides: Message | None = None) -> Message | None:
    """Return the newest mail of the last three days to the customer, or to the same mailbox for another one.

    It was sent, or perhaps was, by anybody.
    """
    return next((one for one in mails_since(customer, timezone.now() - QUIET) if one != besides), None)


def mails_since(customer: Customer, moment: datetime) -> Iterator[Message]:
    """Yield the mails to a customer or to its mailbox that were sent, or perhaps were, since; the newest first."""
    recent = Message.objects.filter(state__in=[State.SENT, State.SENDING], attempted_at__gt=moment)
    theirs = mailbox(customer.email)
    newest_first = recent.select_related("sender", "customer").defer("body").order_by("-attempted_at", "-pk")
    return (one for one in newest_first if one.customer_id == customer.pk or mailbox(one.recipient) == theirs)


def closed_mailboxes() -> dict[str, dict[str, str]]:
    """Return by mailbox the customers marked “do not contact”: their names by id, in the order of the ids.

    Nobody writes to their contacts either. One query.
    """
    closed = CustomerCare.objects.filter(do_not_contact=True).order_by()
    at_feed = closed.values_list("pk", "customer__email", "customer__organization")
    people = Contact.objects.filter(customer__care__do_not_contact=True).order_by()
    at_contacts = people.values_list("customer_id", "email", "customer__organization")
    found: dict[str, dict[str, str]] = {}
    for key, email, name in sorted(at_feed.union(at_contacts)):
        found.setdefault(mailbox(email), {})[key] = name
    return found


def why_closed(
    customer: Customer, closed: dict[str, dict[str, str]] | None = None, *, has_former_key: bool = True
) -> str:
    """Return why nobody may write to a customer's address, in a sentence; '' where somebody may.

    Asked anew each time, since it may have been set meanwhile, unless ``closed_mailboxes()`` are given. A customer
    who looks like one that vanished is as closed as that one, unless it is known to have no former key.
    """
    names = (closed_mailboxes() if closed is None else closed).get(mailbox(customer.email), {})
    if not names:
        former = closed_former(customer) if has_former_key else None
        if former is None:
            return ""
        return say(
            "{customer} ({key}), who is missing from the feed, looks like the same customer,"
            " and is marked “do not contact”.",
            customer=former.organization,
            key=former.pk,
        )
    if customer.pk in names:
        return gettext("This customer is marked “do not contact”.")
    key, name = next(iter(names.items()))
    about = {"address": customer.email, "customer": name, "key": key}
    if len(names) == 1:
        return say("The address {address} also belongs to {customer} ({key}), marked “do not contact”.", **about)
    return say_n(
        "The address {address} also belongs to {customer} ({key}) and {number} more, marked “do not contact”.",
        "The address {address} also belongs to {customer} ({key}) and {number} more, marked “do not contact”.",
        len(names) - 1,
        **about,
    )


def draft_email(
    customer: Customer,
    author: User,
    subject: str,
    body: str,
    *,
    template: MailTemplate | None = None,
    task: Task | None = None,
    to: str = "",
    cc: Sequence[str] = (),
) -> EmailDraft:
    """Draft a mail from a member of staff to a customer; ``ValueError`` where one of the addresses is none.

    It goes to the address of the feed, unless it goes ``to`` another one of the customer.
    """
    recipient, reply_to = mail_address(to or customer.email), mail_address(author.email)
    copies = ", ".join(one for one in dict.fromkeys(map(mail_address, cc)) if one != recipient)
    return EmailDraft(customer, author, recipient, from_line(author), reply_to, subject, body, template, task, copies)


def customers_to_write() -> QuerySet[Customer]:
    """Return the customers with their care, and whether they have contacts and scheduled emails at all."""
    return with_mails(Customer.objects.select_related("care"))


def with_mails(customers: QuerySet[Customer]) -> QuerySet[Customer]:
    """Say of each customer whether it has contacts and scheduled emails at all, to ask for them only where it has."""
    scheduled = Message.objects.filter(state=State.SCHEDULED, customer=OuterRef("pk"))
    contacts = Contact.objects.filter(customer=OuterRef("pk"))
    return customers.annotate(has_contacts=Exists(contacts), has_scheduled=Exists(scheduled))


def addressees(customer: Customer) -> list[Recipient]:
    """Return whom an email to a customer may go to now, whom it goes to by default first."""
    contacts = contacts_of(customer)
    return recipients_at(customer, contacts, closed_mailboxes() if contacts else {})


def _goes_astray(customer: Customer, message: Message) -> bool:
    """Return whether an email would go to somebody who is not at the customer, or is not to be written to.

    Copies may go to colleagues, too.
    """
    others = {message.recipient, *message.copies} - {feed_address(customer)}
    if others:
        others -= {one.email for one in addressees(customer)}
    if others and message.recipient not in others:
        others -= {one.email for one in colleagues()}
    return bool(others)


def sign_preview(draft: EmailDraft) -> str:
    """Return a token for exactly this draft, which sends it once."""
    return signing.dumps({"key": uuid.uuid4().hex, "seal": draft.fingerprint}, salt=_SALT)


def verify_preview(token: str, draft: EmailDraft) -> str | None:
    """Return the one-time key of a token; None where it is not of this draft, or older than a day."""
    try:
        content = signing.loads(token, salt=_SALT, max_age=PREVIEW_LASTS)
    except signing.BadSignature:
        return None
    return content["key"] if content["seal"] == draft.fingerprint else None


def already_claimed(token: str) -> Message | None:
    """Return the message that was recorded under a token's key, if any."""
    try:
        key = signing.loads(token, salt=_SALT)["key"]
    except signing.BadSignature:
        return None
    return Message.objects.filter(message_id=message_id(key)).first()


def claim_draft(
    draft: EmailDraft, key: str, *, confirmed: bool, send_at: datetime | None = None
) -> tuple[Message, bool]:
    """Record a draft as being sent, or for the time ``send_at``; ``NotSent`` says why it may not be.

    Return whether it is this call that has recorded it: who gets True for one without a time sends it.
    """
    with transaction.atomic():
        lock(draft.customer)
        found = Message.objects.filter(message_id=message_id(key)).first()
        if found:
            return found, False
        _check(draft.customer, confirmed=confirmed)
        state = State.SCHEDULED if send_at else State.SENDING
        message = Message(**draft.fields, message_id=message_id(key), state=state, send_at=send_at)
        if _goes_astray(draft.customer, message):
            raise NotSent(
                gettext("It was not sent. One of its addresses is no longer the customer's, or is closed to emails.")
            )
        message.save(force_insert=True)
        to = ", ".join([message.recipient, *message.copies])
        said = english(f"to {to}, template: {message.template or '–'}")
        if send_at:
            when = send_at.strftime("%-d %b %Y, %H:%M %Z")
            said = english(f"{said}, scheduled for {when}")
        trail.record(trail.Action.MAIL, message, detail=said)
        return message, True


def may_send_again(message: Message, user: User) -> str:
    """Return why this user cannot send a message again as it is; '' where nothing is against it."""
    if message.state == State.SENT:
        return gettext("It is sent.")
    if message.state == State.CANCELED:
        return gettext("It is canceled.")
    if message.state == State.SENDING and not message.delivery_unknown:
        return gettext("It is being sent at this moment.")
    if message.sender_id != user.pk:
        return gettext("Only who wrote it can send it as it is.")
    reasons = obstacles(message.customer, user)
    if reasons:
        return " ".join(reasons)
    if _goes_astray(message.customer, message) or mail_address(user.email) != message.reply_to:
        return gettext("An address has changed since it was written.")
    return ""


def claim_again(message: Message, user: User, *, confirmed: bool) -> bool:
    """Record that a message is sent again; false where somebody was quicker, ``NotSent`` where it may not be."""
    with transaction.atomic():
        lock(message.customer)
        reason = may_send_again(message, user)
        if reason:
            raise NotSent(reason)
        _check(message.customer, confirmed=confirmed, besides=message)
        return outbox.claim(message, timezone.now())


def send_message(message: Message) -> None:
    """Ask the mail server to take a claimed message, and record the outcome; no error of the server is raised."""
    send_messages([message])


def send_messages(claimed: Iterable[Message]) -> None:
    """Send claimed messages one after the other by one connection; a server that is down is not asked again."""
    with closing(SmtpSession()) as session:
        for message in claimed:
            deliver_message(session, message)


def deliver_message(session: SmtpSession, message: Message) -> outbox.Outcome:
    """Send a claimed message by a connection, and record and return what came of it."""
    return outbox.deliver(message, partial(_post, session, message), words=_in_words)


def _post(session: SmtpSession, message: Message) -> None:
    session.send(as_mail(message))


def resolve(message: Message, *, sent: bool, by: str) -> bool:
    """Record what a person has found out about a message whose delivery is unknown."""
    now = timezone.now()
    late = Q(attempted_at__lt=now - STUCK_AFTER) | Q(attempted_at__gt=now + STUCK_AFTER)
    unsure = Message.objects.filter(late | ~Q(error=""), pk=message.pk, state=State.SENDING)
    said: dict[str, object] = {"state": State.FAILED, "error": english(f"Marked as not sent by {by}.")}
    if sent:
        said = {"state": State.SENT, "error": english(f"Marked as sent by {by}."), "sent_at": message.attempted_at}
    return trail.update_rows(unsure, trail.Action.MAIL, detail="", **said) == 1


def _check(customer: Customer, *, confirmed: bool, besides: Message | None = None) -> None:
    closed = why_closed(customer)
    if closed:
        raise NotSent(say("It was not sent. {reason}", reason=closed))
    if not confirmed and last_message(customer, besides):
        raise WrittenRecently(gettext("It was not sent: confirm that this customer shall get one more mail."))


def lock(customer: Customer) -> None:
    """Let one at a time write to a mailbox and a customer, until the transaction ends.

    On SQLite, each transaction is alone from its beginning.
    """
    if is_postgres():
        key = int.from_bytes(sha256(mailbox(customer.email).encode()).digest()[:8], signed=True)
        # An import that changes this customer may take minutes.
        execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
        execute("SELECT pg_advisory_xact_lock(%s)", [key])
    list(Customer.objects.select_for_update(no_key=True).filter(pk=customer.pk).values_list("pk"))


def _in_words(result: outbox.Result, error: BaseException) -> str:
    """Say in English, as it is stored, why an email was not sent."""
    said = {
        outbox.Result.REFUSED: english("The mail server refused it"),
        outbox.Result.UNREACHABLE: english("The mail server cannot be reached"),
        outbox.Result.UNKNOWN: english("The mail server gave no answer"),
    }[result]
    return f"{said}: {_reason(error)}."


def _reason(error: BaseException) -> str:
    """Return the server's words, in one line."""
    text = (error.strerror if isinstance(error, OSError) else "") or str(error)
    if isinstance(error, SMTPRecipientsRefused):
        code, answer = next(iter(error.recipients.values()))
        text = f"{code} {_decoded(answer)}"
    elif isinstance(error, SMTPResponseException):
        text = f"{error.smtp_code} {_decoded(error.smtp_error)}"
    return one_line(text, outbox.MAX_REASON_LENGTH).rstrip(".") or type(error).__name__


def _decoded(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
