"""The ledger of pushes: what was sent to a destination, customer by customer, and what it answered."""

from dataclasses import dataclass

from django.db import models
from django.db.models import Q
from django.utils import timezone

from analytics.models.outgoing.destinations import Destination
from analytics.wording import counted
from customers.models import Customer

CHANGED_ROWS = "rsolv_changed_rows"
"""Begins the names of the files that pushes write."""
CSV_NAME = "changed_rows.csv"
"""What the rows are called in such a file."""


@dataclass(frozen=True)
class FieldChange:
    """A field there: what it is known to have, and what is sent; None: it is left as it is."""

    name: str
    before: str | None
    after: str | None


class Push(models.Model):
    """One push to a destination, or the undo of one. When it is done, its counts add up to ``total``.

    ``reason`` is why it stopped, where it is not done. ``job`` is what an adapter keeps of a job there, so that a
    push that was killed asks for its results.
    """

    class State(models.TextChoices):
        """A push that is not finished is resumed, unless its destination was changed meanwhile."""

        UNFINISHED = "unfinished", "Not finished"
        DONE = "done", "Done"
        ABANDONED = "abandoned", "Given up"

    destination = models.ForeignKey(Destination, models.PROTECT, related_name="pushes")
    undoes = models.ForeignKey("self", models.PROTECT, related_name="undone_by", null=True, blank=True)
    as_of = models.DateField("as of")
    settings = models.CharField(max_length=64, help_text="SHA-256 of the destination's fields when it began.")
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    started_by = models.CharField(max_length=150)
    state = models.CharField(max_length=20, choices=State, default=State.UNFINISHED)
    reason = models.TextField(blank=True)
    job = models.JSONField(default=dict)

    total = models.PositiveIntegerField("customers", default=0)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    not_synced = models.PositiveIntegerField("do not sync", default=0)
    erased = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "pushes"
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["destination"], condition=Q(state="unfinished"), name="one_unfinished_push"
            )
        ]

    def __str__(self) -> str:
        return f"{'Undo' if self.undoes_id else 'Push'} {self.pk} to {self.destination}"

    @property
    def file_name(self) -> str:
        """Return what the file is called that a push to one writes."""
        return f"{CHANGED_ROWS}_{self.as_of.isoformat()}_push{self.pk}.zip"

    @property
    def is_of_file(self) -> bool:
        """Return whether it writes a file: nobody then knows what is new where that goes."""
        return self.destination.kind == Destination.Kind.CHANGED_ROWS

    @property
    def done(self) -> int:
        """Return how many customers have a result, or need none."""
        return self.total - self.waiting

    @property
    def held_back(self) -> int:
        """Return how many are never sent: who is not to be synced, and who was erased."""
        return self.not_synced + self.erased

    @property
    def waiting(self) -> int:
        """Return how many are still to be sent, or were not before it was given up."""
        return self.total - self.new - self.changed - self.unchanged - self.refused - self.held_back

    @property
    def in_words(self) -> str:
        """Return the counts, which add up to all customers unless some are still to be sent."""
        counts = f"{self.new:,} new, {self.changed:,} changed, {self.unchanged:,} unchanged, {self.refused:,} refused"
        left = f", {self.waiting:,} not sent" if self.waiting else ""
        return f"{counts}{left} and {self.held_back:,} held back of {counted(self.total, 'customer')}"


class PushRow(models.Model):
    """A customer in a push: what the fields had before as far as we know, what is sent, and what came of it."""

    class Kind(models.TextChoices):
        """What it was when the push began: a customer who was never pushed there is new."""

        NEW = "new", "New"
        CHANGED = "changed", "Changed"

    class State(models.TextChoices):
        """``SENDING`` is on its way: nobody knows whether it arrived, so it is sent again."""

        WAITING = "waiting", "Waiting"
        SENDING = "sending", "On its way"
        CREATED = "created", "Created"
        UPDATED = "updated", "Updated"
        UNCHANGED = "unchanged", "Unchanged"
        REFUSED = "refused", "Refused"
        HELD_BACK = "held_back", "Held back"

    ARRIVED = (State.CREATED, State.UPDATED)
    OPEN = (State.WAITING, State.SENDING)
    push = models.ForeignKey(Push, models.CASCADE, related_name="rows")
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="push_rows")
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    words = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["push", "customer"], name="push_row_once")]
        indexes = [models.Index(fields=["push", "state", "id"], name="push_row_state")]

    def __str__(self) -> str:
        return f"{self.customer_id} in push {self.push_id}"

    @property
    def result(self) -> str:
        """Return what came of it in words: what has arrived in a file is in that file, and no more is known."""
        if self.push.is_of_file and self.state in self.ARRIVED:
            return "In the file"
        return str(self.get_state_display())

    @property
    def changes(self) -> list[FieldChange]:
        """Return what was sent into each field, and what it had before."""
        return [FieldChange(name, self.before.get(name), value) for name, value in sorted(self.after.items())]
