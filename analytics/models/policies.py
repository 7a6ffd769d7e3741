"""The scoring policies: every number of the health score, for whom it is, from when on, and drafts of it."""

import hashlib
import json
from decimal import Decimal
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.models.scoring import Stage
from analytics.wording import in_a_row
from customers.text import written
from customers.text.choices import SpokenChoices
from customers.text.say import say, say_n

Segment = tuple[frozenset[str], frozenset[str]]
"""Cohorts and stages; none of a kind stands for all of it."""
EVERYBODY: Segment = frozenset(), frozenset()


MAXIMA = {
    "activity": ("activity_max", 1),
    "pr_success": ("pr_max", 1),
    "adoption": ("adoption_points_per_step", 4),
    "support": ("support_max", 1),
    "nps": ("nps_max", 1),
}
"""The most points of each component: a number of the policy, and how often it counts. Four steps are adoption."""


class PolicyQuerySet(models.QuerySet["ScoringPolicy"]):
    """Policies by state and date."""

    def published(self) -> Self:
        """Keep those that score from their date on: no drafts."""
        return self.filter(state=ScoringPolicy.State.PUBLISHED)

    def for_everybody(self) -> Self:
        """Keep those that are for no segment."""
        return self.filter(cohorts=[], stages=[])


class ScoringPolicy(models.Model):
    """All weights, windows and thresholds of the health score; the defaults are those of docs/metrics.md.

    Points are whole numbers; windows are days up to and including the scored date. Only a draft is changed: what is
    published scores from its date on, until a newer one for the same customers does. ``made_by`` and ``published_by``
    are logins, which outlive their users.
    """

    class State(SpokenChoices):
        """Whether it scores anybody."""

        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")

    name = models.CharField(_("name"), max_length=100, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.PUBLISHED, editable=False)
    effective_from = models.DateField(
        null=True, editable=False, help_text=_("Dates from this one on are scored with this policy.")
    )
    effective_until = models.DateField(
        null=True, editable=False, help_text=_("The last date; blank: until a newer one.")
    )
    cohorts = models.JSONField(
        _("cohorts"), default=list, blank=True, help_text=_("Customers of other cohorts keep their policy.")
    )
    stages = models.JSONField(
        _("stages"), default=list, blank=True, help_text=_("Customers in other stages keep their policy.")
    )
    note = models.TextField(_("why"), blank=True, editable=False)
    made_by = models.CharField(max_length=150, blank=True, editable=False)
    made_at = models.DateTimeField(null=True, editable=False)
    published_by = models.CharField(max_length=150, blank=True, editable=False)
    published_at = models.DateTimeField(null=True, editable=False)
    copied_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, editable=False, related_name="+", db_index=False
    )
    learnt_through = models.DateField(
        null=True, editable=False, help_text=_("The last month's end that suggested weights were learnt from.")
    )

    activity_max = models.PositiveSmallIntegerField(
        _("activity: maximum points"), default=30, help_text=_("Points. The most that activity gives.")
    )
    activity_points_per_day = models.PositiveSmallIntegerField(
        _("activity: points for each active day"),
        default=5,
        help_text=_("Points. What each active day gives."),
    )
    activity_days = models.PositiveSmallIntegerField(
        _("activity: window in days"), default=7, help_text=_("Days. Active days among these count.")
    )
    pr_max = models.PositiveSmallIntegerField(
        _("PR success: maximum points"), default=25, help_text=_("Points. Given where every generated PR was merged.")
    )
    pr_days = models.PositiveSmallIntegerField(
        _("PR success: window in days"), default=30, help_text=_("Days. PRs generated and merged in these count.")
    )
    adoption_points_per_step = models.PositiveSmallIntegerField(
        _("adoption: points for each step"),
        default=5,
        help_text=_("Points. Four steps count, so at most four times this."),
    )
    support_max = models.PositiveSmallIntegerField(
        _("support: maximum points"),
        default=15,
        help_text=_("Points. For an average CSAT of 5 of 5, or for neither answers nor requests."),
    )
    support_points_per_request = models.DecimalField(
        _("support: points lost for each request"),
        max_digits=4,
        decimal_places=2,
        default="2.5",
        validators=[MinValueValidator(0)],
        help_text=_("Points, or parts of one. Lost for each support request where there is no CSAT answer."),
    )
    support_days = models.PositiveSmallIntegerField(
        _("support: window of requests in days"), default=30, help_text=_("Days. Support requests in these count.")
    )
    csat_days = models.PositiveSmallIntegerField(
        _("support: window of CSAT answers in days"), default=90, help_text=_("Days. CSAT answers in these count.")
    )
    nps_max = models.PositiveSmallIntegerField(
        _("NPS: maximum points"), default=10, help_text=_("Points. For an NPS answer of 10.")
    )
    nps_days = models.PositiveSmallIntegerField(
        _("NPS: window in days"), default=180, help_text=_("Days. The newest NPS answer in these counts.")
    )
    champion_from = models.PositiveSmallIntegerField(
        _("Champion from a score of"),
        default=85,
        help_text=_("Score, 0 to 100. Customers from here on are Champions."),
    )
    healthy_from = models.PositiveSmallIntegerField(
        _("Healthy from a score of"), default=70, help_text=_("Score, 0 to 100. Customers from here on are Healthy.")
    )
    needs_attention_from = models.PositiveSmallIntegerField(
        _("Needs attention from a score of"),
        default=50,
        help_text=_("Score, 0 to 100. Customers from here on need attention; those below are At risk."),
    )
    inactive_days = models.PositiveSmallIntegerField(
        _("Inactive after days without activity"),
        default=14,
        help_text=_("Days. Without activity in these a customer is Inactive, whatever the score."),
    )
    trend_days = models.PositiveSmallIntegerField(
        _("activity trend: window in days"), default=7, help_text=_("Days. Compared with as many days before them.")
    )
    trend_percent = models.PositiveSmallIntegerField(
        _("activity trend: change in percent"),
        default=20,
        validators=[MinValueValidator(1)],
        help_text=_("Percent. So much more activity is Improving, so much less is Declining."),
    )
    trend_slope = models.DecimalField(
        _("activity trend of new customers: slope a day"),
        max_digits=4,
        decimal_places=2,
        default="0.1",
        validators=[MinValueValidator(0)],
        help_text=_("Activities more or fewer each day. For customers too new to compare two windows."),
    )

    objects = PolicyQuerySet.as_manager()

    class Meta:
        # Drafts, then the newest; of two from one date on, the one that was published last.
        ordering = [F("effective_from").desc(nulls_first=True), F("published_at").desc(nulls_last=True), "-pk"]
        verbose_name = _("scoring policy")
        verbose_name_plural = _("scoring policies")
        constraints = [
            models.CheckConstraint(
                name="policy_published_from",
                condition=Q(state="draft", effective_from=None) | Q(state="published", effective_from__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_draft(self) -> bool:
        """Whether it scores nobody, and can be changed."""
        return self.state == self.State.DRAFT

    @property
    def segment(self) -> Segment:
        """The cohorts and stages that it is for."""
        return frozenset(self.cohorts), frozenset(self.stages)

    @property
    def is_for_segment(self) -> bool:
        """Whether it is for some customers alone."""
        return self.segment != EVERYBODY

    @property
    def for_whom(self) -> str:
        """The customers that it is for, in words: ``Everybody``, ``Cohorts A and B, stage Onboarding``."""
        names, stages = sorted(self.cohorts), [label for key, label in Stage.choices if key in self.stages]
        cohorts = say_n("Cohort {names}", "Cohorts {names}", len(names), names=in_a_row(names))
        if names and stages:
            behind = say_n("stage {names}", "stages {names}", len(stages), names=in_a_row(stages))
            return f"{cohorts}, {behind}"
        if stages:
            return say_n("Stage {names}", "Stages {names}", len(stages), names=in_a_row(stages))
        return cohorts if names else gettext("Everybody")

    @property
    def period(self) -> str:
        """From when on it scores, and until when if it ends: ``10 May 2025``; '' for a draft."""
        first, last = self.effective_from, self.effective_until
        if first and last:
            return say("{first} to {last}", first=first, last=last)
        return written.day(first) if first else ""

    @property
    def numbers(self) -> dict[str, int | Decimal]:
        """Every number of it, by its field."""
        kinds = (models.PositiveSmallIntegerField, models.DecimalField)
        fields = [one for one in self._meta.concrete_fields if isinstance(one, kinds)]
        return {one.name: one.to_python(getattr(self, one.name)) for one in fields}

    @property
    def content(self) -> str:
        """A digest of whom it scores and how: not of its name, its dates and the people."""
        numbers = {name: f"{Decimal(number).normalize():f}" for name, number in self.numbers.items()}
        said = json.dumps([numbers, *map(sorted, self.segment)], sort_keys=True)
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def maxima(self) -> dict[str, int]:
        """The most points of each component of the score."""
        return {name: times * getattr(self, field) for name, (field, times) in MAXIMA.items()}

    def clean(self) -> None:
        """Refuse a policy that cannot score."""
        if sum(self.maxima.values()) != 100:
            added = str(sum(self.maxima.values()))
            raise ValidationError(say("The components' maximum points add up to {points}, not to 100.", points=added))
        if not self.champion_from > self.healthy_from > self.needs_attention_from > 0:
            raise ValidationError(gettext("Champion must begin above Healthy, and Healthy above Needs attention."))
        windows = ("activity_days", "pr_days", "support_days", "csat_days", "nps_days", "inactive_days")
        empty = {name: gettext("A window has at least one day.") for name in windows if getattr(self, name) < 1}
        if self.trend_days < 2:
            empty["trend_days"] = gettext("An activity trend needs at least two days.")
        if empty:
            raise ValidationError(empty)


class PolicyTrial(models.Model):
    """What a draft, and the policies in force, say of everybody at a past month's end: a part of its back-test.

    It goes with the draft, and is not shown once its ``key`` is no longer that of what it would be made of.
    """

    draft = models.ForeignKey(ScoringPolicy, models.CASCADE, related_name="trials", db_index=False)
    date = models.DateField(_("month's end"))
    key = models.CharField(max_length=64, help_text=_("A digest of both policies' contents and the data's version."))
    made_at = models.DateTimeField()
    counts = models.JSONField(help_text=_("Customers, how many went quiet, and those flagged At risk."))
    cases = models.BinaryField(help_text=_("Each customer's scores and outcome: compressed JSON."))

    class Meta:
        ordering = ["draft", "date"]
        verbose_name = _("policy trial")
        verbose_name_plural = _("policy trials")
        constraints = [models.UniqueConstraint(fields=["draft", "date"], name="policy_trial_once")]

    def __str__(self) -> str:
        return say("{what} on {day}", what=str(self.draft), day=self.date.isoformat())
