"""Mail the scheduled reports and boards that are due: once to each recipient, whatever breaks; tell the owners.

Who gets one of a day is written down when it is first due, each as a row that is unique; each row is sent by the
protocol of ``mail.outbox``. What could not be sent or made is tried again by every run until the next due day.
"""

import io
import logging
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import IO, ClassVar, Protocol

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from analytics.customer_list.export import TableExport
from analytics.mail import message, outbox
from analytics.mail.compose import Attachment, RenderedEmail, in_languages, language_of, render_email, staff_name
from analytics.mail.message import address_of
from analytics.mail.post import SmtpSession
from analytics.models import ExportFormat, Preferences, Report, ReportDelivery, Shared
from analytics.models.reports import MailedCopy
from analytics.outreach.draft import sender_name
from analytics.portfolio.figures import stale_days
from analytics.reports.saved_views import (
    ReportUnavailable,
    file_name,
    report_list,
    users_who_may_export,
    why_no_mail,
    why_stopped,
    write_report,
)
from analytics.wording import one_line
from customers.audit import trail
from customers.core.limits import SPOOL_MAX_SIZE
from customers.jobs.lock import JobLock
from customers.text.say import Words, english, in_english, say, say_n
from customers.text.written import decimals

logger = logging.getLogger(__name__)

State = MailedCopy.State
MAX_NAME_LENGTH = 60
MAX_ERROR_LENGTH = 1_000
CRASHED = gettext_lazy("An error of the program; the log of the nightly run has the details.")


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


@dataclass(frozen=True)
class Made:
    """A mail in the languages of its receivers: its file, if any, how many rows it has, and what the audit says."""

    emails: Mapping[str, RenderedEmail]
    attachment: Attachment | None
    rows: int
    in_words: str


class Mailing(Protocol):
    """A report or board with a schedule; ``noun`` is what it is, ``page`` the address of all of its kind."""

    noun: ClassVar[str]
    page: ClassVar[str]

    @property
    def row(self) -> Shared:
        """The report or board."""

    @property
    def copies(self) -> "models.QuerySet[MailedCopy]":
        """What was planned or sent of it."""

    def copy(self, recipient: User, day: date) -> MailedCopy:
        """Return an unsaved copy to somebody."""

    def make(self, owner: User, today: date, languages: Collection[str]) -> Made:
        """Return its mail in some languages, as its owner sees it. Raises ``ReportUnavailable``."""


def send_due(lock: JobLock, mailings: Iterable[Mailing]) -> Sent:
    """Mail what is due; the caller holds ``lock``, that of ``reports``. What is stored and returned is English."""
    run = _Run(lock)
    with closing(run.session), in_english():
        for mailing in mailings:
            if day := mailing.row.due_day(run.today):
                run.send(mailing, day)
    return run.sent


class _Run:
    """One run's mails."""

    def __init__(self, lock: JobLock) -> None:
        self.lock = lock
        self.today = timezone.localdate()
        self.exporting = set(users_who_may_export().values_list("pk", flat=True))
        self.session = SmtpSession()
        self.sent = Sent()

    def send(self, mailing: Mailing, day: date) -> None:
        """Send a report or board of a day to those who have not got it."""
        row = mailing.row
        title = one_line(row.name, MAX_NAME_LENGTH)
        owner, stopped = row.owner, why_stopped(row, self.exporting)
        if owner is None or stopped:
            self.sent.skipped.append(f"{title}: {stopped}")
            return
        self._plan(mailing, day, title)
        copies = mailing.copies.filter(day=day)
        left = copies.exclude(state=State.SENT).select_related("recipient__preferences").order_by("pk")
        waiting = [one for one in left if not why_no_mail(one.recipient, self.exporting)]
        if not waiting:
            if not copies.exists():
                self._end(mailing, day, [_none_can(mailing)], self.sent.broken)
            return
        try:
            languages = {Preferences.of(one.recipient).language_of_mails for one in waiting}
            made = self._made(mailing, owner, languages)
        except ReportUnavailable as fault:
            kind = self.sent.failed if isinstance(fault, ReportCrashed) else self.sent.broken
            self._end(mailing, day, [fault.why], kind)
            return
        errors: list[Words] = [error for one in waiting if (error := self._send(mailing, one, made))]
        self._end(mailing, day, errors, self.sent.failed)

    def _plan(self, mailing: Mailing, day: date, title: str) -> None:
        """Write down who gets the one of a day, once: who is added later gets the next one.

        What was planned for the day before an earlier day was, while the clock was ahead, is planned anew.
        """
        copies = mailing.copies
        before = copies.filter(day__lt=day).order_by("-pk").first()
        if before:
            copies.filter(day=day, pk__lt=before.pk).delete()
        if copies.filter(day=day).exists():
            return
        able = []
        for person in mailing.row.recipients.order_by("pk"):
            if why := why_no_mail(person, self.exporting):
                self.sent.skipped.append(f"{title}: {staff_name(person)}: {why}")
            else:
                able.append(mailing.copy(person, day))
        with suppress(IntegrityError), transaction.atomic():
            copies.bulk_create(able)

    def _made(self, mailing: Mailing, owner: User, languages: Collection[str]) -> Made:
        try:
            return mailing.make(owner, self.today, languages)
        except ReportUnavailable:
            raise
        except Exception as error:
            # Whatever it was, the other reports are made.
            logger.exception("The %s %s failed", mailing.noun, mailing.row.pk)
            raise ReportCrashed(CRASHED) from error

    def _send(self, mailing: Mailing, copy: MailedCopy, made: Made) -> str:
        """Claim, send, record; returns why it could not be sent."""
        self.lock.renew()
        if not outbox.claim(copy, timezone.now()):
            return ""
        to = copy.recipient
        how = ("attached" if made.attachment else "linked") if mailing.noun == "report" else english("in the mail")
        email = made.emails[Preferences.of(to).language_of_mails]
        detail = f"to {to}, {how}\n{made.in_words}"
        outcome = outbox.deliver(
            copy,
            lambda: self.session.send(email.addressed(to.email, f"{mailing.noun}-{copy.pk}", made.attachment)),
            audit=lambda: trail.record(trail.Action.MAIL, f"{mailing.noun} “{mailing.row}”", detail=detail),
            rows=made.rows,
        )
        if outcome.result != outbox.Result.SENT:
            return f"{staff_name(to)}: {outcome.reason}"
        self.sent.mails += 1
        return ""

    def _end(self, mailing: Mailing, day: date, errors: Sequence[Words], kind: list[str]) -> None:
        """Keep what happened for the list, and tell the owner of a failure, once for each due day."""
        row = mailing.row
        title, error = one_line(row.name, MAX_NAME_LENGTH), one_line(" ".join(map(str, errors)), MAX_ERROR_LENGTH)
        same = type(row)._default_manager.filter(pk=row.pk)
        same.update(last_run_at=timezone.now(), last_error=error)
        if not errors:
            return
        kind.append(f"{title}: {error}")
        owner = row.owner
        if self.session.down or row.failure_told == day or owner is None or not owner.email:
            return
        with language_of(owner):
            email = _failure(mailing, owner, title, errors)
        try:
            self.session.send(email.addressed(owner.email, f"{mailing.noun}-{row.pk}-failed-{day}"))
        except message.FAILURES as fault:
            self.sent.failed.append(f"{title}: {staff_name(owner)}: {one_line(str(fault), 300)}")
        else:
            same.update(failure_told=day)
            trail.record(trail.Action.MAIL, english(f"failure of {mailing.noun} “{row}”"), detail=f"to {owner}")


