"""What was known on each scored date: the only source of the pages."""

from collections.abc import Iterable
from datetime import date
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from analytics.rounding import onboarding_percent, success_rate
from customers.indexes import CoveringIndex
from customers.models import Customer
from customers.text.choices import SpokenChoices


class HealthStatus(SpokenChoices):
    """How a customer does, by score; from best to worst, then those who are away."""

    CHAMPION = "champion", _("Champion")
    HEALTHY = "healthy", _("Healthy")
    NEEDS_ATTENTION = "needs_attention", _("Needs attention")
    AT_RISK = "at_risk", _("At risk")
    INACTIVE = "inactive", _("Inactive")


class Trend(SpokenChoices):
    """The activity trend: where a customer's activity goes, support requests apart."""

    IMPROVING = "improving", _("Improving")
    STABLE = "stable", _("Stable")
    DECLINING = "declining", _("Declining")


class Stage(SpokenChoices):
    """How far into the product a customer is."""

    NEW_SIGNUP = "new_signup", _("New signup")
    ONBOARDING = "onboarding", _("Onboarding")
    INITIAL_ADOPTION = "initial_adoption", _("Initial adoption")
    REGULAR_USAGE = "regular_usage", _("Regular usage")


class PortfolioDayQuerySet(models.QuerySet["PortfolioDay"]):
    """Scored dates."""

    def newest(self, *, until: date | None = None) -> "PortfolioDay | None":
        """Return the newest scored date with its policy, or the newest one on or before ``until``."""
        days = self.filter(date__lte=until) if until else self
        return days.select_related("policy").order_by("-date").first()


class PortfolioDay(models.Model):
    """A scored date: the portfolio's own figures on it, and how it was scored.

    ``policy`` is the one for everybody; ``segment_policies`` names the others that were in force, by their keys.
    ``urgency_stored`` says whether the rows of ``UrgentCustomer`` are of this date, and ``milestones_stored`` those of
    ``ReachedMilestones``. Both are against the date ``urgency_before``.
    """

    date = models.DateField(primary_key=True)
    policy = models.ForeignKey("ScoringPolicy", models.PROTECT)
    segment_policies = models.JSONField(default=dict, editable=False)
    scored_at = models.DateTimeField()
    backfilled = models.BooleanField(default=False)
    stale = models.BooleanField(default=False, help_text=_("What this date was scored from has changed."))
    last_run = models.BigIntegerField(_("newest run by then"), default=0, editable=False)
    last_api_run = models.BigIntegerField(_("newest run of the API by then"), default=0, editable=False)
    so_far = models.PositiveIntegerField(
        default=0, help_text=_("Customers among them of whom the product reported something after the date.")
    )

    total = models.PositiveIntegerField()
    erased = models.PositiveIntegerField(default=0, help_text=_("Customers among them who were erased since."))
    urgency_stored = models.BooleanField(default=False, editable=False)
    urgency_before = models.DateField(null=True, editable=False)
    milestones_stored = models.BooleanField(default=False, editable=False)
    active_today = models.PositiveIntegerField()
    onboarded = models.PositiveIntegerField()
    days_to_value = models.IntegerField()
    days_known = models.PositiveIntegerField(
        default=0, help_text=_("Of so many onboarded customers the day is known.")
    )
    prs_generated = models.PositiveBigIntegerField()
    prs_merged = models.PositiveBigIntegerField()

    welcome_email_sent = models.PositiveIntegerField()
    account_created = models.PositiveIntegerField()
    github_action_installed = models.PositiveIntegerField()
    first_issue_tagged = models.PositiveIntegerField()
    first_pr_generated = models.PositiveIntegerField()

    champion = models.PositiveIntegerField()
    healthy = models.PositiveIntegerField()
    needs_attention = models.PositiveIntegerField()
    at_risk = models.PositiveIntegerField()
    inactive = models.PositiveIntegerField()

    day_issues_tagged = models.PositiveBigIntegerField()
    day_prs_generated = models.PositiveBigIntegerField()
    day_prs_merged = models.PositiveBigIntegerField()
    day_support_requests = models.PositiveBigIntegerField()

    objects = PortfolioDayQuerySet.as_manager()

    class Meta:
        ordering = ["-date"]
        verbose_name = _("portfolio day")
        verbose_name_plural = _("portfolio days")

    def __str__(self) -> str:
        return self.date.isoformat()

    @property
    def policies(self) -> dict[str, str]:
        """The names of all policies that were in force on the date, by their keys."""
        return {str(self.policy_id): self.policy.name, **self.segment_policies}

    @property
    def listed(self) -> int:
        """How many customers of the date a list of them has."""
        return max(self.total - self.erased, 0)


