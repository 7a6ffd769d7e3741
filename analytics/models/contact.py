"""Emails to customers: the templates, the people there, and what was sent."""

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from analytics.models.outgoing.outbox import OutboxEntry
from analytics.models.placeholders import body_faults, subject_faults
from analytics.models.tasks import Task
from customers.core.people import name_of
from customers.models import Customer
from customers.text.text_fields import LongText

STUCK_AFTER = timedelta(minutes=10)
"""The mail server's answer never takes as long: whoever waited for it is gone."""
LATE_AFTER = timedelta(minutes=15)
"""What is scheduled goes every few minutes: so long after its time, the command that sends it does not run."""


class MailTemplate(models.Model):
    """A subject and a text with placeholders such as ``{organization}``, for a situation."""

    class Situation(models.TextChoices):
        """When to write."""

        WELCOME = "welcome", "Welcome and first steps"
        BLOCKER = "blocker", "Something blocks the onboarding"
        AT_RISK = "at_risk", "At risk"
        INACTIVE = "inactive", "Inactive"
        CHECK_IN = "check_in", "Check-in"
        MILESTONE = "milestone", "Milestone"

    name = models.CharField(max_length=100, unique=True)
    situation = models.CharField(max_length=20, choices=Situation)
    subject = models.CharField(max_length=200)
    body = LongText("text")
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["situation", "name"]
        verbose_name = "email template"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what could not be filled, and a subject of several lines."""
        wrong = {"subject": subject_faults(self.subject), "body": body_faults(self.body)}
        if any(wrong.values()):
            raise ValidationError({name: reasons for name, reasons in wrong.items() if reasons})


class Contact(models.Model):
    """A person at a customer, kept by staff beside the address of the feed."""

    KEPT_BY_HAND = True
    """A customer's import is not undone while there are such rows."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=100)
    email = models.CharField(max_length=254)
    role = models.CharField(max_length=100, blank=True, help_text="What this person does there, such as Team lead.")
    is_primary = models.BooleanField(
        "primary contact",
        default=False,
        help_text="Emails go to this person unless somebody chooses another. A customer has one primary contact.",
    )

    class Meta:
        ordering = ["-is_primary", "name", "pk"]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


class Message(OutboxEntry):
    """An email to a customer, kept as it was sent; ``sent_by`` is a login, which outlives its user.

    ``created_at`` is when it was written, ``attempted_at`` when the mail server was last asked to take it. ``send_at``
    is the time that its author gave it; None: it was to go at once.
    """

    KEPT_BY_HAND = True
    """A customer's import is not undone while there are such rows."""
    CLAIMED, CLAIMED_AT = "sending", "attempted_at"
    REPEATABLE, AUDITED = False, True

    class State(models.TextChoices):
        """Stored as sending before the mail server is asked, so that nothing is sent that is not on record."""

        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        SCHEDULED = "scheduled", "Scheduled"
        CANCELED = "canceled", "Canceled"

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="mails")
    template = models.ForeignKey(MailTemplate, models.SET_NULL, null=True, blank=True)
    task = models.ForeignKey(Task, models.SET_NULL, null=True, blank=True, related_name="mails")
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    sent_by = models.CharField(max_length=150)
    from_line = models.CharField("from", max_length=400)
    recipient = models.CharField("to", max_length=254)
    cc = models.TextField(blank=True, default="")
    reply_to = models.CharField(max_length=254, blank=True)
    subject = models.CharField(max_length=200)
    body = models.TextField("text")
    message_id = models.CharField(max_length=255, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.SENDING)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    attempted_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    send_at = models.DateTimeField("scheduled for", null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        # What waits, among all that was ever sent.
        indexes = [
            models.Index(
                fields=["state", "send_at"],
                condition=models.Q(state__in=["sending", "scheduled"]),
                name="message_waits",
            )
        ]
        permissions = [("contact_customer", "Can write to customers")]

    def __str__(self) -> str:
        return self.subject

    @property
    def delivery_unknown(self) -> bool:
        """Whether nobody can know: the server gave no answer, or the process ended before it was recorded."""
        now = timezone.now()  # An attempt that is still to come was made while the clock was ahead.
        late = not now - STUCK_AFTER <= self.attempted_at <= now + STUCK_AFTER
        return self.state == self.State.SENDING and (bool(self.error) or late)

    @property
    def is_late(self) -> bool:
        """Whether it waits although its time has passed: nobody sends what is scheduled."""
        is_due = self.send_at is not None and self.send_at < timezone.now() - LATE_AFTER
        return self.state == self.State.SCHEDULED and is_due

    @property
    def copies(self) -> list[str]:
        """Return the addresses that get a copy."""
        return self.cc.split(", ") if self.cc else []

    @property
    def author(self) -> str:
        """Who wrote it: the name, or the login where there is no name or no such user any more."""
        return name_of(self.sender, self.sent_by)

    @property
    def state_in_words(self) -> str:
        """What became of it."""
        return "Perhaps sent" if self.delivery_unknown else str(self.get_state_display())
