"""Mails to staff: rendered from ``templates/emails/`` as text and HTML, with headers that no text can break."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext, override

from analytics.mail.message import address_of, mail_address, message_id
from analytics.models import Preferences
from analytics.wording import one_line
from customers.core.people import name_of

Made = TypeVar("Made")
MAX_SUBJECT_LENGTH = 150
MAX_CUSTOMER_LENGTH = 80
MAX_PERSON_LENGTH = 60


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    content: bytes
    kind: str


@dataclass(frozen=True)
class RenderedEmail:
    """A mail's subject and its two texts, before it is addressed to anybody."""

    subject: str
    text: str
    html: str

    def addressed(self, to: str, name: str, attachment: Attachment | None = None) -> EmailMultiAlternatives:
        """Return the mail to an address, ``name`` making its ``message_id``; ``ValueError`` where that is none."""
        mail = EmailMultiAlternatives(
            subject=one_line(self.subject, MAX_SUBJECT_LENGTH),
            body=self.text,
            from_email=settings.DEFAULT_FROM_EMAIL,
            to=[mail_address(to)],
            headers={"Message-ID": message_id(name), "Auto-Submitted": "auto-generated"},
        )
        mail.attach_alternative(self.html, "text/html")
        if attachment:
            mail.attach(attachment.name, attachment.content, attachment.kind)
        return mail


def render_email(template: str, subject: str, context: Mapping[str, object]) -> RenderedEmail:
    """Render the text and the HTML of a template's name."""
    values = {**context, "subject": subject}
    text, html = (render_to_string(f"emails/{template}.{kind}", values).strip() + "\n" for kind in ("txt", "html"))
    return RenderedEmail(subject, text, html)


def language_of(person: User) -> override:
    """Speak inside the language that a member of staff is written to in."""
    return override(Preferences.of(person).language_of_mails)


def in_languages(languages: Collection[str], make: Callable[[], Made]) -> dict[str, Made]:
    """Return a mail, or what is to be said in one, in each of some languages."""
    made = {}
    for language in languages:
        with override(language):
            made[language] = make()
    return made


def customer_label(name: str) -> str:
    """Return a customer's name as a mail has it."""
    return one_line(name, MAX_CUSTOMER_LENGTH) or gettext("(no name)")


def customer_address(pk: str) -> str:
    """Return the address of a customer's page; '' without ``SITE_URL``."""
    return address_of(reverse("analytics:customer", args=[pk]))


def staff_name(person: User | None) -> str:
    """Return what a member of staff is called, on one line."""
    return one_line(name_of(person), MAX_PERSON_LENGTH)