_WORST_FIRST = (
    HealthStatus.AT_RISK,
    HealthStatus.NEEDS_ATTENTION,
    HealthStatus.INACTIVE,
    HealthStatus.HEALTHY,
    HealthStatus.CHAMPION,
)
_PLACES = {status.value: place for place, status in enumerate(_WORST_FIRST)}
_CASES = " ".join(f"WHEN %(expressions)s = '{status}' THEN {place}" for status, place in _PLACES.items())
_AS_INDEXED = models.Case(
    *[models.When(status=status, then=place) for status, place in _PLACES.items()],
    output_field=models.SmallIntegerField(),
)
BY_URGENCY = models.Func("status", template=f"CASE {_CASES} ELSE NULL END", output_field=models.SmallIntegerField())
"""The place of a status in lists. An index has these very words; in parameters, SQLite would not know them again."""


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    """Snapshots as lists of customers."""

    def on(self, day: date) -> Self:
        """Keep the customers of a scored date, with what a row of a list shows."""
        return self.filter(date=day).select_related("customer", "customer__care", "customer__care__owner")

    def of_status(self, statuses: Iterable[str]) -> Self:
        """Keep those whose status is one of these.

        By its place: of a date the index of lists is then read where they are. By the status it is read as a whole.
        """
        return self.alias(place=BY_URGENCY).filter(place__in=[_PLACES[status] for status in statuses])

    def active_today(self) -> Self:
        """Keep those whose last active date is the snapshot's own."""
        return self.filter(last_active=models.F("date"))

    def onboarded(self) -> Self:
        """Keep those who have completed the onboarding."""
        return self.filter(onboarded=True)

    def blocked(self) -> Self:
        """Keep those whose onboarding something holds up."""
        return self.filter(Snapshot.BLOCKED)

    def missing(self) -> Self:
        """Keep those whose customers.csv lacks them now, whichever date the snapshots are of."""
        return self.filter(customer__missing_since__isnull=False)

    def with_forecasts(self, *, of_over: bool = True) -> Self:
        """Return each with its date's forecasts in thousandths, None where there is none; annotated but once.

        They are ``forecast_quiet`` and ``forecast_first_pr``. Pages leave out those ``of_over`` contracts.
        """
        if "forecast_quiet" in self.query.annotations:
            return self
        of_date = models.Q(customer__forecasts__date=models.F("date"))
        if not of_over:
            of_date &= ~models.Q(customer__status__in=sorted(Customer.Status.over()))
        return self.annotate(
            forecast=models.FilteredRelation("customer__forecasts", condition=of_date),
            forecast_quiet=models.F("forecast__quiet"),
            forecast_first_pr=models.F("forecast__first_pr"),
        )

    def so_far(self) -> Self:
        """Keep those of whom the product reported something after the date."""
        return self.filter(provisional_to__isnull=False)

    def with_policy_names(self) -> Self:
        """Return each with the name of the policy that scored it, ``scoring_policy``."""
        return self.annotate(scoring_policy=models.F("policy__name"))

    def by_urgency(self, *, descending: bool = False) -> Self:
        """At risk first, then those who need attention, are away, are healthy, are champions; low scores first."""
        order = BY_URGENCY.desc() if descending else BY_URGENCY.asc()
        return self.order_by(order, "-score" if descending else "score", "pk")


