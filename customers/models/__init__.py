"""What the CSVs say, row for row, and the ledger of how it got here.

Columns bear the names of the CSV's. What staff enter by hand is in ``CustomerCare`` and ``Note``, never touched
by a feed.
"""

from datetime import date, timedelta
from typing import Self

from django.conf import settings
from django.db import connection, models
from django.utils import timezone

from customers.core.people import name_of
from customers.fields import KeyField
from customers.indexes import CoveringIndex
from customers.models.audit import AuditEntry as AuditEntry
from customers.models.form_submission import FormSubmission as FormSubmission
from customers.models.key_change import KeyChange as KeyChange
from customers.models.open_session import OpenSession as OpenSession
from customers.text.fold import Fold
from customers.text.text_fields import LongText


class FeedName(models.TextChoices):
    """The five feeds, in the order in which they depend on each other."""

    CUSTOMERS = "customers", "Customers"
    ONBOARDING = "onboarding", "Onboarding"
    ENGAGEMENT = "engagement", "Engagement"
    FEEDBACK = "feedback", "Feedback"
    EVENTS = "events", "Events"


class Step(models.TextChoices):
    """The five onboarding steps, in the order in which a customer takes them."""

    WELCOME_EMAIL = "welcome_email_sent", "Welcome Email"
    ACCOUNT = "account_created", "Account Setup"
    ACTION = "github_action_installed", "GitHub Action"
    FIRST_ISSUE = "first_issue_tagged", "First Issue"
    FIRST_PR = "first_pr_generated", "First PR"


class ImportRunQuerySet(models.QuerySet["ImportRun"]):
    """Runs by what became of them."""

    def accepted(self) -> Self:
        """Whole files whose rows are in the data: loaded, and not undone since. An undo or a replay is no file."""
        whole = self.filter(scope=ImportRun.Scope.WHOLE, undoes=None, undone_by=None)
        return whole.filter(status=ImportRun.Status.LOADED)


class ImportRun(models.Model):
    """One attempt to load one file: what was read, what became of each row, and why not if it was refused.

    For a loaded file ``created + updated + unchanged + quarantined == rows``; ``retried`` counts rows of earlier
    files that came out of quarantine. An undo is a run too: ``created`` rows are there again, ``updated`` ones are
    as they were, ``unchanged`` ones were left (see ``RowChange``), and ``deleted``, outside ``rows``, are gone.
    ``left_out`` of the ``unchanged`` are of customers who were erased. ``missing`` rows of a full feed are gone from
    its file since this run, ``returned`` ones were gone and are there again; both are outside ``rows``.
    A replay's ``rows`` are quarantined rows that it tried: ``unchanged`` are also those that were superseded, and
    ``quarantined`` those that stay.
    """

    class Scope(models.TextChoices):
        """What was read: all that the feed says, some rows corrected in a spreadsheet, or rows in quarantine."""

        WHOLE = "whole", "Whole file"
        CORRECTIONS = "corrections", "Corrected rows"
        REPLAY = "replay", "Replay"

    class Status(models.TextChoices):
        """How a run ended; ``refused`` is the file's fault, ``failed`` ours."""

        RUNNING = "running", "Running"
        LOADED = "loaded", "Loaded"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        INTERRUPTED = "interrupted", "Interrupted"

    feed = models.CharField(max_length=20, choices=FeedName)
    scope = models.CharField(max_length=20, choices=Scope, default=Scope.WHOLE, editable=False)
    file = models.CharField("file name", max_length=255)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    rules = models.CharField("fingerprint of the rules", max_length=64, blank=True, editable=False)
    size = models.BigIntegerField("bytes", default=0)
    mixed_case = models.BooleanField("keys may have upper-case letters", default=True, editable=False)
    repeats = models.BooleanField("a key may be in the file more than once", default=True, editable=False)
    status = models.CharField(max_length=20, choices=Status, default=Status.RUNNING)
    reason = models.TextField(blank=True)
    rows = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    quarantined = models.PositiveIntegerField(default=0)
    retried = models.PositiveIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField("rows of erased customers", default=0, editable=False)
    warnings = models.JSONField(default=list)
    started_by = models.CharField(max_length=150)
    forced_by = models.CharField(max_length=150, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    undoes = models.ForeignKey("self", models.PROTECT, related_name="+", null=True, blank=True)
    undone_by = models.ForeignKey("self", models.PROTECT, related_name="+", null=True, blank=True)
    missing = models.PositiveIntegerField("newly missing from the feed", default=0)
    returned = models.PositiveIntegerField("back in the feed", default=0)
    content_sha256 = models.CharField("SHA-256 of the content, unpacked", max_length=64, blank=True, editable=False)

    over_limit = False
    """Whether it was refused for more bad rows than an upload may have; known only to whoever had it loaded."""

    objects = ImportRunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["feed", "status"], name="run_feed_status")]
        permissions = [("undo_importrun", "Can undo an import"), ("upload_importrun", "Can upload files")]

    def __str__(self) -> str:
        return f"run {self.pk}: {self.file}"

    @property
    def is_too_old_to_undo(self) -> bool:
        """Whether its journal has gone, or will go tonight."""
        days = settings.UNDO_DAYS
        return bool(days) and self.started_at < timezone.now() - timedelta(days=days)

    @property
    def why_not_undoable(self) -> str:
        """Why the run cannot be undone; '' where it can."""
        if self.status != self.Status.LOADED:
            return f"Run {self.pk} was not loaded ({self.get_status_display().lower()}): there is nothing to undo."
        if self.is_too_old_to_undo:
            return f"Run {self.pk} is older than {settings.UNDO_DAYS} days: what it changed is no longer kept."
        if self.undone_by_id:
            return f"Run {self.pk} is undone already, by run {self.undone_by_id}."
        undone = self.undoes
        if undone and (undone.undone_by_id != self.pk or (undone.undoes and undone.undoes.undone_by_id)):
            return f"Run {self.pk} no longer counts: what it did was undone by another run since."
        return ""