def _none_can(mailing: Mailing) -> Words:
    if mailing.noun == "board":
        return gettext_lazy("None of its recipients can be sent a board.")
    return gettext_lazy("None of its recipients can be sent a report.")


def _failure(mailing: Mailing, owner: User, title: str, errors: Sequence[Words]) -> RenderedEmail:
    """Return what tells an owner that a report or board could not be sent."""
    subject = (
        say("Your board “{name}” could not be sent", name=title)
        if mailing.noun == "board"
        else say("Your report “{name}” could not be sent", name=title)
    )
    context = {
        "greeting": sender_name(owner),
        "noun": mailing.noun,
        "title": title,
        "errors": [one_line(str(text), 300) for text in errors],
        "address": address_of(reverse(mailing.page)),
    }
    return render_email("report_failed", subject, context)


def scheduled_reports() -> Iterator[Mailing]:
    """Yield the reports that have a schedule."""
    found = Report.objects.exclude(schedule=Report.Schedule.NEVER).select_related("owner").order_by("pk")
    yield from map(ScheduledReport, found.prefetch_related("recipients"))


@dataclass(frozen=True)
class ScheduledReport:
    """A saved report, which is mailed as a file."""

    row: Report
    noun: ClassVar[str] = "report"
    page: ClassVar[str] = "analytics:reports"

    @property
    def copies(self) -> "models.QuerySet[ReportDelivery]":
        """What was planned or sent of it."""
        return ReportDelivery.objects.filter(report=self.row)

    def copy(self, recipient: User, day: date) -> ReportDelivery:
        """Return an unsaved copy to somebody."""
        return ReportDelivery(report=self.row, recipient=recipient, day=day)

    def make(self, owner: User, today: date, languages: Collection[str]) -> Made:
        """Write the file, and the mail that carries or links it."""
        with tempfile.SpooledTemporaryFile(max_size=SPOOL_MAX_SIZE) as file:
            made = write_report(self.row, ExportFormat(self.row.format), file, owner, today)
            size = file.seek(0, io.SEEK_END)
            attachment = _attached(self.row, made, file) if size <= settings.REPORT_MAX_MB * 2**20 else None
        with in_english():
            words = made.in_words
        emails = in_languages(languages, lambda: _mail(self.row, made, size, attachment))
        return Made(emails, attachment, made.count, words)


def _attached(report: Report, made: TableExport, file: IO[bytes]) -> Attachment:
    """Return the file of a report, which a mail carries."""
    file.seek(0)
    format = ExportFormat(report.format)
    return Attachment(file_name(report, made.portfolio.date, format), file.read(), format.content_type)


def _mail(report: Report, made: TableExport, size: int, attachment: Attachment | None) -> RenderedEmail:
    """Return the mail of a report in the language of now; one whose file is too large for a mail links it."""
    name, day = one_line(report.name, MAX_NAME_LENGTH), made.portfolio.date
    # As they are said in this language; the file has the same in English.
    asked = report_list(report, made.list.user, day)
    context = {
        "day": day,
        "days_old": stale_days(day) if report.as_of == Report.AsOf.NEWEST else None,
        "count": made.count,
        "total": made.portfolio.listed,
        "filters": [(chip.label, one_line(chip.words, 200)) for chip in asked.chips],
        "sorted_by": asked.order_words,
        "owner": staff_name(report.owner),
        "file": attachment.name if attachment else "",
        "megabytes": decimals(size / 2**20, 1),
        "limit": settings.REPORT_MAX_MB,
        "opens": address_of(reverse("analytics:report", args=[report.pk])),
        "downloads": address_of(reverse("analytics:export-report", args=[report.pk, report.format])),
    }
    subject = say_n(
        "{report}: {number} customer as of {day}",
        "{report}: {number} customers as of {day}",
        made.count,
        report=name,
        day=day,
    )
    return render_email("report", subject, context)
