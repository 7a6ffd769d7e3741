"""A mail to a customer before it is sent: sender, recipient, and headers that no text can break.

It goes another way than ``analytics.mail.message`` has for staff: what is sent is rebuilt from its record, word for
word, as a person wrote it, with that person's name; and it is never repeated by itself.
"""

import json
from dataclasses import dataclass
from email.header import Header
from email.utils import formataddr
from hashlib import sha256

from django.contrib.auth.models import User
from django.core.mail import EmailMessage

from analytics.mail.message import own_address
from analytics.models import MailTemplate, Message, Preferences, Task
from analytics.wording import one_line
from customers.models import Customer
from customers.text.say import english

VIA = english("via RSOLV")
MAX_NAME_LENGTH = 60
MAX_SUBJECT_LENGTH = 200
MAX_BODY_LENGTH = 20_000


@dataclass(frozen=True)
class EmailDraft:
    """A mail as it will be sent, and for whom it is recorded; ``cc`` are addresses, joined by a comma and a blank."""

    customer: Customer
    author: User
    recipient: str
    from_line: str
    reply_to: str
    subject: str
    body: str
    template: MailTemplate | None = None
    task: Task | None = None
    cc: str = ""

    @property
    def fingerprint(self) -> str:
        """A hash of all that a preview shows, and for whom."""
        return sha256(json.dumps({name: str(value) for name, value in self.fields.items()}).encode()).hexdigest()

    @property
    def fields(self) -> dict[str, object]:
        """What a ``Message`` stores of it."""
        return {
            "customer_id": self.customer.pk,
            "sender_id": self.author.pk,
            "sent_by": self.author.get_username(),
            "recipient": self.recipient,
            "cc": self.cc,
            "from_line": self.from_line,
            "reply_to": self.reply_to,
            "subject": self.subject,
            "body": self.body,
            "template_id": self.template and self.template.pk,
            "task_id": self.task and self.task.pk,
        }


def sender_name(user: User) -> str:
    """Return what a member of staff is called where customers read it: without a login in brackets."""
    return one_line(user.get_full_name(), MAX_NAME_LENGTH) or one_line(user.get_username(), MAX_NAME_LENGTH)


def with_signature(body: str, user: User) -> str:
    """Return the text of a mail with its author's signature below it, once, as mail programs know one."""
    signature = Preferences.of(user).signature.strip("\n")
    below = f"\n\n-- \n{signature}"
    return body if not signature.strip() or body.endswith(below) else f"{body.rstrip()}{below}"


def from_line(user: User) -> str:
    """Return who a mail is from, for people to read: ``Sofia Marchetti via RSOLV <success@rsolv.example>``."""
    return f"{sender_name(user)} {VIA} <{own_address()}>"


def as_mail(message: Message) -> EmailMessage:
    """Rebuild the mail of a recorded message, ready to be sent."""
    name, address = message.from_line.rpartition(" <")[0], message.from_line.rpartition(" <")[2].rstrip(">")
    return EmailMessage(
        subject=_encoded(message.subject),
        body=message.body,
        from_email=address,
        to=[message.recipient],
        cc=message.copies,
        reply_to=[message.reply_to],
        headers={english("From"): _named(name, address), "Message-ID": message.message_id},
    )


def _named(name: str, address: str) -> str:
    encoded = _encoded(name)
    return f"{encoded} <{address}>" if encoded != name else formataddr((name, address))


def _encoded(text: str) -> str:
    """Return the text for a header: as it is if it is ASCII, else in words of RFC 2047.

    What looks like such a word already is encoded again, so that it is shown as it is written.
    """
    if text.isascii() and "=?" not in text:
        return text
    return Header(text, "utf-8").encode(linesep="")