class LoadedRow(models.Model):
    """A row that a feed owns: the run and the line of its file that last changed it.

    ``run`` has neither constraint nor index: runs are never deleted, and both would be paid for on every row.
    """

    run = models.ForeignKey(
        ImportRun, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False, editable=False
    )
    line = models.PositiveIntegerField(editable=False)

    class Meta:
        abstract = True


class FullFeedRow(LoadedRow):
    """A row of a feed that lists everything each night; ``missing_since`` is the run whose file lacked it."""

    missing_since = models.ForeignKey(
        ImportRun, models.SET_NULL, related_name="+", null=True, blank=True, editable=False
    )

    class Meta:
        abstract = True


class Customer(FullFeedRow):
    """An organisation in the Early Access Program."""

    class Status(models.TextChoices):
        """Where the customer stands by contract, as the CSV says."""

        ACTIVE = "active", "Active"
        TRIAL = "trial", "Trial"
        PAUSED = "paused", "Paused"
        INACTIVE = "inactive", "Inactive"
        CHURNED = "churned", "Churned"

        @classmethod
        def over(cls) -> frozenset[str]:
            """Return the statuses of a contract that is over, or rests: such a customer counts as inactive."""
            return frozenset({cls.PAUSED.value, cls.INACTIVE.value, cls.CHURNED.value})

    id = KeyField(primary_key=True)
    email = models.CharField("e-mail", max_length=254)
    organization = models.CharField(max_length=200)
    github_username = models.CharField("GitHub name", max_length=39, blank=True)
    signup_date = models.DateField()
    cohort = models.CharField(max_length=100, blank=True)
    industry = models.CharField(max_length=100, blank=True)
    team_size = models.PositiveIntegerField(null=True, blank=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.ACTIVE)

    class Meta:
        ordering = [Fold("organization"), "pk"]
        indexes = [
            models.Index(fields=["cohort", "id"], name="customer_cohort"),
            models.Index(fields=["industry", "id"], name="customer_industry"),
        ]
        permissions = [
            ("export_customer", "Can export customers' data"),
            ("erase_customer", "Can erase a customer for good"),
        ]

    def __str__(self) -> str:
        return self.organization


class CustomerCare(models.Model):
    """What staff keep about a customer by hand: who looks after it, and notes for each other."""

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="care")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="customers_in_care"
    )
    notes = LongText("internal notes", blank=True)
    do_not_contact = models.BooleanField(default=False, help_text="Nobody can write to this customer from here.")

    class Meta:
        verbose_name_plural = "customer care"

    def __str__(self) -> str:
        return f"care of {self.customer_id}"

    @property
    def owner_name(self) -> str:
        """What the owner is called; '' without an owner."""
        return name_of(self.owner, "")


class Note(models.Model):
    """What a member of staff noted about a customer, with the moment; it is added, never changed.

    ``author`` is the name at that moment, so that it outlives the user.
    """

    MAX_LENGTH = 2_000

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="notes", db_index=False)
    author = models.CharField(max_length=301)
    created_at = models.DateTimeField(default=timezone.now)
    text = LongText(max_length=MAX_LENGTH)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["customer", "created_at"], name="note_customer_created")]

    def __str__(self) -> str:
        return f"note {self.pk} on {self.customer_id}"


