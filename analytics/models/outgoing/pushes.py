"""The ledger of pushes: what was sent to a destination, customer by customer, and what it answered."""

from dataclasses import dataclass

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.models.outgoing.destinations import Destination
from customers.models import Customer
from customers.text.choices import SpokenChoices
from customers.text.say import say, say_n

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

    class State(SpokenChoices):
        """A push that is not finished is resumed, unless its destination was changed meanwhile."""

        UNFINISHED = "unfinished", _("Not finished")
        DONE = "done", _("Done")
        ABANDONED = "abandoned", _("Given up")

    destination = models.ForeignKey(Destination, models.PROTECT, related_name="pushes", verbose_name=_("destination"))
    undoes = models.ForeignKey(
        "self", models.PROTECT, related_name="undone_by", null=True, blank=True, verbose_name=_("undoes")
    )
    as_of = models.DateField(_("as of"))
    settings = models.CharField(
        _("settings"), max_length=64, help_text=_("SHA-256 of the destination's fields when it began.")
    )
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    started_by = models.CharField(_("started by"), max_length=150)
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.UNFINISHED)
    reason = models.TextField(_("reason"), blank=True)
    job = models.JSONField(_("job"), default=dict)

    total = models.PositiveIntegerField(_("customers"), default=0)
    new = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    not_synced = models.PositiveIntegerField(_("do not sync"), default=0)
    erased = models.PositiveIntegerField(_("erased"), default=0)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("push")
        verbose_name_plural = _("pushes")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["destination"], condition=Q(state="unfinished"), name="one_unfinished_push"
            )
        ]

    def __str__(self) -> str:
        number, destination = str(self.pk), str(self.destination)
        if self.undoes_id:
            return say("Undo {number} to {destination}", number=number, destination=destination)
        return say("Push {number} to {destination}", number=number, destination=destination)

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
        counts = {
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "refused": self.refused,
            "held_back": self.held_back,
        }
        if not self.waiting:
            return say_n(
                "{new} new, {changed} changed, {unchanged} unchanged, {refused} refused and {held_back} held back of "
                "{number} customer",
                "{new} new, {changed} changed, {unchanged} unchanged, {refused} refused and {held_back} held back of "
                "{number} customers",
                self.total,
                **counts,
            )
        return say_n(
            "{new} new, {changed} changed, {unchanged} unchanged, {refused} refused, {left} not sent and {held_back} "
            "held back of {number} customer",
            "{new} new, {changed} changed, {unchanged} unchanged, {refused} refused, {left} not sent and {held_back} "
            "held back of {number} customers",
            self.total,
            left=self.waiting,
            **counts,
        )


class PushRow(models.Model):
    """A customer in a push: what the fields had before as far as we know, what is sent, and what came of it."""

    class Kind(SpokenChoices):
        """What it was when the push began: a customer who was never pushed there is new."""

        NEW = "new", _("New")
        CHANGED = "changed", _("Changed")

    class State(SpokenChoices):
        """``SENDING`` is on its way: nobody knows whether it arrived, so it is sent again."""

        WAITING = "waiting", _("Waiting")
        SENDING = "sending", _("On its way")
        CREATED = "created", _("Created")
        UPDATED = "updated", _("Updated")
        UNCHANGED = "unchanged", _("Unchanged")
        REFUSED = "refused", _("Refused")
        HELD_BACK = "held_back", _("Held back")

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
        verbose_name = _("push row")
        verbose_name_plural = _("push rows")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["push", "customer"], name="push_row_once")]
        indexes = [models.Index(fields=["push", "state", "id"], name="push_row_state")]

    def __str__(self) -> str:
        return say("{customer} in push {number}", customer=self.customer_id, number=str(self.push_id))

    @property
    def result(self) -> str:
        """Return what came of it in words: what has arrived in a file is in that file, and no more is known."""
        if self.push.is_of_file and self.state in self.ARRIVED:
            return gettext("In the file")
        return str(self.get_state_display())

    @property
    def changes(self) -> list[FieldChange]:
        """Return what was sent into each field, and what it had before."""
        return [FieldChange(name, self.before.get(name), value) for name, value in sorted(self.after.items())]
