"""Playbooks: what is done for a customer, day by day, from when a condition holds; and for whom it was done."""

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from analytics.models.contact import MailTemplate, Message
from analytics.models.scoring import Stage
from analytics.models.tasks import ActionKind, Task
from customers.clock import working_day
from customers.models import Customer, Step
from customers.text.choices import SpokenChoices
from customers.text.say import say

MAX_DAY = 365
MAX_WORDS = 300


class Playbook(models.Model):
    """Steps for each customer for whom ``start`` begins to hold, until they are done or ``end`` holds.

    ``step`` or ``stage`` says which, where the start names one. ``query`` has filters of the customer table, which
    the customer must meet when the playbook starts.
    """

    class Start(SpokenChoices):
        """What starts it: a fixed vocabulary, looked at in the newest scored date."""

        AT_RISK = "at_risk", _("Becomes at risk")
        INACTIVE = "inactive", _("Becomes inactive")
        BLOCKED = "blocked", _("Is blocked")
        LIKELY_QUIET = "likely_quiet", _("Becomes likely to go quiet")
        STAGE = "stage", _("Enters a stage")
        STEP = "step", _("Reaches an onboarding step")
        ONBOARDED = "onboarded", _("Completes the onboarding")
        FIRST_MERGED = "first_merged", _("Has its first merged PR")

    class End(SpokenChoices):
        """What ends it before its steps are done."""

        OVER = "over", _("The start no longer holds")
        DOING_WELL = "doing_well", _("Healthy or better")
        ACTIVE = "active", _("Active again")
        ONBOARDED = "onboarded", _("Onboarding completed")
        FIRST_PR = "first_pr", _("First PR generated")

    name = models.CharField(_("name"), max_length=100, unique=True)
    start = models.CharField(_("starts when a customer"), max_length=20, choices=Start)
    step = models.CharField(
        _("step"), max_length=30, choices=Step, blank=True, help_text=_("The step that is reached.")
    )
    stage = models.CharField(
        _("stage"), max_length=20, choices=Stage, blank=True, help_text=_("The stage that is entered.")
    )
    query = models.TextField(_("only for"), blank=True)
    end = models.CharField(
        _("ends early"),
        max_length=20,
        choices=End,
        blank=True,
        help_text=_("Without one, it ends with its last step."),
    )
    cooldown = models.PositiveSmallIntegerField(
        _("once in days"),
        default=90,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=_("For so many days after it has started, it does not start again for the same customer."),
    )
    active = models.BooleanField(_("on"), default=False, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = _("playbook")
        verbose_name_plural = _("playbooks")

    def __str__(self) -> str:
        return self.name

    @property
    def start_in_words(self) -> str:
        """What starts it, with which step or stage."""
        which = {self.Start.STEP: self.get_step_display(), self.Start.STAGE: self.get_stage_display()}
        named = which.get(self.Start(self.start), "") if self.start else ""
        return f"{self.get_start_display()}: {named}" if named else str(self.get_start_display())

    def clean(self) -> None:
        """Refuse a start without the step or stage that it names, and one that it does not name."""
        wrong = {}
        if (self.start == self.Start.STEP) != bool(self.step):
            wrong["step"] = gettext("This start names no step.") if self.step else gettext("Choose the step.")
        if (self.start == self.Start.STAGE) != bool(self.stage):
            wrong["stage"] = gettext("This start names no stage.") if self.stage else gettext("Choose the stage.")
        if wrong:
            raise ValidationError(wrong)


class PlaybookStep(models.Model):
    """A task or an email, ``day`` days after the start; one on a weekend moves to Monday."""

    class Does(SpokenChoices):
        """What comes of it."""

        TASK = "task", _("Task for the owner")
        EMAIL = "email", _("Email to the customer")

    playbook = models.ForeignKey(Playbook, models.CASCADE, related_name="steps", verbose_name=_("playbook"))
    day = models.PositiveSmallIntegerField(
        _("days after the start"),
        default=0,
        validators=[MaxValueValidator(MAX_DAY)],
        help_text=_("0: on the day itself."),
    )
    does = models.CharField(_("what to do"), max_length=10, choices=Does, default=Does.TASK)
    kind = models.CharField(_("kind of task"), max_length=20, choices=ActionKind, default=ActionKind.CALL)
    title = models.CharField(_("title of the task"), max_length=200, blank=True)
    template = models.ForeignKey(
        MailTemplate, models.SET_NULL, null=True, blank=True, verbose_name=_("email template"), related_name="+"
    )
    automatic = models.BooleanField(
        _("goes by itself"),
        default=False,
        help_text=_("The email goes in the owner’s name without anybody’s approval. Else a person looks at it first."),
    )

    class Meta:
        ordering = ["day", "pk"]
        verbose_name = _("playbook step")
        verbose_name_plural = _("playbook steps")

    def __str__(self) -> str:
        if self.does == self.Does.TASK:
            return self.title
        if self.template is None:
            return gettext("Email: its template was deleted")
        return say("Email: {template}", template=self.template.name)

    def clean(self) -> None:
        """Refuse a task without a title, an email without a template, and a task that goes by itself."""
        is_task, wrong = self.does == self.Does.TASK, {}
        if is_task and not self.title.strip():
            wrong["title"] = gettext("A task needs a title.")
        if not is_task and self.template is None:
            wrong["template"] = gettext("An email needs a template.")
        if is_task and self.automatic:
            wrong["automatic"] = gettext("Only an email goes by itself.")
        if wrong:
            raise ValidationError(wrong)


class PlaybookRun(models.Model):
    """A playbook that was started for a customer, or that ``passed`` over them as it was turned on.

    ``day`` is the scored date by which it started; its steps count from ``started_on``. While ``left_on`` is None the
    start still holds, and it does not start again. ``ended_by`` is a login, '' where nobody has ended it.
    """

    class State(SpokenChoices):
        """How far it is."""

        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        ENDED = "ended", _("Ended early")
        STOPPED = "stopped", _("Stopped")
        PASSED = "passed", _("Passed over")

    playbook = models.ForeignKey(Playbook, models.PROTECT, related_name="runs", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="playbook_runs", db_index=False)
    day = models.DateField(_("scored date"))
    started_on = models.DateField(_("started"))
    started_at = models.DateTimeField(default=timezone.now)
    why = models.CharField(max_length=MAX_WORDS, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    ended_at = models.DateTimeField(null=True)
    ended_why = models.CharField(max_length=MAX_WORDS, blank=True)
    ended_by = models.CharField(max_length=150, blank=True)
    left_on = models.DateField(_("the start held until"), null=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("playbook run")
        verbose_name_plural = _("playbook runs")
        default_permissions = ("view",)
        permissions = [("act_on_playbookrun", gettext_noop("Can stop playbooks and approve their emails"))]
        constraints = [
            models.UniqueConstraint(
                fields=["playbook", "customer"], condition=models.Q(left_on=None), name="playbook_start_used_once"
            ),
            models.UniqueConstraint(
                fields=["playbook", "customer"], condition=models.Q(state="running"), name="playbook_runs_once"
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "state"], name="playbook_customer_state"),
            models.Index(fields=["playbook", "customer", "started_on"], name="playbook_customer_started"),
        ]

    def __str__(self) -> str:
        return f"{self.playbook}"

    def due(self, step: PlaybookStep) -> date:
        """Return on which day a step is due."""
        return working_day(self.started_on + timedelta(days=step.day))

    @property
    def to_come(self) -> list[tuple[date, str]]:
        """The steps of which nothing has become yet: on which day, and what."""
        known = {one.step_id for one in self.steps.all()}
        return [(self.due(step), str(step)) for step in self.playbook.steps.all() if step.pk not in known]

    @property
    def next_step(self) -> tuple[date, str] | None:
        """The first step that is still to come, while it runs: on which day, and what."""
        return next(iter(self.to_come), None) if self.state == self.State.RUNNING else None


class PlaybookStepRun(models.Model):
    """What a step became for a customer; '' in ``done_by`` is nobody: it was done by itself."""

    class State(SpokenChoices):
        """What became of it. A held one is tried again; a waiting one needs a person."""

        DONE = "done", _("Done")
        WAITING = "waiting", _("Waits for approval")
        HELD = "held", _("Held")
        SKIPPED = "skipped", _("Skipped")

    run = models.ForeignKey(PlaybookRun, models.CASCADE, related_name="steps", db_index=False)
    step = models.ForeignKey(PlaybookStep, models.SET_NULL, null=True, related_name="+")
    what = models.CharField(max_length=250)
    due = models.DateField()
    state = models.CharField(max_length=10, choices=State)
    note = models.CharField(max_length=MAX_WORDS, blank=True)
    done_at = models.DateTimeField(default=timezone.now)
    done_by = models.CharField(max_length=150, blank=True)
    task = models.ForeignKey(Task, models.SET_NULL, null=True, related_name="+")
    message = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["due", "pk"]
        verbose_name = _("playbook step run")
        verbose_name_plural = _("playbook step runs")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="playbook_step_once")]
        indexes = [
            models.Index(fields=["state"], condition=models.Q(state="waiting"), name="playbook_step_waits"),
        ]

    def __str__(self) -> str:
        return self.what

    @property
    def customer_id(self) -> str:
        """The key of the customer whom it is about, for the audit."""
        return str(self.run.customer_id)