class Snapshot(models.Model):
    """What was known about a customer on a scored date: the score, its components, and the inputs of both."""

    date = models.DateField()
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="snapshots", db_index=False)
    policy = models.ForeignKey("ScoringPolicy", models.PROTECT, db_index=False)

    score = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=20, choices=HealthStatus)
    trend = models.CharField(max_length=20, choices=Trend)
    stage = models.CharField(max_length=20, choices=Stage)
    activity = models.PositiveSmallIntegerField()
    pr_success = models.PositiveSmallIntegerField()
    adoption = models.PositiveSmallIntegerField()
    support = models.PositiveSmallIntegerField()
    nps = models.PositiveSmallIntegerField(null=True)

    welcome_email_sent = models.BooleanField()
    account_created = models.BooleanField()
    github_action_installed = models.BooleanField()
    first_issue_tagged = models.BooleanField()
    first_pr_generated = models.BooleanField()
    steps_done = models.PositiveSmallIntegerField()
    onboarded = models.BooleanField()
    # Of those who are onboarded, None where the day is not known.
    completed_on = models.DateField(null=True)
    days_to_complete = models.IntegerField(null=True)
    blocker_type = models.CharField(max_length=100, blank=True)

    issues_tagged = models.PositiveBigIntegerField()
    prs_generated = models.PositiveBigIntegerField()
    prs_merged = models.PositiveBigIntegerField()
    prs_rejected = models.PositiveBigIntegerField()
    support_requests = models.PositiveBigIntegerField()
    days_active = models.PositiveIntegerField()
    last_active = models.DateField(null=True)
    active_weeks = models.PositiveBigIntegerField(default=0, help_text=_("Bit k: active in week k after the signup."))

    active_days = models.PositiveSmallIntegerField()
    window_prs_generated = models.PositiveBigIntegerField()
    window_prs_merged = models.PositiveBigIntegerField()
    window_support_requests = models.PositiveBigIntegerField()
    csat_sum = models.PositiveIntegerField()
    csat_count = models.PositiveIntegerField()
    trend_now = models.PositiveBigIntegerField()
    trend_before = models.PositiveBigIntegerField()
    provisional_to = models.DateField(
        null=True, help_text=_("What the product reported after the date counts, through this day.")
    )

    # Of ``with_forecasts`` alone.
    forecast_quiet: int | None
    forecast_first_pr: int | None
    # Of ``with_policy_names`` alone.
    scoring_policy: str

    BLOCKED = models.Q(onboarded=False) & ~models.Q(blocker_type="")
    NO_FIRST_PR = models.Q(first_pr_generated=False)
    """The step First PR does not count on the date, whatever PRs were counted."""

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        ordering = ["-date", "customer_id"]
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        constraints = [models.UniqueConstraint(fields=["date", "customer"], name="snapshot_once")]
        indexes = [
            # With the score and the status, so that a customer's history is read from the index alone.
            models.Index(fields=["customer", "date", "score", "status"], name="snapshot_customer_scores"),
            # A date's list in its own order; with what filters look at first, so that they are counted from it alone.
            models.Index("date", _AS_INDEXED, "score", "id", "status", "customer", name="snapshot_in_lists"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} on {self.date}"

    @property
    def onboarding_percent(self) -> int:
        """Done steps of the five, in percent."""
        return onboarding_percent(self.steps_done)

    @property
    def success_rate(self) -> int | None:
        """PRs merged of those generated in percent, at most 100; None where none was generated."""
        return success_rate(self.prs_merged, self.prs_generated)

    @property
    def blocked(self) -> bool:
        """Whether something holds the onboarding up."""
        return bool(self.blocker_type) and not self.onboarded

    @property
    def days_since_active(self) -> int | None:
        """Whole days from the last active date to this snapshot's."""
        return (self.date - self.last_active).days if self.last_active else None


class CohortDay(models.Model):
    """A scored date of one cohort, of those who signed up in one month, or of everyone.

    ``middle_days`` is twice the median of the days to value (None: no day is known). ``weeks`` has, for week 0, 1,
    2 ... after each member's signup, how many were active in it, of the ``old_enough`` for whom it had ended.
    """

    class By(SpokenChoices):
        """What its members have in common: nothing, the CSV's cohort, the month (``2025-05``) of the signup."""

        ALL = "all", _("Everyone")
        COHORT = "cohort", _("Cohort")
        MONTH = "month", _("Signup month")

    date = models.DateField()
    by = models.CharField(max_length=10, choices=By)
    name = models.CharField(max_length=100, blank=True)

    size = models.PositiveIntegerField()
    onboarded = models.PositiveIntegerField()
    days_to_value = models.BigIntegerField()
    days_known = models.PositiveIntegerField(default=0, help_text=_("Of so many onboarded members the day is known."))
    middle_days = models.BigIntegerField(null=True)
    score_sum = models.PositiveBigIntegerField()
    prs_generated = models.PositiveBigIntegerField()
    prs_merged = models.PositiveBigIntegerField()

    champion = models.PositiveIntegerField()
    healthy = models.PositiveIntegerField()
    needs_attention = models.PositiveIntegerField()
    at_risk = models.PositiveIntegerField()
    inactive = models.PositiveIntegerField()

    weeks = models.JSONField(default=list)
    old_enough = models.JSONField(default=list)

    class Meta:
        ordering = ["-date", "by", "name"]
        verbose_name = _("cohort day")
        verbose_name_plural = _("cohort days")
        constraints = [models.UniqueConstraint(fields=["date", "by", "name"], name="cohort_day_once")]

    def __str__(self) -> str:
        return f"{self.by} {self.name} on {self.date}"


class UrgentCustomer(models.Model):
    """A customer to act on by its health on the newest scored date, with its place in the worklist.

    A row is made of the snapshots by one statement, whenever they change. ``PortfolioDay.urgency_stored`` says
    whether there are rows of a date, and ``urgency_before`` against which date they were made.
    """

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="+")
    # No foreign key: snapshots are replaced by plain statements, and these rows with them.
    snapshot = models.BigIntegerField()
    severity = models.PositiveSmallIntegerField(help_text=_("The main reason; the worst is 0."))
    score = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["severity", "score", "snapshot"]
        verbose_name = _("urgent customer")
        verbose_name_plural = _("urgent customers")
        default_permissions = ()
        indexes = [
            CoveringIndex(fields=["severity", "score", "snapshot"], covered=("customer",), name="urgent_in_order")
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.severity}, {self.score}"


class ReachedMilestones(models.Model):
    """A customer who has reached milestones in the week to the newest scored date; made as ``UrgentCustomer`` is.

    ``PortfolioDay.milestones_stored`` says whether there are rows of a date.
    """

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="+")
    reached = models.PositiveSmallIntegerField(help_text=_("The sum of the milestones' bits."))

    class Meta:
        verbose_name = _("milestones of the week")
        verbose_name_plural = _("milestones of the week")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.reached}"