class Onboarding(FullFeedRow):
    """How far a customer's onboarding is; one row for a customer."""

    id = KeyField(primary_key=True)
    customer = models.OneToOneField(Customer, models.CASCADE, related_name="onboarding")
    welcome_email_sent = models.BooleanField(default=False)
    account_created = models.BooleanField(default=False)
    github_action_installed = models.BooleanField(default=False)
    first_issue_tagged = models.BooleanField(default=False)
    first_pr_generated = models.BooleanField(default=False)
    completed_date = models.DateField(null=True, blank=True)
    days_to_complete = models.IntegerField(null=True, blank=True)
    blocker_type = models.CharField(max_length=100, blank=True)
    notes = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "onboarding"

    def __str__(self) -> str:
        return f"onboarding {self.pk} of {self.customer_id}"


class StepSighting(models.Model):
    """When a run first saw a step's flag turn true, for steps that nothing else dates.

    ``seen_on`` is the data date of that night; it is empty while the night's feeds are still loading, and for
    good where the flag was true ``at_first_import`` (such a step counts from the signup date).
    """

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="step_sightings", db_index=False)
    step = models.CharField(max_length=30, choices=Step)
    seen_on = models.DateField(null=True)
    at_first_import = models.BooleanField(default=False)
    run = models.ForeignKey(ImportRun, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["customer", "step"], name="sighting_once")]

    def __str__(self) -> str:
        return f"{self.step} of {self.customer_id}"


class HistoryRow(LoadedRow):
    """A row of an append-only history: something of a customer on a day."""

    id = KeyField(primary_key=True)
    customer = models.ForeignKey(Customer, models.CASCADE, db_index=False)
    date = models.DateField()

    class Meta:
        abstract = True
        ordering = ["-date", "pk"]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk} of {self.customer_id}"


class Engagement(HistoryRow):
    """Counters of one call; several rows for one customer on one day are normal and are summed by every reader."""

    issues_tagged = models.PositiveIntegerField(default=0)
    prs_generated = models.PositiveIntegerField("PRs generated", default=0)
    prs_merged = models.PositiveIntegerField("PRs merged", default=0)
    prs_rejected = models.PositiveIntegerField("PRs rejected", default=0)
    support_requests = models.PositiveIntegerField(default=0)

    ACTIVITY = ("issues_tagged", "prs_generated", "prs_merged", "prs_rejected")
    """The counters that the activity trend sums: who asks for help more often is not on the way up."""
    COUNTERS = (*ACTIVITY, "support_requests")

    class Meta(HistoryRow.Meta):
        verbose_name_plural = "engagement"
        indexes = [
            CoveringIndex(
                fields=["customer", "date"],
                covered=("issues_tagged", "prs_generated", "prs_merged", "prs_rejected", "support_requests"),
                name="engagement_customer_date",
            )
        ]


class Feedback(HistoryRow):
    """An NPS or CSAT answer."""

    nps = models.PositiveSmallIntegerField("NPS", null=True, blank=True)
    csat = models.PositiveSmallIntegerField("CSAT", null=True, blank=True)
    comment = models.TextField(blank=True)

    class Meta(HistoryRow.Meta):
        verbose_name_plural = "feedback"
        indexes = [models.Index(fields=["customer", "date"], name="feedback_customer_date")]


class Event(HistoryRow):
    """Something that the timeline shows with its own date and words."""

    class Kind(models.TextChoices):
        """The five steps, and what else happens to a customer."""

        WELCOME_EMAIL = Step.WELCOME_EMAIL.value, "Welcome email sent"
        ACCOUNT = Step.ACCOUNT.value, "Created account"
        ACTION = Step.ACTION.value, "Installed GitHub Action"
        FIRST_ISSUE = Step.FIRST_ISSUE.value, "Tagged first issue"
        FIRST_PR = Step.FIRST_PR.value, "First PR generated"
        SUPPORT_REQUEST = "support_request", "Support request"
        NOTE = "note", "Note"

    kind = models.CharField(max_length=30, choices=Kind)
    detail = models.TextField(blank=True)

    class Meta(HistoryRow.Meta):
        indexes = [models.Index(fields=["customer", "date"], name="event_customer_date")]


