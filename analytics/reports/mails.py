"""Mail the scheduled reports that are due: once to each recipient, whatever breaks, and failures to their owners.

Who gets a report of a day is written down when it is first due, each as a row that is unique; each row is sent by the
protocol of ``mail.outbox``. What could not be sent or made is tried again by every run until the next due day.
"""

import io
import logging
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import IO

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from analytics.customer_list.export import TableExport
from analytics.mail import message, outbox
from analytics.mail.compose import Attachment, RenderedEmail, render_email, staff_name
from analytics.mail.message import address_of
from analytics.mail.post import SmtpSession
from analytics.models import ExportFormat, Report, ReportDelivery
from analytics.outreach.draft import sender_name
from analytics.portfolio.figures import stale_days
from analytics.reports.saved_views import (
    ReportUnavailable,
    file_name,
    users_who_may_export,
    why_no_mail,
    why_stopped,
    write_report,
)
from analytics.wording import counted, one_line
from customers.audit import trail
from customers.core.limits import SPOOL_MAX_SIZE
from customers.jobs.lock import JobLock

logger = logging.getLogger(__name__)

State = ReportDelivery.State
MAX_NAME_LENGTH = 60
MAX_ERROR_LENGTH = 1_000


@dataclass
class Sent:
    """What became of the reports: mails sent, and each with its reason, what failed and who was passed over.

    ``failed`` is what an operator must look at; ``broken`` are reports that only their owner can mend, and is told.
    """

    mails: int = 0
    failed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


class ReportCrashed(ReportUnavailable):
    """There is no file because of us, not of what the report asks for."""


def send_due(lock: JobLock) -> Sent:
    """Mail what is due; the caller holds ``lock``, that of ``reports``."""
    run = _Run(lock)
    scheduled = Report.objects.exclude(schedule=Report.Schedule.NEVER).select_related("owner").order_by("pk")
    with closing(run.session):
        for report in scheduled.prefetch_related("recipients"):
            if day := report.due_day(run.today):
                run.report(report, day)
    return run.sent


