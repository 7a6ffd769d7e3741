"""What staff have put aside of the customers to act on."""

from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.text.choices import SpokenChoices
from customers.text.say import say
from customers.text.text_fields import LongText


class DeferralQuerySet(models.QuerySet["Deferral"]):
    """Deferrals by whether they were ended."""

    def standing(self) -> Self:
        """Keep those that nobody has ended or replaced; a snooze whose day has come stands, and means nothing."""
        return self.filter(ended_at=None)


class Deferral(models.Model):
    """A customer to act on who was snoozed ``until`` a day, or dismissed for a reason; one stands for a customer.

    ``created_by`` and ``ended_by`` are logins, which outlive their users; '' is whoever put it aside anew.
    """

    class Reason(SpokenChoices):
        """Why nothing is to be done."""

        EXPECTED = "expected", _("Expected: holidays, a pause, a pilot that ends")
        ELSEWHERE = "elsewhere", _("Handled elsewhere")
        NOTHING = "nothing", _("Nothing we can do")
        WRONG_DATA = "wrong_data", _("The data are wrong")
        OTHER = "other", _("Another reason")

    KEPT_BY_HAND = True
    """A customer's import is not undone while there are such rows."""
    MAX_LENGTH = 500

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="deferrals", db_index=False)
    until = models.DateField(_("snoozed until"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, blank=True)
    text = LongText(_("details"), max_length=MAX_LENGTH, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=150)
    ended_at = models.DateTimeField(_("brought back"), null=True, blank=True)
    ended_by = models.CharField(_("brought back by"), max_length=150, blank=True)

    objects = DeferralQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("deferral")
        verbose_name_plural = _("deferrals")
        default_permissions = ("add",)
        constraints = [
            models.UniqueConstraint(
                fields=["customer"], condition=models.Q(ended_at=None), name="deferral_stands_once"
            ),
            models.CheckConstraint(
                condition=models.Q(until__isnull=False, reason="") | (models.Q(until=None) & ~models.Q(reason="")),
                name="deferral_snoozed_or_dismissed",
            ),
        ]
        indexes = [models.Index(fields=["customer", "created_at"], name="deferral_customer_created")]

    def __str__(self) -> str:
        if self.until:
            return say("snooze of {customer}", customer=self.customer_id)
        return say("dismissal of {customer}", customer=self.customer_id)
