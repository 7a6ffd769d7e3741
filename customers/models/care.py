"""What staff keep about customers by hand; no feed changes it."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.core.people import name_of
from customers.models.feeds import Customer
from customers.text.choices import SpokenChoices
from customers.text.languages import language_choices, language_name
from customers.text.say import say
from customers.text.text_fields import LongText


class CustomerCare(models.Model):
    """What staff keep about a customer by hand: the owner, notes, its language, and what nobody may do."""

    customer = models.OneToOneField(
        Customer, models.CASCADE, primary_key=True, related_name="care", verbose_name=_("customer")
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="customers_in_care",
        verbose_name=_("owner"),
    )
    notes = LongText(_("internal notes"), blank=True)
    do_not_contact = models.BooleanField(
        _("do not contact"), default=False, help_text=_("Nobody can write to this customer from here.")
    )
    do_not_sync = models.BooleanField(
        _("do not sync"), default=False, help_text=_("This customer is never pushed to a CRM.")
    )
    language = models.CharField(
        _("language of emails"),
        max_length=10,
        blank=True,
        choices=language_choices,
        help_text=_("Emails to this customer begin with a template in this language, where there is one."),
    )

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")

    def __str__(self) -> str:
        return say("Assignment of {customer}", customer=self.customer_id)

    @property
    def language_name(self) -> str:
        """Return the name of the language of emails; '' where none is known."""
        return language_name(self.language)

    @property
    def owner_name(self) -> str:
        """Return what the owner is called; '' without an owner."""
        return name_of(self.owner, "")


class Note(models.Model):
    """A note by staff about a customer, or what came of a call or a meeting; never changed.

    ``author`` is the name at that moment, so that the note outlives the user.
    """

    class Kind(SpokenChoices):
        """Whether it tells of a talk with the customer."""

        NOTE = "note", _("Note")
        CALL = "call", _("Call")
        MEETING = "meeting", _("Meeting")

    CONTACTS = (Kind.CALL, Kind.MEETING)
    """The kinds by which the customer was contacted."""
    MAX_LENGTH = 2_000

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="notes", db_index=False, verbose_name=_("customer")
    )
    author = models.CharField(_("author"), max_length=301)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.NOTE)
    text = LongText(_("text"), max_length=MAX_LENGTH)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        indexes = [models.Index(fields=["customer", "created_at"], name="note_customer_created")]

    def __str__(self) -> str:
        return say("Note {number} on {customer}", number=str(self.pk), customer=self.customer_id)
