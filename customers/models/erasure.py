"""What is left of a customer of whom everything was erased."""

from django.db import models
from django.utils import timezone


class Erasure(models.Model):
    """A customer of whom everything was erased: what is left is who did it, when, how much, and a mark of the id.

    The mark knows the id again in a later file: ``digest`` is the HMAC-SHA256 of the id, keyed by ``salt``, which is
    random and the row's own (see ``erased``). ``last_run`` is the newest run by then: files up to it had the customer.
    """

    class State(models.TextChoices):
        """Files are redacted once the rows are gone for good; a process that dies in between leaves that to others."""

        FILES = "files", "Files are still to be redacted"
        DONE = "done", "Done"

    salt = models.CharField(max_length=64, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    erased_by = models.CharField(max_length=150)
    erased_at = models.DateTimeField(default=timezone.now)
    last_run = models.BigIntegerField(default=0, editable=False)
    counts = models.JSONField("what went", default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.FILES)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"erasure {self.pk}"
