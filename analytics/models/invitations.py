"""Invitations of new members of staff, each sent through the outbox."""

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.models.outgoing.outbox import OutboxEntry
from customers.text.choices import SpokenChoices
from customers.text.say import say


class Invitation(OutboxEntry):
    """The invitation of one account: its newest mail, and whether somebody has joined by it.

    ``invited_at`` is part of the link, so that a new mail makes the link of the one before worthless.
    """

    DECIDES_ACCESS = True
    """Whoever has the link may set the account's password: never read from a replica."""

    class State(SpokenChoices):
        """Claimed by a process, sent, or not sent: no mail server, or it said no."""

        CLAIMED = "claimed", _("Claimed")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Not sent")

    user = models.OneToOneField(User, models.CASCADE, related_name="invitation")
    invited_by = models.CharField(max_length=150, blank=True)
    invited_at = models.DateTimeField(default=timezone.now)
    joined_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.CLAIMED)
    claimed_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        # Whoever may add users invites them.
        default_permissions = ()

    def __str__(self) -> str:
        return say("Invitation of {user}", user=str(self.user))
