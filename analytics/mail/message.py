"""What every mail needs: whether mail is on, addresses that are addresses, and its identity."""

import re
from email.utils import parseaddr
from smtplib import SMTPException

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from customers.text.addresses import ascii_domain
from customers.text.quoted import quoted
from customers.text.say import Words, say_later

OFF = "django.core.mail.backends.dummy.EmailBackend"
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
FAILURES = (SMTPException, OSError, ValueError)
"""What sending may raise: the server's answers, its absence, and addresses that are none."""


def mail_address(text: str) -> str:
    """Return the one address that a text is, its domain in ASCII; ``ValueError`` says why it is none."""
    local, at, domain = text.rpartition("@")
    if not at or text.count("@") > 1 or any(one.isspace() or one in ',;<>"()[]\\:' for one in text):
        raise ValueError(say_later("{address} is not exactly one email address", address=quoted(text)))
    if not local.isascii():
        raise ValueError(
            say_later(
                "{address} has letters before the @ that are not ASCII, which mail servers may not take",
                address=quoted(text),
            )
        )
    try:
        found = f"{local}@{ascii_domain(domain)}"
        validate_email(found)
    except (ValidationError, UnicodeError) as error:
        raise ValueError(_no_address(text)) from error
    if not _LOCAL_PART.fullmatch(local) or len(found) > 254:
        raise ValueError(_no_address(text))
    return found


def _no_address(text: str) -> Words:
    return say_later("{address} is not an email address", address=quoted(text))


def is_on() -> bool:
    """Return whether mails can be sent at all; without ``EMAIL_URL``, outside DEBUG, they cannot."""
    return settings.EMAIL_BACKEND != OFF


def address_of(path: str) -> str:
    """Return the address of one of our pages, for somebody who reads a mail; '' without ``SITE_URL``."""
    return f"{settings.SITE_URL}{path}" if settings.SITE_URL else ""


def message_id(name: str) -> str:
    """Return a mail's identity: the same for a second attempt, so that many mail programs show it once."""
    return f"<{name}@{own_address().rpartition('@')[2] or 'localhost'}>"


def own_address() -> str:
    """Return the address that all our mails come from, without the name."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
