"""The rows of the five feeds; their columns have the names of the CSV's columns."""

from datetime import date
from functools import cache

from django.db import connection, models
from django.db.models.expressions import RawSQL
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from customers.clock import program_today
from customers.core.postgresql.folded_texts import TextsHave
from customers.core.sql import is_postgres
from customers.fields import KeyField
from customers.indexes import CoveringIndex
from customers.text.choices import SpokenChoices
from customers.text.fold import Fold
from customers.text.say import say


class FeedName(SpokenChoices):
    """The five feeds, in the order in which they depend on each other."""

    CUSTOMERS = "customers", _("Customers")
    ONBOARDING = "onboarding", _("Onboarding")
    ENGAGEMENT = "engagement", _("Engagement")
    FEEDBACK = "feedback", _("Feedback")
    EVENTS = "events", _("Events")


class Step(SpokenChoices):
    """The five onboarding steps, in the order in which a customer takes them."""

    WELCOME_EMAIL = "welcome_email_sent", _("Welcome Email")
    ACCOUNT = "account_created", _("Account Setup")
    ACTION = "github_action_installed", _("GitHub Action")
    FIRST_ISSUE = "first_issue_tagged", _("First Issue")
    FIRST_PR = "first_pr_generated", _("First PR")


class LoadedRow(models.Model):
    """A row that a feed owns, with the run that last changed it, and the line of that run's file.

    ``run`` has neither constraint nor index: both would be paid for on every row. No run goes that a row names.
    """

    run = models.ForeignKey(
        "customers.ImportRun", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False, editable=False
    )
    line = models.PositiveIntegerField(_("line"), editable=False)

    class Meta:
        abstract = True


class FullFeedRow(LoadedRow):
    """A row of a feed that lists everything each night; ``missing_since`` is the run whose file lacked it."""

    missing_since = models.ForeignKey(
        "customers.ImportRun",
        models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
        verbose_name=_("missing since"),
    )

    class Meta:
        abstract = True


class Customer(FullFeedRow):
    """An organisation in the Early Access Program."""

    class Status(SpokenChoices):
        """The state of the customer's contract, as the CSV says."""

        ACTIVE = "active", _("Active")
        TRIAL = "trial", _("Trial")
        PAUSED = "paused", _("Paused")
        INACTIVE = "inactive", _("Inactive")
        CHURNED = "churned", _("Churned")

        @classmethod
        @cache
        def over(cls) -> frozenset[str]:
            """Return the statuses of a contract that is over, or rests: such a customer counts as inactive."""
            return frozenset({cls.PAUSED.value, cls.INACTIVE.value, cls.CHURNED.value})

    id = KeyField(primary_key=True)
    email = models.CharField(_("email"), max_length=254)
    organization = models.CharField(_("organization"), max_length=200)
    github_username = models.CharField(_("GitHub name"), max_length=39, blank=True)
    signup_date = models.DateField(_("signup date"))
    cohort = models.CharField(_("cohort"), max_length=100, blank=True)
    industry = models.CharField(_("industry"), max_length=100, blank=True)
    team_size = models.PositiveIntegerField(_("team size"), null=True, blank=True)
    status = models.CharField(_("account status"), max_length=20, choices=Status, default=Status.ACTIVE)

    SEARCHED = ("organization", "email", "github_username", "pk")
    """The texts that a search looks through; on PostgreSQL the table also has them folded, in one column."""

    class Meta:
        ordering = [Fold("organization"), "pk"]
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes = [
            models.Index(fields=["cohort", "id"], name="customer_cohort"),
            models.Index(fields=["industry", "id"], name="customer_industry"),
        ]
        permissions = [
            ("export_customer", gettext_noop("Can export customers' data")),
            ("erase_customer", gettext_noop("Can erase a customer for good")),
        ]

    def __str__(self) -> str:
        return self.organization


def texts_have(word: str) -> TextsHave | models.Q:
    """Return the condition that a customer's name, email, GitHub name or key has a word in it."""
    if is_postgres():
        return TextsHave("pk", word)
    return models.Q(*((f"{name}__finds", word) for name in Customer.SEARCHED), _connector=models.Q.OR)


class Onboarding(FullFeedRow):
    """The progress of a customer's onboarding; a customer has one row."""

    id = KeyField(primary_key=True)
    customer = models.OneToOneField(Customer, models.CASCADE, related_name="onboarding", verbose_name=_("customer"))
    welcome_email_sent = models.BooleanField(_("welcome email sent"), default=False)
    account_created = models.BooleanField(_("account created"), default=False)
    github_action_installed = models.BooleanField(_("github action installed"), default=False)
    first_issue_tagged = models.BooleanField(_("first issue tagged"), default=False)
    first_pr_generated = models.BooleanField(_("first pr generated"), default=False)
    completed_date = models.DateField(_("completed date"), null=True, blank=True)
    days_to_complete = models.IntegerField(_("days to complete"), null=True, blank=True)
    blocker_type = models.CharField(_("blocker type"), max_length=100, blank=True)
    notes = models.TextField(_("notes"), blank=True)

    class Meta:
        ordering = ["pk"]
        verbose_name = _("onboarding")
        verbose_name_plural = _("onboarding")

    def __str__(self) -> str:
        return say("Onboarding {key} of {customer}", key=self.pk, customer=self.customer_id)


