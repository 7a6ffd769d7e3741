"""The ledger of nights: when the nightly job ran, and how each of its steps ended."""

from django.db import models
from django.utils import timezone


class Night(models.Model):
    """One run of ``nightly``. It stands here from its beginning, so that one that was killed is seen.

    ``steps`` are those that have ended, in their order: ``[{"name", "result", "seconds", "message"}, ...]``, where
    ``result`` is ``done``, ``done with a warning``, ``failed`` or ``skipped``, and ``message`` the last line of what
    the step said.
    ``put_right_at`` is when all that had failed was done by other means.
    Who may see imports may see nights; nobody has a permission to change them.
    """

    class State(models.TextChoices):
        """How it ended; ``interrupted`` is one whose process did not live to say so."""

        RUNNING = "running", "Running"
        DONE = "done", "Done"
        WARNED = "warned", "Done with warnings"
        FAILED = "failed", "Failed"
        INTERRUPTED = "interrupted", "Interrupted"

    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    put_right_at = models.DateTimeField("put right", null=True)
    started_by = models.CharField(max_length=150)
    state = models.CharField(max_length=20, choices=State, default=State.RUNNING)
    steps = models.JSONField(default=list)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "nightly run"
        default_permissions = ()

    def __str__(self) -> str:
        return f"Nightly run of {timezone.localtime(self.started_at):%-d %b %Y, %H:%M}"
