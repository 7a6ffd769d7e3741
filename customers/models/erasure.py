"""Erasures of customers."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.text.choices import SpokenChoices
from customers.text.say import say


class Erasure(models.Model):
    """The erasure of a customer: who did it, when and how much, and a tombstone that recognises the id.

    In the tombstone ``digest`` is the HMAC-SHA256 of the id, keyed by ``salt``, which is random for each row.
    ``last_run`` is the newest run at that time: files up to it may have the customer.
    """

    class State(SpokenChoices):
        """Files are redacted after the rows are gone; where a process dies in between, another one redacts them."""

        FILES = "files", _("Files are still to be redacted")
        DONE = "done", _("Done")

    salt = models.CharField(max_length=64, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    erased_by = models.CharField(_("erased by"), max_length=150)
    erased_at = models.DateTimeField(_("erased at"), default=timezone.now)
    last_run = models.BigIntegerField(default=0, editable=False)
    counts = models.JSONField(_("what went"), default=dict)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.FILES)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return say("Erasure {number}", number=str(self.pk))