class HistoryRow(LoadedRow):
    """A row of an append-only history, about a customer on a day."""

    id = KeyField(primary_key=True)
    customer = models.ForeignKey(Customer, models.CASCADE, db_index=False, verbose_name=_("customer"))
    date = models.DateField(_("date"))

    class Meta:
        abstract = True
        ordering = ["-date", "pk"]

    def __str__(self) -> str:
        kind = capfirst(str(self._meta.verbose_name))
        return say("{kind} {key} of {customer}", kind=kind, key=self.pk, customer=self.customer_id)


class ReportedRow(HistoryRow):
    """A row of a history that the product may report before a file has it: ``provisional`` until then."""

    provisional = models.BooleanField(_("so far"), default=False, db_default=False, editable=False)

    class Meta(HistoryRow.Meta):
        abstract = True


class Engagement(ReportedRow):
    """Counters of activity. A customer may have several rows on a day; every reader sums them."""

    issues_tagged = models.PositiveIntegerField(_("issues tagged"), default=0)
    prs_generated = models.PositiveIntegerField(_("PRs generated"), default=0)
    prs_merged = models.PositiveIntegerField(_("PRs merged"), default=0)
    prs_rejected = models.PositiveIntegerField(_("PRs rejected"), default=0)
    support_requests = models.PositiveIntegerField(_("support requests"), default=0)

    ACTIVITY = ("issues_tagged", "prs_generated", "prs_merged", "prs_rejected")
    """The counters that the activity trend sums; support requests are no sign of growth."""
    COUNTERS = (*ACTIVITY, "support_requests")

    class Meta(ReportedRow.Meta):
        verbose_name = _("engagement")
        verbose_name_plural = _("engagement")
        indexes = [
            CoveringIndex(
                fields=["customer", "date"],
                covered=("issues_tagged", "prs_generated", "prs_merged", "prs_rejected", "support_requests"),
                name="engagement_customer_date",
            ),
            models.Index(fields=["customer", "date"], condition=models.Q(provisional=True), name="engagement_so_far"),
        ]


class Feedback(HistoryRow):
    """An NPS or CSAT answer."""

    nps = models.PositiveSmallIntegerField(_("NPS"), null=True, blank=True)
    csat = models.PositiveSmallIntegerField(_("CSAT"), null=True, blank=True)
    comment = models.TextField(_("comment"), blank=True)

    class Meta(HistoryRow.Meta):
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        indexes = [models.Index(fields=["customer", "date"], name="feedback_customer_date")]


class Event(ReportedRow):
    """An entry of the timeline with a date and a text of its own."""

    class Kind(SpokenChoices):
        """The five steps, and what else happens to a customer."""

        WELCOME_EMAIL = Step.WELCOME_EMAIL.value, _("Welcome email sent")
        ACCOUNT = Step.ACCOUNT.value, _("Created account")
        ACTION = Step.ACTION.value, _("Installed GitHub Action")
        FIRST_ISSUE = Step.FIRST_ISSUE.value, _("Tagged first issue")
        FIRST_PR = Step.FIRST_PR.value, _("First PR generated")
        SUPPORT_REQUEST = "support_request", _("Support request")
        NOTE = "note", _("Note")

    kind = models.CharField(_("kind"), max_length=30, choices=Kind)
    detail = models.TextField(_("detail"), blank=True)

    class Meta(ReportedRow.Meta):
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["customer", "date"], name="event_customer_date"),
            models.Index(fields=["customer", "date"], condition=models.Q(provisional=True), name="event_so_far"),
        ]


def data_date(today: date | None = None) -> date:
    """Return the newest engagement date that is not after today; without any engagement, today.

    What the product reported makes no date new, unless no file has any engagement at all.
    """
    today = today or program_today()
    return newest_in_files(today) or _newest(Engagement.objects.filter(date__lte=today)) or today


def newest_in_files(today: date) -> date | None:
    """Return the newest engagement date of the files that is not after today."""
    return _newest(Engagement.objects.filter(date__lte=today, provisional=False))


def _newest(rows: models.QuerySet[Engagement]) -> date | None:
    """Return the newest date of some engagement.

    PostgreSQL has an index by date. SQLite looks at each customer's rows behind the date of the row that came last:
    as a rule there is none, which takes half as long as to find the newest one of each.
    """
    if connection.vendor == "postgresql":
        found: date | None = rows.order_by().aggregate(newest=models.Max("date"))["newest"]
        return found
    last = rows.order_by(RawSQL("rowid", ()).desc()).values_list("date", flat=True).first()
    if last is None:
        return None
    later = rows.filter(customer=models.OuterRef("pk"), date__gt=last).order_by("-date").values("date")[:1]
    return Customer.objects.aggregate(newest=models.Max(models.Subquery(later)))["newest"] or last
