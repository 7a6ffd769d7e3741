"""A forgotten password: a mail with a link to choose a new one, for whoever has an account; said to nobody else."""

import logging
from datetime import timedelta
from threading import Thread

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language, gettext, override

from analytics.mail.compose import render_email
from analytics.mail.message import FAILURES
from analytics.mail.post import SmtpSession
from analytics.models import Preferences
from analytics.outreach.draft import sender_name
from customers.audit import trail
from customers.audit.signals import record_failed_login
from customers.core.client import client_address
from customers.models import AuditEntry
from customers.text.say import english
from rsolv_cs.login import own_sessions
from rsolv_cs.people.links import Links

logger = logging.getLogger(__name__)

LINKS = Links()
SENT = english("Password link sent")
UNKNOWN = english("Password link asked for")
MAILS_AN_HOUR = 3
"""To one account."""
REQUESTS_AN_HOUR = 20
"""From one address, whatever accounts they are about."""


def is_too_often(request: HttpRequest) -> bool:
    """Return whether an address has asked for too many links within the hour."""
    asked = _within_the_hour().filter(text__startswith=english("Password link"), address=client_address(request))
    return asked[:REQUESTS_AN_HOUR].count() >= REQUESTS_AN_HOUR


def ask(email: str, site: str) -> None:
    """Mail a link to each account with this address that may have one; the caller's answer is always the same.

    The mail server is asked beside the answer, whose time would otherwise tell whether there is an account.
    """
    people = [user for user in User.objects.filter(email__iexact=email)[:10] if LINKS.is_open_to(user)]
    if not people:
        record_failed_login(english("no account of that address"), UNKNOWN)
    mails = []
    for user in people:
        sent = _within_the_hour().filter(model="auth.user", key=str(user.pk), text=SENT)
        if sent[:MAILS_AN_HOUR].count() < MAILS_AN_HOUR:
            trail.record(trail.Action.MAIL, user, actor="", detail=SENT)
            mails += _mails(user, site)
        else:
            record_failed_login(user, UNKNOWN)
    if mails:
        Thread(target=_send, args=(mails,), name="password-links").start()


def chosen(user: User) -> None:
    """Note a new password: end the account's sessions, and count no wrong ones of before any more."""
    own_sessions.end_all(user)
    for attempt in AccessAttempt.objects.filter(username=user.get_username()):
        attempt.delete()
    trail.record(trail.Action.RIGHTS, user, actor=user.get_username(), detail=english("Chose a new password by email"))


def _mails(user: User, site: str) -> list[EmailMessage]:
    """Return the mail to an account; none where its address is one that no mail server takes."""
    context = {
        "greeting": sender_name(user),
        "login": user.get_username(),
        "link": f"{site}{LINKS.path_for(user)}",
        "hours": settings.PASSWORD_LINK_HOURS,
    }
    # Who asks has a browser whose language is known; where the account has none of its own, that one is likely right.
    with override(Preferences.of(user).chosen_language or get_language()):
        rendered = render_email("forgotten", gettext("Reset your password for RSOLV Customer Success"), context)
    try:
        return [rendered.addressed(user.email, f"password-{user.pk}-{timezone.now().timestamp():.6f}")]
    except ValueError:
        return []


def _send(mails: list[EmailMessage]) -> None:
    session = SmtpSession()
    for mail in mails:
        try:
            session.send(mail)
        except FAILURES as error:
            logger.error("A password link could not be sent: %s", type(error).__name__)
    session.close()


def _within_the_hour() -> QuerySet[AuditEntry]:
    now = timezone.now()
    return AuditEntry.objects.filter(at__range=(now - timedelta(hours=1), now))
