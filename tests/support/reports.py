"""Scheduled reports, and what their mails carry."""

from datetime import UTC, date, datetime
from email.message import EmailMessage
from typing import Any

from django.contrib.auth.models import User

from analytics.models import Report
from tests.support.commands import Ran

NIGHT = datetime(2025, 5, 12, 2, 30, tzinfo=UTC)
"""A Monday."""


def make_report(owner: User, *recipients: User, **overrides: Any) -> Report:
    """A daily report as CSV of every customer, to its owner unless to others; scheduled long ago."""
    values = {
        "name": "Weekly look",
        "schedule": "daily",
        "format": "csv",
        "scheduled_on": date(2025, 1, 1),
        **overrides,
    }
    report = Report.objects.create(owner=owner, **values)
    report.recipients.set(recipients or [owner])
    return report


def attached(mail: EmailMessage) -> tuple[str, str, bytes]:
    """Name, kind and content of the one file that a mail carries."""
    [file] = mail.iter_attachments()
    return file.get_filename(), file.get_content_type(), file.get_content()


def last_line(ran: Ran) -> str:
    """What a run says at its end."""
    return ran.lines[-1]