class _Run:
    """One run's mails."""

    def __init__(self, lock: JobLock) -> None:
        self.lock = lock
        self.today = timezone.localdate()
        self.exporting = set(users_who_may_export().values_list("pk", flat=True))
        self.session = SmtpSession()
        self.sent = Sent()

    def report(self, report: Report, day: date) -> None:
        """Send a report of a day to those who have not got it."""
        title = one_line(report.name, MAX_NAME_LENGTH)
        owner, stopped = report.owner, why_stopped(report, self.exporting)
        if owner is None or stopped:
            self.sent.skipped.append(f"{title}: {stopped}")
            return
        self._plan(report, day, title)
        left = report.deliveries.filter(day=day).exclude(state=State.SENT).select_related("recipient").order_by("pk")
        waiting = [one for one in left if not why_no_mail(one.recipient, self.exporting)]
        if not waiting:
            if not report.deliveries.filter(day=day).exists():
                self._end(report, day, title, ["None of its recipients can be sent a report."], self.sent.broken)
            return
        with tempfile.SpooledTemporaryFile(max_size=SPOOL_MAX_SIZE) as file:
            try:
                made = self._made(report, owner, file)
            except ReportUnavailable as fault:
                kind = self.sent.failed if isinstance(fault, ReportCrashed) else self.sent.broken
                self._end(report, day, title, [str(fault)], kind)
                return
            email, attachment = _mail(report, made, file)
        errors = [error for one in waiting if (error := self._send(one, email, attachment, made))]
        self._end(report, day, title, errors, self.sent.failed)

    def _plan(self, report: Report, day: date, title: str) -> None:
        """Write down who gets the report of a day, once: who is added later gets the next one.

        What was planned for the day before an earlier day was, while the clock was ahead, is planned anew.
        """
        before = report.deliveries.filter(day__lt=day).order_by("-pk").first()
        if before:
            report.deliveries.filter(day=day, pk__lt=before.pk).delete()
        if report.deliveries.filter(day=day).exists():
            return
        able = []
        for person in report.recipients.all():
            if why := why_no_mail(person, self.exporting):
                self.sent.skipped.append(f"{title}: {staff_name(person)}: {why}")
            else:
                able.append(ReportDelivery(report=report, recipient=person, day=day))
        with suppress(IntegrityError), transaction.atomic():
            ReportDelivery.objects.bulk_create(able)

    def _made(self, report: Report, owner: User, file: IO[bytes]) -> TableExport:
        try:
            return write_report(report, ExportFormat(report.format), file, owner, self.today)
        except ReportUnavailable:
            raise
        except Exception as error:
            # Whatever it was, the other reports are made.
            logger.exception("The report %s failed", report.pk)
            raise ReportCrashed("An error of the program, which the log of the night has.") from error

    def _send(
        self, delivery: ReportDelivery, email: RenderedEmail, attachment: Attachment | None, made: TableExport
    ) -> str:
        """Claim, send, record; returns why it could not be sent."""
        self.lock.renew()
        if not outbox.claim(delivery, timezone.now()):
            return ""
        to = delivery.recipient
        detail = f"to {to}, {'attached' if attachment else 'linked'}\n{made.in_words}"
        outcome = outbox.deliver(
            delivery,
            lambda: self.session.send(email.addressed(to.email, f"report-{delivery.pk}", attachment)),
            audit=lambda: trail.record(trail.Action.MAIL, f"report “{delivery.report}”", detail=detail),
            rows=made.count,
        )
        if outcome.result != outbox.Result.SENT:
            return f"{staff_name(to)}: {outcome.reason}"
        self.sent.mails += 1
        return ""

    def _end(self, report: Report, day: date, title: str, errors: list[str], kind: list[str]) -> None:
        """Keep what happened for the list of reports, and tell the owner of a failure, once for each due day."""
        error = one_line(" ".join(errors), MAX_ERROR_LENGTH)
        Report.objects.filter(pk=report.pk).update(last_run_at=timezone.now(), last_error=error)
        if not errors:
            return
        kind.append(f"{title}: {error}")
        owner = report.owner
        if self.session.down or report.failure_told == day or owner is None or not owner.email:
            return
        context = {
            "greeting": sender_name(owner),
            "name": title,
            "errors": [one_line(text, 300) for text in errors],
            "address": address_of(reverse("analytics:reports")),
        }
        email = render_email("report_failed", f"The report “{title}” could not be sent", context)
        try:
            self.session.send(email.addressed(owner.email, f"report-{report.pk}-failed-{day}"))
        except message.FAILURES as fault:
            self.sent.failed.append(f"{title}: {staff_name(owner)}: {one_line(str(fault), 300)}")
        else:
            Report.objects.filter(pk=report.pk).update(failure_told=day)
            trail.record(trail.Action.MAIL, f"failure of report “{report}”", detail=f"to {owner}")


def _mail(report: Report, made: TableExport, file: IO[bytes]) -> tuple[RenderedEmail, Attachment | None]:
    """Return the mail of a report, and its file unless that is too large for a mail."""
    name, day = one_line(report.name, MAX_NAME_LENGTH), made.portfolio.date
    size = file.seek(0, io.SEEK_END)
    fits = size <= settings.REPORT_MAX_MB * 2**20
    attached = file_name(report, day, ExportFormat(report.format)) if fits else ""
    context = {
        "day": day,
        "days_old": stale_days(day) if report.as_of == Report.AsOf.NEWEST else None,
        "count": made.count,
        "total": made.portfolio.listed,
        "filters": [(label, one_line(words, 200)) for label, words in made.filters],
        "sorted_by": made.list.order_words,
        "owner": staff_name(report.owner),
        "file": attached,
        "megabytes": f"{size / 2**20:.1f}",
        "limit": settings.REPORT_MAX_MB,
        "opens": address_of(reverse("analytics:report", args=[report.pk])),
        "downloads": address_of(reverse("analytics:export-report", args=[report.pk, report.format])),
    }
    email = render_email("report", f"{name}: {counted(made.count, 'customer')} as of {day:%-d %b %Y}", context)
    if not fits:
        return email, None
    file.seek(0)
    return email, Attachment(attached, file.read(), ExportFormat(report.format).content_type)
