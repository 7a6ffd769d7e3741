"""Views of the customer table that somebody saved, what they share with boards, and their deliveries."""

from datetime import date, timedelta
from typing import Self, TypeVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.deletion import Collector
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from analytics.models.export_formats import ExportFormat
from analytics.models.outgoing.outbox import OutboxEntry
from customers.text.choices import SpokenChoices
from customers.text.say import say


def keep_shared(
    collector: Collector,
    field: "models.ForeignKey[AbstractUser | None, AbstractUser | None]",
    rows: "SharedQuerySet[Shared]",
    using: str,
) -> None:
    """What a deleted owner leaves: what is shared stays, in nobody's hands; what is private goes too."""
    models.SET_NULL(collector, field, rows.filter(shared=True), using)
    models.CASCADE(collector, field, rows.filter(shared=False), using)


SharedRow = TypeVar("SharedRow", bound="Shared")


class SharedQuerySet(models.QuerySet[SharedRow]):
    """Reports or boards, by who may see them."""

    def visible_to(self, user: AbstractUser) -> Self:
        """One's own, the shared ones, and those that one gets by mail."""
        name = str(self.model._meta.model_name)
        received = self.model.recipients.through._default_manager.filter(user_id=user.pk).values(name)
        return self.filter(Q(owner=user.pk) | Q(shared=True) | Q(pk__in=received))


class Shared(models.Model):
    """What somebody keeps under a name, for oneself or for everybody, and has mailed to people on fixed days."""

    class Schedule(SpokenChoices):
        """How often ``nightly`` mails it."""

        NEVER = "", _("Not mailed")
        DAILY = "daily", _("Every day")
        WEEKLY = "weekly", _("Mondays")
        MONTHLY = "monthly", _("The first of the month")

        def due_day(self, today: date) -> date | None:
            """Return the newest day up to today on which such a report is due."""
            match self:
                case Shared.Schedule.NEVER:
                    return None
                case Shared.Schedule.DAILY:
                    return today
                case Shared.Schedule.WEEKLY:
                    return today - timedelta(days=today.weekday())
                case Shared.Schedule.MONTHLY:
                    return today.replace(day=1)

    name = models.CharField(_("name"), max_length=100)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        keep_shared,
        related_name="%(class)ss",
        null=True,
        blank=True,
        verbose_name=_("owner"),
    )
    shared = models.BooleanField(_("shared with everybody"), default=False)
    schedule = models.CharField(_("schedule"), max_length=10, choices=Schedule, blank=True, default=Schedule.NEVER)
    recipients = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="+", verbose_name=_("recipients")
    )
    scheduled_on = models.DateField(_("day on which the schedule was set"), null=True, blank=True)
    last_run_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    failure_told = models.DateField(_("due day whose failure the owner was told of"), null=True, blank=True)

    class Meta:
        abstract = True
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    def due_day(self, today: date) -> date | None:
        """Return the newest day on which the report was due; None before the first. A missed day is made good once."""
        day = self.Schedule(self.schedule).due_day(today)
        # A day that is still to come was noted while the clock was ahead.
        since = self.scheduled_on if self.scheduled_on and self.scheduled_on <= today + timedelta(days=1) else None
        return None if day and since and day <= since else day


class Report(Shared):
    """A saved view: the address of the table (filters, columns, order) and a date relative to the newest one."""

    class AsOf(SpokenChoices):
        """Which scored date the report is about when it is opened or sent."""

        NEWEST = "newest", _("The newest date")
        WEEK_BEFORE = "week_before", _("7 days before the newest date")
        MONTH_END = "month_end", _("The end of last month")

    query = models.TextField(_("filters, columns and order"), blank=True)
    as_of = models.CharField(_("date"), max_length=20, choices=AsOf, default=AsOf.NEWEST)
    format = models.CharField(_("format"), max_length=4, choices=ExportFormat, default=ExportFormat.XLSX)

    objects = SharedQuerySet.as_manager()

    class Meta(Shared.Meta):
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="report_name_once")]
        permissions = [("manage_every_report", gettext_noop("Can change other people's shared reports"))]


class MailedCopy(OutboxEntry):
    """What is mailed to one person, of the day when it was due. It is claimed before it is sent, and sent once."""

    class State(SpokenChoices):
        """To be sent, claimed by a process, sent, or to be tried again."""

        WAITING = "waiting", _("Waiting")
        CLAIMED = "claimed", _("Claimed")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    day = models.DateField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    rows = models.PositiveIntegerField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        abstract = True
        ordering = ["-pk"]


class ReportDelivery(MailedCopy):
    """A scheduled report to one person."""

    report = models.ForeignKey(Report, models.CASCADE, related_name="deliveries")

    class Meta(MailedCopy.Meta):
        verbose_name = _("report delivery")
        verbose_name_plural = _("report deliveries")
        constraints = [models.UniqueConstraint(fields=["report", "recipient", "day"], name="report_sent_once")]

    def __str__(self) -> str:
        return say("{what} on {day}", what=str(self.report), day=self.day.isoformat())
