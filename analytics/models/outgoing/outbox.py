"""What the tables of things to be sent have in common; ``analytics.mail.outbox`` sends their rows."""

from typing import ClassVar

from django.db import models
from django.db.models.expressions import Combinable


class OutboxEntry(models.Model):
    """Something to be sent: claimed by one process before it is sent, and recorded as sent or failed afterwards."""

    CLAIMED: ClassVar[str] = "claimed"
    """The state of a row that a process is sending."""
    CLAIMED_AT: ClassVar[str] = "claimed_at"
    """The column with the moment when it was claimed."""
    SENT: ClassVar[str] = "sent"
    FAILED: ClassVar[str] = "failed"
    REPEATABLE: ClassVar[bool] = True
    """Whether the next run sends what was perhaps delivered again; else a person decides."""
    AUDITED: ClassVar[bool] = False
    """Whether each change of a row's state is audited; else only that it was sent."""

    state: "models.CharField[str | int | Combinable, str]"

    class Meta:
        abstract = True