class QuarantinedRow(models.Model):
    """A data row that was not loaded: where it stands, what it says, and every reason against it.

    ``cells`` are the values in the order of the feed's columns, or null where they cannot be told apart.
    """

    class Status(models.TextChoices):
        """``superseded``: a later file says the same row again, or a newer one with its key."""

        OPEN = "open", "Open"
        LOADED = "loaded", "Loaded since"
        SUPERSEDED = "superseded", "Superseded"

    run = models.ForeignKey(ImportRun, models.PROTECT, related_name="quarantined_rows")
    feed = models.CharField(max_length=20, choices=FeedName)
    line = models.PositiveIntegerField()
    raw = models.TextField("raw text")
    cells = models.JSONField(null=True)
    key = models.CharField(max_length=64, blank=True)
    customer_key = models.CharField(max_length=64, blank=True)
    reasons = models.JSONField()
    waits_for_customer = models.BooleanField(default=False)
    status = models.CharField(max_length=20, choices=Status, default=Status.OPEN)
    resolved_by = models.ForeignKey(ImportRun, models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ["-run", "line"]
        indexes = [models.Index(fields=["feed", "status"], name="quarantine_feed_status")]
        permissions = [("fix_quarantinedrow", "Can fix and replay quarantined rows")]

    def __str__(self) -> str:
        return f"{self.feed} line {self.line}"


class Fix(models.Model):
    """What to take in place of a bad row: the same raw text in a later file of the feed is read as ``cells``.

    ``sha256`` is the text's own, because a text may be too long for an index.
    """

    feed = models.CharField(max_length=20, choices=FeedName)
    raw = models.TextField("raw text")
    sha256 = models.CharField("SHA-256", max_length=64, editable=False)
    cells = models.JSONField()
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "fixes"
        constraints = [models.UniqueConstraint(fields=["feed", "sha256"], name="fix_once")]

    def __str__(self) -> str:
        return f"fix {self.pk} of {self.feed}"


class RowChangeQuerySet(models.QuerySet["RowChange"]):
    """Changes by what was done."""

    def done(self) -> Self:
        """Those that were made."""
        return self.filter(reason="")

    def left(self) -> Self:
        """Rows that an undo had to leave as they are, each with the reason."""
        return self.exclude(reason="")


class RowChange(models.Model):
    """What a run did to one row: all its columns before and after, or null where there was no row.

    ``model`` and ``key`` name the row. A run has no entry for a row that its own file created: that is one whose
    ``run`` it is. ``reason`` is text only in an undo's list of rows that it left: ``before`` is then what stays,
    and ``after`` what should have come back. Neither constraint nor index for ``run``, as in ``LoadedRow``.
    """

    run = models.ForeignKey(ImportRun, models.DO_NOTHING, related_name="changes", db_constraint=False, db_index=False)
    model = models.CharField(max_length=20)
    key = KeyField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.CharField(max_length=200, blank=True)

    objects = RowChangeQuerySet.as_manager()

    class Meta:
        ordering = ["run", "model", "key"]
        constraints = [models.UniqueConstraint(fields=["run", "model", "key"], name="change_once")]

    def __str__(self) -> str:
        return f"{self.model} {self.key}"


class Upload(models.Model):
    """A file that somebody uploaded: previewed, and waiting to be loaded (then ``run`` is its run) or cancelled.

    ``folder`` and ``stored_name`` say where the CSV to load lies, ``sha256`` and ``size`` are that CSV's. ``seen``
    is the state of the data that ``preview`` (the dry run's counts and words, see ``uploads``) was made from.
    """

    feed = models.CharField(max_length=20, choices=FeedName)
    file = models.CharField("file name", max_length=255)
    notes = models.JSONField(default=list)
    folder = models.CharField(max_length=32, unique=True)
    stored_name = models.CharField(max_length=40)
    sha256 = models.CharField("SHA-256", max_length=64)
    size = models.BigIntegerField("bytes")
    uploaded_by = models.CharField(max_length=150)
    uploaded_at = models.DateTimeField(default=timezone.now)
    preview = models.JSONField(default=dict)
    seen = models.CharField(max_length=64, blank=True)
    run = models.ForeignKey(ImportRun, models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"upload {self.pk}: {self.file}"


class Erasure(models.Model):
    """A customer of whom everything was erased: what is left is who did it, when, how much, and a mark of the id.

    The mark knows the id again in a later file: ``digest`` is the HMAC-SHA256 of the id, keyed by ``salt``, which is
    random and the row's own (see ``erased``). ``last_run`` is the newest run by then: files up to it had the customer.
    """

    class State(models.TextChoices):
        """Files are redacted once the rows are gone for good; a process that dies in between leaves that to others."""

        FILES = "files", "Files are still to be redacted"
        DONE = "done", "Done"

    salt = models.CharField(max_length=64, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    erased_by = models.CharField(max_length=150)
    erased_at = models.DateTimeField(default=timezone.now)
    last_run = models.BigIntegerField(default=0, editable=False)
    counts = models.JSONField("what went", default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.FILES)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"erasure {self.pk}"


def data_date(today: date | None = None) -> date:
    """The newest engagement date loaded, never after today; without any engagement today itself.

    PostgreSQL has an index by date; SQLite looks up each customer's newest one instead of reading all rows.
    """
    today = today or timezone.localdate()
    loaded = Engagement.objects.filter(date__lte=today).order_by()
    if connection.vendor == "postgresql":
        found = loaded.aggregate(newest=models.Max("date"))
    else:
        theirs = loaded.filter(customer=models.OuterRef("pk")).order_by("-date").values("date")[:1]
        found = Customer.objects.aggregate(newest=models.Max(models.Subquery(theirs)))
    return found["newest"] or today
