"""The ledger of imports: runs, rows in quarantine with their fixes, what runs changed, and uploads."""

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from customers.fields import KeyField
from customers.models.feeds import FeedName
from customers.text.choices import SpokenChoices
from customers.text.say import say, say_n


class ImportRunQuerySet(models.QuerySet["ImportRun"]):
    """Runs of imports by their outcome."""

    def accepted(self) -> Self:
        """Return the runs of whole files that are loaded and not undone; neither undos nor replays are among them."""
        whole = self.filter(scope=ImportRun.Scope.WHOLE, undoes=None, undone_by=None)
        return whole.filter(status=ImportRun.Status.LOADED)

    def of_files(self) -> Self:
        """Leave out the runs of what came by the API."""
        return self.exclude(scope__in=ImportRun.OF_API)


class ImportRun(models.Model):
    """One attempt to load one file: what was read, what became of the rows, or why it was refused.

    ``lines`` of a loaded file are those that end in it, by which the next one goes on numbering; null is unknown.
    For a loaded file ``created + updated + unchanged + quarantined == rows``; ``retried`` counts rows of earlier
    files that came out of quarantine. An undo is a run too: ``created`` rows are there again, ``updated`` ones are
    as they were, ``unchanged`` ones were left (see ``RowChange``), and ``deleted``, outside ``rows``, are gone.
    ``left_out`` of the ``unchanged`` are of customers who were erased. ``missing`` rows of a full feed are gone from
    its file since this run, ``returned`` ones were gone and are there again; both are outside ``rows``.
    A replay's ``rows`` are quarantined rows that it tried: ``unchanged`` are also those that were superseded, and
    ``quarantined`` those that stay. The ``rows`` of a run of events are events: the first of a day creates a row,
    the next ones update it. ``deleted`` of a run that is no undo are provisional rows that gave way to its own.
    """

    class Scope(SpokenChoices):
        """What a run read: a feed's whole file, corrected rows, rows in quarantine, or what came by the API."""

        WHOLE = "whole", _("Whole file")
        CORRECTIONS = "corrections", _("Corrected rows")
        REPLAY = "replay", _("Replay")
        PARTIAL = "partial", _("Rows by the API")
        EVENTS = "events", _("Events of the product")

    OF_API = (Scope.PARTIAL, Scope.EVENTS)
    """The scopes of runs that read no file."""

    class Status(SpokenChoices):
        """How a run ended; ``refused`` is the file's fault, ``failed`` that of this software."""

        RUNNING = "running", _("Running")
        LOADED = "loaded", _("Loaded")
        REFUSED = "refused", _("Refused")
        FAILED = "failed", _("Failed")
        INTERRUPTED = "interrupted", _("Interrupted")

    feed = models.CharField(_("feed"), max_length=20, choices=FeedName)
    scope = models.CharField(max_length=20, choices=Scope, default=Scope.WHOLE, editable=False)
    file = models.CharField(_("file name"), max_length=255)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    rules = models.CharField(_("fingerprint of the rules"), max_length=64, blank=True, editable=False)
    size = models.BigIntegerField(_("bytes"), default=0)
    lines = models.PositiveBigIntegerField(_("lines"), null=True, editable=False)
    mixed_case = models.BooleanField(_("keys may have upper-case letters"), default=True, editable=False)
    repeats = models.BooleanField(_("a key may be in the file more than once"), default=True, editable=False)
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.RUNNING)
    reason = models.TextField(_("reason"), blank=True)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    created = models.PositiveIntegerField(_("created"), default=0)
    updated = models.PositiveIntegerField(_("updated"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    quarantined = models.PositiveIntegerField(_("quarantined"), default=0)
    retried = models.PositiveIntegerField(_("retried"), default=0)
    deleted = models.PositiveIntegerField(_("deleted"), default=0)
    left_out = models.PositiveIntegerField(_("rows of erased customers"), default=0, editable=False)
    warnings = models.JSONField(_("warnings"), default=list)
    started_by = models.CharField(_("started by"), max_length=150)
    forced_by = models.CharField(_("forced by"), max_length=150, blank=True)
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    undoes = models.ForeignKey(
        "self", models.PROTECT, related_name="+", null=True, blank=True, verbose_name=_("undoes")
    )
    undone_by = models.ForeignKey(
        "self", models.PROTECT, related_name="+", null=True, blank=True, verbose_name=_("undone by")
    )
    missing = models.PositiveIntegerField(_("newly missing from the feed"), default=0)
    returned = models.PositiveIntegerField(_("back in the feed"), default=0)
    content_sha256 = models.CharField(_("SHA-256 of the content, unpacked"), max_length=64, blank=True, editable=False)

    over_limit = False
    """Whether the file was refused for too many bad rows; the loader sets it, no column has it."""

    objects = ImportRunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("import run")
        verbose_name_plural = _("import runs")
        indexes = [
            models.Index(fields=["feed", "status"], name="run_feed_status"),
            # A feed's last file is found past the runs of events, of which there is one a minute.
            models.Index(
                fields=["feed", "id"], condition=~models.Q(scope__in=["partial", "events"]), name="run_of_files"
            ),
        ]
        permissions = [
            ("undo_importrun", gettext_noop("Can undo an import")),
            ("upload_importrun", gettext_noop("Can upload files")),
        ]

    def __str__(self) -> str:
        return say("run {number}: {file}", number=str(self.pk), file=self.file)

    @property
    def has_file(self) -> bool:
        """Return whether the run read a file, rather than what came by the API."""
        return self.scope not in self.OF_API

    @property
    def is_too_old_to_undo(self) -> bool:
        """Return whether the run's journal is deleted, or will be tonight."""
        days = settings.UNDO_DAYS
        return bool(days) and self.started_at < timezone.now() - timedelta(days=days)

    @property
    def why_not_undoable(self) -> str:
        """Return why the run cannot be undone; '' where it can."""
        run = str(self.pk)
        if self.status != self.Status.LOADED:
            status = self.get_status_display().lower()
            return say("Run {run} was not loaded ({status}): there is nothing to undo.", run=run, status=status)
        if self.is_too_old_to_undo:
            return say_n(
                "Run {run} is older than {number} day: what it changed is no longer kept.",
                "Run {run} is older than {number} days: what it changed is no longer kept.",
                settings.UNDO_DAYS,
                run=run,
            )
        if self.undone_by_id:
            return say("Run {run} is undone already, by run {other}.", run=run, other=str(self.undone_by_id))
        undone = self.undoes
        if undone and (undone.undone_by_id != self.pk or (undone.undoes and undone.undoes.undone_by_id)):
            return say("Run {run} no longer counts: what it did was undone by another run since.", run=run)
        return ""


class QuarantinedRowQuerySet(models.QuerySet["QuarantinedRow"]):
    """Rows in quarantine by where they are from."""

    def of_files(self) -> Self:
        """Leave out events of the product, which only the ingest tries again."""
        return self.exclude(run__scope=ImportRun.Scope.EVENTS)


class QuarantinedRow(models.Model):
    """A row of a file that was not loaded, with its line, its text, and every reason against it.

    ``cells`` are the values in the order of the feed's columns, or null where they cannot be told apart.
    """

    class Status(SpokenChoices):
        """``superseded``: a later file has the same row again, or a newer row with its key; ``rejected``: by hand."""

        OPEN = "open", _("Open")
        LOADED = "loaded", _("Resolved")
        SUPERSEDED = "superseded", _("Replaced")
        REJECTED = "rejected", _("Rejected")

    run = models.ForeignKey(ImportRun, models.PROTECT, related_name="quarantined_rows", verbose_name=_("run"))
    feed = models.CharField(_("feed"), max_length=20, choices=FeedName)
    line = models.PositiveIntegerField(_("line"))
    raw = models.TextField(_("raw text"))
    cells = models.JSONField(null=True)
    key = models.CharField(max_length=64, blank=True)
    customer_key = models.CharField(max_length=64, blank=True)
    reasons = models.JSONField()
    waits_for_customer = models.BooleanField(_("waits for customer"), default=False)
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.OPEN)
    resolved_by = models.ForeignKey(
        ImportRun, models.PROTECT, related_name="+", null=True, verbose_name=_("resolved by")
    )

    objects = QuarantinedRowQuerySet.as_manager()

    class Meta:
        ordering = ["-run", "line"]
        verbose_name = _("quarantined row")
        verbose_name_plural = _("quarantined rows")
        indexes = [models.Index(fields=["feed", "status"], name="quarantine_feed_status")]
        permissions = [("fix_quarantinedrow", gettext_noop("Can fix and replay quarantined rows"))]

    def __str__(self) -> str:
        return say("{feed} line {line}", feed=self.feed, line=str(self.line))


class Fix(models.Model):
    """A correction of a bad row: the same raw text in a later file is read as ``cells``.

    ``sha256`` is the text's own, because a text may be too long for an index.
    """

    feed = models.CharField(_("feed"), max_length=20, choices=FeedName)
    raw = models.TextField(_("raw text"))
    sha256 = models.CharField(_("SHA-256"), max_length=64, editable=False)
    cells = models.JSONField()
    made_by = models.CharField(_("made by"), max_length=150)
    made_at = models.DateTimeField(_("made at"), default=timezone.now)

    class Meta:
        ordering = ["pk"]
        verbose_name = _("fix")
        verbose_name_plural = _("fixes")
        constraints = [models.UniqueConstraint(fields=["feed", "sha256"], name="fix_once")]

    def __str__(self) -> str:
        return say("Fix {number} of {feed}", number=str(self.pk), feed=self.feed)


class RowChangeQuerySet(models.QuerySet["RowChange"]):
    """Changes of rows by whether they were made."""

    def done(self) -> Self:
        """Return the changes that were made."""
        return self.filter(reason="")

    def left(self) -> Self:
        """Return the changes that an undo had to reject, each with the reason."""
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
        verbose_name = _("row change")
        verbose_name_plural = _("row changes")
        constraints = [models.UniqueConstraint(fields=["run", "model", "key"], name="change_once")]

    def __str__(self) -> str:
        return f"{self.model} {self.key}"


class Upload(models.Model):
    """An uploaded file that waits to be loaded or cancelled; once it is loaded, ``run`` is its run.

    ``folder`` and ``stored_name`` say where the CSV to load lies, ``sha256`` and ``size`` are that CSV's. ``seen``
    is the state of the data that ``preview`` (the dry run's counts and words, see ``uploads``) was made from.
    """

    feed = models.CharField(max_length=20, choices=FeedName)
    file = models.CharField(_("file name"), max_length=255)
    notes = models.JSONField(default=list)
    folder = models.CharField(max_length=32, unique=True)
    stored_name = models.CharField(max_length=40)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size = models.BigIntegerField(_("bytes"))
    uploaded_by = models.CharField(max_length=150)
    uploaded_at = models.DateTimeField(default=timezone.now)
    preview = models.JSONField(default=dict)
    seen = models.CharField(max_length=64, blank=True)
    run = models.ForeignKey(ImportRun, models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        default_permissions = ()

    def __str__(self) -> str:
        return say("upload {number}: {file}", number=str(self.pk), file=self.file)
