"""Emails to customers: the templates, the people there, and what was sent."""

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from analytics.models.outgoing.outbox import OutboxEntry
from analytics.models.placeholders import body_faults, subject_faults
from analytics.models.tasks import Task
from customers.core.people import name_of
from customers.models import Customer
from customers.text.choices import SpokenChoices
from customers.text.languages import language_choices, language_name
from customers.text.say import SOURCE
from customers.text.text_fields import LongText

STUCK_AFTER = timedelta(minutes=10)
"""The mail server's answer never takes as long: whoever waited for it is gone."""
LATE_AFTER = timedelta(minutes=15)
"""What is scheduled goes every few minutes: so long after its time, the command that sends it does not run."""


class MailTemplate(models.Model):
    """A subject and a text with placeholders such as ``{organization}``, for a situation."""

    class Situation(SpokenChoices):
        """When to write."""

        WELCOME = "welcome", _("Welcome and first steps")
        BLOCKER = "blocker", _("Something blocks the onboarding")
        AT_RISK = "at_risk", _("At risk")
        INACTIVE = "inactive", _("Inactive")
        CHECK_IN = "check_in", _("Check-in")
        MILESTONE = "milestone", _("Milestone")

    name = models.CharField(_("name"), max_length=100, unique=True)
    situation = models.CharField(_("situation"), max_length=20, choices=Situation)
    subject = models.CharField(_("subject"), max_length=200)
    body = LongText(_("text"))
    active = models.BooleanField(_("active"), default=True)
    language = models.CharField(_("language"), max_length=10, choices=language_choices, default=SOURCE)
    translation_of = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="translations",
        limit_choices_to={"translation_of": None},
        verbose_name=_("translation of"),
        help_text=_("Whoever chooses that template for a customer who speaks this language sends this one."),
    )

    class Meta:
        ordering = ["situation", "name"]
        verbose_name = _("email template")
        verbose_name_plural = _("email templates")
        constraints = [
            models.UniqueConstraint(
                fields=["translation_of", "language"],
                name="translation_once",
                violation_error_message=_("There is a translation into this language already."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what could not be filled, a subject of several lines, and a translation of nothing else."""
        wrong = {
            "subject": subject_faults(self.subject),
            "body": body_faults(self.body),
            "translation_of": self._translation_faults(),
        }
        if any(wrong.values()):
            raise ValidationError({name: reasons for name, reasons in wrong.items() if reasons})

    def _translation_faults(self) -> list[str]:
        if (original := self.translation_of) is None:
            is_taken = self.pk and self.translations.filter(language=self.language).exists()
            return [gettext("There is a translation into this language already.")] if is_taken else []
        found = []
        if original.pk == self.pk or original.translation_of_id or (self.pk and self.translations.exists()):
            found.append(gettext("A translation has none itself, and is of a template that is none."))
        if original.language == self.language:
            found.append(gettext("That template is in the same language."))
        if original.situation != self.situation:
            found.append(gettext("That template is for another situation."))
        return found

    @property
    def language_name(self) -> str:
        """Return the name of its language."""
        return language_name(self.language)


class Contact(models.Model):
    """A person at a customer, kept by staff beside the address of the feed."""

    KEPT_BY_HAND = True
    """A customer's import is not undone while there are such rows."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contacts", verbose_name=_("customer"))
    name = models.CharField(_("name"), max_length=100)
    email = models.CharField(_("email"), max_length=254)
    role = models.CharField(
        _("role"), max_length=100, blank=True, help_text=_("What this person does there, such as Team lead.")
    )
    is_primary = models.BooleanField(
        _("primary contact"),
        default=False,
        help_text=_("Emails go to this person unless somebody chooses another. A customer has one primary contact."),
    )

    class Meta:
        ordering = ["-is_primary", "name", "pk"]
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")

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

    class State(SpokenChoices):
        """Stored as sending before the mail server is asked, so that nothing is sent that is not on record."""

        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        SCHEDULED = "scheduled", _("Scheduled")
        CANCELED = "canceled", _("Canceled")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="mails", verbose_name=_("customer"))
    template = models.ForeignKey(MailTemplate, models.SET_NULL, null=True, blank=True, verbose_name=_("template"))
    task = models.ForeignKey(
        Task, models.SET_NULL, null=True, blank=True, related_name="mails", verbose_name=_("task")
    )
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("sender")
    )
    sent_by = models.CharField(_("sent by"), max_length=150)
    from_line = models.CharField(pgettext_lazy("who sends an email", "from"), max_length=400)
    recipient = models.CharField(pgettext_lazy("who gets an email", "to"), max_length=254)
    cc = models.TextField(_("cc"), blank=True, default="")
    reply_to = models.CharField(_("reply to"), max_length=254, blank=True)
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    message_id = models.CharField(_("message id"), max_length=255, unique=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.SENDING)
    error = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    attempted_at = models.DateTimeField(_("attempted at"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent at"), null=True)
    send_at = models.DateTimeField(_("scheduled for"), null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        # What waits, among all that was ever sent.
        indexes = [
            models.Index(
                fields=["state", "send_at"],
                condition=models.Q(state__in=["sending", "scheduled"]),
                name="message_waits",
            )
        ]
        permissions = [("contact_customer", gettext_noop("Can write to customers"))]

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
        return gettext("Perhaps sent") if self.delivery_unknown else str(self.get_state_display())
