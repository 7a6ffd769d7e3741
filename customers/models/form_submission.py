"""Forms that created something, so that a second click, a reload or a resend creates nothing more."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.text.say import english


class FormSubmission(models.Model):
    """A form that was sent and stored: its ``digest``, and the ``location`` that it led to.

    The row is kept for as long as a page may lie open. It has neither the form's texts nor its sender.
    """

    digest = models.CharField(max_length=64, unique=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)
    location = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("form submission")
        verbose_name_plural = _("form submissions")
        default_permissions = ()

    def __str__(self) -> str:
        return english(f"form sent at {self.at.isoformat(' ', 'seconds')}")
