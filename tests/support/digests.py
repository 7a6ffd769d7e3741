"""Alerts to tell, and the mails that tell them."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

from django.utils import timezone

from analytics.models import Alert
from customers.models import Customer
from tests.factories import make_alert
from tests.support.commands import Ran
from tests.support.mails import parts

NIGHT = datetime(2025, 5, 11, 2, 30, tzinfo=UTC)
"""A Sunday."""


def raised(customer: Customer | None, kind: str = "at_risk", **overrides: Any) -> Alert:
    """An alert that was raised a minute ago."""
    return make_alert(customer, kind, raised_at=timezone.now() - timedelta(minutes=1), **overrides)


def by_recipient(mails: list[EmailMessage]) -> dict[str, str]:
    """The text of the mail to each."""
    return {mail["To"]: parts(mail)[0] for mail in mails}


def last_line(ran: Ran) -> str:
    """What a run says at its end of the mails."""
    return ran.lines[-1].partition("; ")[2]
