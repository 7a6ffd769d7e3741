"""What to recommend, and what somebody has taken on."""

from datetime import date
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from customers.core.people import name_of
from customers.models import Customer
from customers.text.text_fields import LongText

MAX_REASON_LENGTH = 300


class ActionKind(models.TextChoices):
    """The kinds of actions whose effect is compared."""

    CALL = "call", "Call"
    EMAIL = "email", "Email"
    DOCUMENTATION = "documentation", "Documentation"
    RESOURCES = "resources", "Resources"
    CHECK_IN = "check_in", "Check-in"
    FEATURES = "features", "Advanced features"
    TESTIMONIAL = "testimonial", "Testimonial"
    EXPANSION = "expansion", "Expansion"
    CONTACT = "contact", "Confirm the contact"
    OTHER = "other", "Something else"


class Condition(models.TextChoices):
    """The fixed vocabulary of the rules' conditions; those with an N take the rule's threshold."""

    BLOCKED_ON_PERMISSIONS = "blocked_on_permissions", "Blocked on GitHub or permissions"
    BLOCKED = "blocked", "Blocked on anything"
    ISSUES_WITHOUT_PR = "issues_without_pr", "Issues tagged, but no PR generated"
    AT_RISK = "at_risk", "Status is At risk"
    NEEDS_ATTENTION = "needs_attention", "Status is Needs attention"
    HEALTHY = "healthy", "Status is Healthy"
    CHAMPION = "champion", "Status is Champion"
    INACTIVE = "inactive", "Status is Inactive"
    DECLINING = "declining", "Activity trend is Declining"
    SCORE_BELOW = "score_below", "Score below N"
    SILENT = "silent", "No activity for N days"
    NO_FIRST_PR = "no_first_pr", "No first PR N days after signup"

    @property
    def needs_threshold(self) -> bool:
        """Whether the condition speaks of an N."""
        return self in {Condition.SCORE_BELOW, Condition.SILENT, Condition.NO_FIRST_PR}


class RecommendationRule(models.Model):
    """An action that is recommended where the condition holds; the lowest ``urgency`` first.

    It is on cooldown for a customer while its task is open, and for ``rest_days`` after that was closed.
    """

    text = models.CharField("what to do", max_length=200)
    kind = models.CharField(max_length=20, choices=ActionKind)
    condition = models.CharField(max_length=40, choices=Condition)
    threshold = models.PositiveIntegerField(
        "N", null=True, blank=True, help_text="The number for N, where the condition has one."
    )
    urgency = models.PositiveSmallIntegerField("priority", default=50, help_text="1 is the highest.")
    rest_days = models.PositiveSmallIntegerField(
        "cooldown in days",
        default=14,
        help_text="Once the task is closed, the action is not recommended for that customer again for so many days.",
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["urgency", "pk"]

    def __str__(self) -> str:
        return self.text

    def clean(self) -> None:
        """A condition with an N has one, the others have none."""
        if not self.condition:
            return
        if Condition(self.condition).needs_threshold != (self.threshold is not None):
            lacks = "This condition needs a number for N." if self.threshold is None else "This condition has no N."
            raise ValidationError({"threshold": lacks})
        if self.threshold == 0:
            raise ValidationError({"threshold": "N is at least 1."})


class TaskQuerySet(models.QuerySet["Task"]):
    """Tasks by what is to be done with them."""

    def open(self) -> Self:
        """Keep those that nobody has done or dropped."""
        return self.filter(state=Task.State.OPEN)

    def overdue(self, day: date) -> Self:
        """Open ones whose day has passed by ``day``."""
        return self.open().filter(due__lt=day)

    def of(self, user: AbstractUser | None) -> Self:
        """Keep those that a user has taken on."""
        return self.filter(owner=user)


class Task(models.Model):
    """Something to do for a customer; ``created_by`` and ``closed_by`` are logins, which outlive their users."""

    class State(models.TextChoices):
        """Whether it is still to be done."""

        OPEN = "open", "Open"
        DONE = "done", "Done"
        DROPPED = "dropped", "Canceled"

    class Outcome(models.TextChoices):
        """What came of it."""

        REACHED = "reached", "Customer reached"
        SOLVED = "solved", "Problem solved"
        NO_ANSWER = "no_answer", "No answer"
        NOT_NEEDED = "not_needed", "Not needed"

    KEPT_BY_HAND = True
    """So a customer with tasks stays when the import that brought it is undone."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="tasks", db_index=False)
    rule = models.ForeignKey(RecommendationRule, models.PROTECT, null=True, blank=True, editable=False)
    kind = models.CharField(max_length=20, choices=ActionKind, default=ActionKind.OTHER)
    what = models.CharField("title", max_length=200)
    reason = models.CharField(max_length=MAX_REASON_LENGTH, blank=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="tasks", db_index=False
    )
    due = models.DateField()
    note = LongText(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN, editable=False)
    outcome = models.CharField(max_length=20, choices=Outcome, blank=True)
    outcome_note = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=150, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    closed_on = models.DateField("date of the data when it was closed", null=True, editable=False)
    closed_by = models.CharField(max_length=150, blank=True, editable=False)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["due", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "rule"], condition=models.Q(state="open"), name="task_open_once"
            ),
            # Of a task without a rule, this is what a double click would make twice.
            models.UniqueConstraint(
                fields=["customer", "what", "due"],
                condition=models.Q(state="open", rule=None),
                name="task_open_once_without_rule",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "state"], name="task_customer_state"),
            models.Index(fields=["owner", "state", "due"], name="task_owner_state_due"),
            models.Index(fields=["kind", "due"], condition=models.Q(state="open"), name="task_open_kind"),
        ]

    def __str__(self) -> str:
        return self.what

    @property
    def owner_name(self) -> str:
        """What the owner is called; '' without an owner."""
        return name_of(self.owner, "")
