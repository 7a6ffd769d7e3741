"""The ledger of nights: when the nightly job ran, and how each of its steps ended."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.text.choices import SpokenChoices
from customers.text.say import say


class Night(models.Model):
    """One run of ``nightly``. It stands here from its beginning, so that one that was killed is seen.

    ``steps`` are those that have ended, in their order: ``[{"name", "result", "seconds", "message"}, ...]``, where
    ``result`` is ``done``, ``done with a warning``, ``failed`` or ``skipped``, and ``message`` the last line of what
    the step said.
    ``put_right_at`` is when all that had failed was done by other means.
    Who may see imports may see nights; nobody has a permission to change them.
    """

    class State(SpokenChoices):
        """How it ended; ``interrupted`` is one whose process did not live to say so."""

        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        WARNED = "warned", _("Done with warnings")
        FAILED = "failed", _("Failed")
        INTERRUPTED = "interrupted", _("Interrupted")

    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    put_right_at = models.DateTimeField(_("put right"), null=True)
    started_by = models.CharField(_("started by"), max_length=150)
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.RUNNING)
    steps = models.JSONField(_("steps"), default=list)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("nightly run")
        verbose_name_plural = _("nightly runs")
        default_permissions = ()

    def __str__(self) -> str:
        return say("Nightly run of {moment}", moment=self.started_at)
