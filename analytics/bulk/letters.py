"""One message to several customers: filled in for each, shown to who writes it, and sent once to each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import QueryDict
from django.utils.translation import gettext

from analytics.models import MailTemplate, Message, PortfolioDay, Snapshot
from analytics.outreach import sending
from analytics.outreach.draft import EmailDraft, sender_name, with_signature
from analytics.outreach.forms import ComposeForm, as_typed
from analytics.outreach.kept_words import Words
from analytics.outreach.languages import Versions, language_of_words, spoken_otherwise
from analytics.outreach.merge_fields import merge_fields
from analytics.outreach.scheduled import scheduled_for
from customers.models import Customer
from customers.text.say import say_n

MAX_LETTERS = 50


@dataclass(frozen=True)
class Letter:
    """What one customer would get, or why nothing."""

    customer: Customer
    draft: EmailDraft | None
    against: Sequence[str]

    @property
    def field(self) -> str:
        """The name under which the preview sends the letter's token; what is not sent is left out."""
        return f"token-{self.customer.pk}"

    @property
    def spoken(self) -> str:
        """Return the customer's language, by name, where the words are not of a template in it."""
        return spoken_otherwise(self.customer, self.draft.template if self.draft else None)

    @property
    def token(self) -> str:
        """Return what sends exactly this letter, once."""
        return sending.sign_preview(self.draft) if self.draft else ""


def letters(customers: Iterable[Customer], user: User, data: QueryDict, template: MailTemplate | None) -> list[Letter]:
    """Fill in the subject and the text of ``data`` for each customer; who was written to lately gets none.

    Where they are a template's, a customer gets those of its translation. Each goes to whom an email goes to by
    default: the primary contact, or else the address of the feed.
    """
    customers = list(customers)
    newest = PortfolioDay.objects.newest()
    rows = Snapshot.objects.filter(customer__in=customers, date=newest.date) if newest else Snapshot.objects.none()
    snapshots = {one.customer_id: one for one in rows}
    # Who has changed a template's words writes those to everybody.
    versions = Versions(template) if template and Words.of(data).is_like(template) else None
    found = []
    for one in customers:
        version = versions.of(one) if versions else template
        words = as_typed(version.subject, version.body) if version and version != template else data
        found.append(_letter(one, snapshots.get(one.pk), user, words, version))
    return found


def _letter(
    customer: Customer, snapshot: Snapshot | None, user: User, data: QueryDict, template: MailTemplate | None
) -> Letter:
    values = merge_fields(customer, snapshot, sender_name(user), language_of_words(template, customer))
    form = ComposeForm(data, values=values, organization=customer.organization)
    against = [*sending.obstacles(customer, user), *(str(one) for errors in form.errors.values() for one in errors)]
    if scheduled_for(customer):
        against.append(gettext("An email to them is scheduled."))
    if sending.last_message(customer):
        against.append(
            say_n(
                "Somebody wrote to them within the last {number} day.",
                "Somebody wrote to them within the last {number} days.",
                sending.QUIET.days,
            )
        )
    if against:
        return Letter(customer, None, against)
    to = sending.addressees(customer)[0].email
    subject, body = form.filled["subject"], with_signature(form.filled["body"], user)
    return Letter(customer, sending.draft_email(customer, user, subject, body, template=template, to=to), [])


class LettersSent:
    """Sends the letters whose tokens a preview has sent, or schedules them for ``send_at``.

    Says how many were ``sent`` or ``scheduled``, which were not, and why, and how many an earlier click had claimed.
    """

    def __init__(self, previewed: Sequence[Letter], data: QueryDict, send_at: datetime | None = None) -> None:
        self.previewed, self.data, self.send_at = previewed, data, send_at
        self.sent = self.scheduled = self.known = 0
        self.failed: list[tuple[Customer, str]] = []

    def send(self) -> None:
        """Claim and send one letter after the other; a letter that was claimed before is left as it is."""
        claimed: list[Message] = []

        def each() -> Iterator[Message]:
            for letter in self.previewed:
                message = self._claim(letter) if letter.field in self.data else None
                if message and self.send_at:
                    self.scheduled += 1
                elif message:
                    claimed.append(message)
                    yield message

        sending.send_messages(each())
        for message in claimed:
            message.refresh_from_db(fields=["state", "error"])
            if message.state == Message.State.SENT:
                self.sent += 1
            else:
                self.failed.append((message.customer, message.error))

    def _claim(self, letter: Letter) -> Message | None:
        token = self.data.get(letter.field, "")
        if letter.draft is None and sending.already_claimed(token):
            self.known += 1
            return None
        if letter.draft is None:
            self.failed.append((letter.customer, " ".join(letter.against)))
            return None
        key = sending.verify_preview(token, letter.draft)
        if key is None:
            self.failed.append((letter.customer, gettext("It was not sent: something has changed since the preview.")))
            return None
        try:
            message, is_ours = sending.claim_draft(letter.draft, key, confirmed=False, send_at=self.send_at)
        except (sending.NotSent, OperationalError) as error:
            busy = gettext("It was not sent: the data are being changed at this moment. Try again in a minute.")
            self.failed.append((letter.customer, str(error) if isinstance(error, sending.NotSent) else busy))
            return None
        return message if is_ours else None
