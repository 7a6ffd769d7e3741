"""What to recommend, and what somebody has taken on."""

from datetime import date
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.core.people import name_of
from customers.models import Customer
from customers.text.choices import SpokenChoices
from customers.text.text_fields import LongText

MAX_REASON_LENGTH = 300


class ActionKind(SpokenChoices):
    """The kinds of actions whose effect is compared."""

    CALL = "call", _("Call")
    EMAIL = "email", _("Email")
    DOCUMENTATION = "documentation", _("Documentation")
    RESOURCES = "resources", _("Resources")
    CHECK_IN = "check_in", _("Check-in")
    FEATURES = "features", _("Advanced features")
    TESTIMONIAL = "testimonial", _("Testimonial")
    EXPANSION = "expansion", _("Expansion")
    CONTACT = "contact", _("Confirm the contact")
    OTHER = "other", _("Something else")


class Condition(SpokenChoices):
    """The fixed vocabulary of the rules' conditions; those with an N take the rule's threshold."""

    BLOCKED_ON_PERMISSIONS = "blocked_on_permissions", _("Blocked on GitHub or permissions")
    BLOCKED = "blocked", _("Blocked on anything")
    ISSUES_WITHOUT_PR = "issues_without_pr", _("Issues tagged, but no PR generated")
    AT_RISK = "at_risk", _("Status is At risk")
    NEEDS_ATTENTION = "needs_attention", _("Status is Needs attention")
    HEALTHY = "healthy", _("Status is Healthy")
    CHAMPION = "champion", _("Status is Champion")
    INACTIVE = "inactive", _("Status is Inactive")
    DECLINING = "declining", _("Activity trend is Declining")
    SCORE_BELOW = "score_below", _("Score below N")
    SILENT = "silent", _("No activity for N days")
    NO_FIRST_PR = "no_first_pr", _("No first PR N days after signup")

    @property
    def needs_threshold(self) -> bool:
        """Whether the condition speaks of an N."""
        return self in {Condition.SCORE_BELOW, Condition.SILENT, Condition.NO_FIRST_PR}


class RecommendationRule(models.Model):
    """An action that is recommended where the condition holds; the lowest ``urgency`` first.

    It is on cooldown for a customer while its task is open, and for ``rest_days`` after that was closed.
    """

    text = models.CharField(_("what to do"), max_length=200)
    kind = models.CharField(_("kind"), max_length=20, choices=ActionKind)
    condition = models.CharField(_("condition"), max_length=40, choices=Condition)
    threshold = models.PositiveIntegerField(
        _("N"), null=True, blank=True, help_text=_("The number for N, where the condition has one.")
    )
    urgency = models.PositiveSmallIntegerField(_("priority"), default=50, help_text=_("1 is the highest."))
    rest_days = models.PositiveSmallIntegerField(
        _("cooldown in days"),
        default=14,
        help_text=_(
            "Once the task is closed, the action is not recommended for that customer again for so many days."
        ),
    )
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ["urgency", "pk"]
        verbose_name = _("recommendation rule")
        verbose_name_plural = _("recommendation rules")

    def __str__(self) -> str:
        return self.text

    def clean(self) -> None:
        """A condition with an N has one, the others have none."""
        if not self.condition:
            return
        if Condition(self.condition).needs_threshold != (self.threshold is not None):
            lacks = gettext("This condition needs a number for N.")
            has_none = gettext("This condition has no N.")
            raise ValidationError({"threshold": lacks if self.threshold is None else has_none})
        if self.threshold == 0:
            raise ValidationError({"threshold": gettext("N is at least 1.")})


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

    class State(SpokenChoices):
        """Whether it is still to be done."""

        OPEN = "open", _("Open")
        DONE = "done", _("Done")
        DROPPED = "dropped", _("Canceled")

    class Outcome(SpokenChoices):
        """What came of it."""

        REACHED = "reached", _("Customer reached")
        SOLVED = "solved", _("Problem solved")
        NO_ANSWER = "no_answer", _("No answer")
        NOT_NEEDED = "not_needed", _("Not needed")

    KEPT_BY_HAND = True
    """So a customer with tasks stays when the import that brought it is undone."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="tasks", db_index=False)
    rule = models.ForeignKey(RecommendationRule, models.PROTECT, null=True, blank=True, editable=False)
    kind = models.CharField(_("kind"), max_length=20, choices=ActionKind, default=ActionKind.OTHER)
    what = models.CharField(_("title"), max_length=200)
    reason = models.CharField(max_length=MAX_REASON_LENGTH, blank=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="tasks",
        db_index=False,
        verbose_name=_("owner"),
    )
    due = models.DateField(_("due"))
    note = LongText(_("note"), blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN, editable=False)
    outcome = models.CharField(max_length=20, choices=Outcome, blank=True)
    outcome_note = models.TextField(_("outcome note"), blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=150, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    closed_on = models.DateField(_("date of the data when it was closed"), null=True, editable=False)
    closed_by = models.CharField(max_length=150, blank=True, editable=False)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["due", "pk"]
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
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
