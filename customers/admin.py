"""The feeds' rows and the ledger in the admin: what a feed owns is read-only, what staff keep is theirs to edit."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import BadRequest, FieldDoesNotExist, PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import ForeignKey, Model, Q, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.utils.timezone import localtime
from import_export.admin import ExportMixin
from unfold.contrib.import_export.forms import ExportForm
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from customers import archive, audit, audit_admin  # noqa: F401 - the last one registers
from customers.audit_export import record_export
from customers.erase import in_words
from customers.feeds import FEEDS
from customers.fix_views import ReasonFilter, RunFilter, corrections, fix_address, replay_and_tell
from customers.model_admin import ModelAdmin
from customers.models import (
    Customer,
    CustomerCare,
    Engagement,
    Erasure,
    Event,
    Feedback,
    FeedName,
    Fix,
    ImportRun,
    LoadedRow,
    Note,
    Onboarding,
    QuarantinedRow,
)
from customers.owner_views import MAY_ASSIGN, assign_page
from customers.owners import CANNOT_ACT, able, able_and, marked_name, name_of
from customers.preview_rows import cut
from customers.resources import RESOURCES
from customers.runs import CHANGES_PER_PAGE, SHORT_HASH, changed_rows, counts, duration

admin.site.unregister([User, Group])


_LOOKUPS = {"exact": "{}", "id": "{}", "gte": "from {}", "lte": "up to {}", "gt": "above {}", "isnull": "given"}
"""The lookups that our links use, in words."""
SHORT_TEXT = 120
"""So many characters of a text stand in a list."""


class ReadOnlyAdmin(ModelAdmin):
    """Rows that are looked at, never edited here."""

    list_fullwidth = True
    show_full_result_count = False
    list_before_template = "customers/scope.html"
    scope_labels: dict[str, str] = {}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, which says what a link has narrowed it to."""
        return super().changelist_view(request, {**(extra_context or {}), "scope": list(self._scope(request))})

    def _scope(self, request: HttpRequest) -> Iterator[str]:
        """What the address asks of the rows beyond the filters that the list itself shows."""
        for lookup, value in request.GET.items():
            name, *parts = lookup.split("__")
            words = _LOOKUPS.get(parts[-1] if parts else "exact")
            if words is None or name in self.list_filter:
                continue
            try:
                label = self.scope_labels.get(name) or self.opts.get_field(name).verbose_name
            except FieldDoesNotExist:
                continue
            yield f"{label} {words.format(value)}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the loader adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only the loader changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted by hand."""
        return False


class FeedAdmin(ExportMixin, ReadOnlyAdmin):
    """A feed's rows, with django-import-export's export."""

    export_form_class = ExportForm
    ordering = ["-pk"]  # by the key's index: any other order would sort a million rows
    list_select_related = ["customer"]
    search_fields = ["=id", "customer__organization", "=customer__id"]
    readonly_fields = ["changed_by", "file", "sha256", "line"]
    ledger_fields = ["changed_by", "file", "sha256", "line"]
    scope_labels = {"run": "last changed by run"}

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """The columns, and where each row comes from."""
        return [*self.list_display, "source"]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> list[tuple[str | None, dict[str, Any]]]:
        """What the feed says, and then which line of which file said it."""
        own = [field.name for field in self.opts.fields if field.editable]
        return [(None, {"fields": own}), ("Where this row comes from", {"fields": self.ledger_fields})]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row, with the run that last changed it, where that one is known."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.last_run = ImportRun.objects.filter(pk=row.run_id).first()
        return row

    @admin.display(description="source")
    def source(self, row: LoadedRow) -> str:
        """The run and the line that last changed a row."""
        return format_html(
            '<a class="underline whitespace-nowrap" href="{}">run {}, line {}</a>',
            _run_address(row.run_id),
            row.run_id,
            row.line,
        )

    @admin.display(description="last changed by")
    def changed_by(self, row: Any) -> str | None:
        """The run that last changed a row, as a link to its page."""
        run = row.last_run
        return run and format_html('<a class="underline" href="{}">run {}</a>', _run_address(run.pk), run.pk)

    @admin.display(description="file")
    def file(self, row: Any) -> str | None:
        """That run's file."""
        return row.last_run and row.last_run.file

    @admin.display(description="SHA-256")
    def sha256(self, row: Any) -> str | None:
        """The hash of that file."""
        return row.last_run and format_html('<code class="rsolv-hash">{}</code>', row.last_run.sha256)

    def get_export_resource_classes(self, request: HttpRequest) -> list[type]:
        """The feed's own columns."""
        return [RESOURCES[self.model]]

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Exporting customers' data is a permission of its own."""
        return request.user.has_perm("customers.export_customer")

    def get_export_data(self, file_format: Any, request: HttpRequest, queryset: QuerySet[Any], **kwargs: Any) -> Any:
        """The file, which the audit knows of."""
        data = super().get_export_data(file_format, request, queryset, **kwargs)
        record_export(request, str(self.opts.verbose_name_plural), queryset.count())
        return data


@admin.register(Customer)
class CustomerAdmin(FeedAdmin):
    """Customers as their feed says."""

    ordering = None
    list_display = ["organization", "id", "email", "status", "cohort", "industry", "team_size", "signup_date"]
    list_filter = ["status", "cohort", "industry"]
    list_select_related = []
    search_fields = ["organization", "email", "github_username", "=id"]
    readonly_fields = [*FeedAdmin.readonly_fields, "missing_since"]
    ledger_fields = [*FeedAdmin.ledger_fields, "missing_since"]
    actions = ["assign_owner"]

    def has_assign_permission(self, request: HttpRequest) -> bool:
        """Who looks after a customer is staff's to say, though the customer's own row is the feed's."""
        return request.user.has_perm(MAY_ASSIGN)

    @admin.action(description="Assign an owner", permissions=["assign"])
    def assign_owner(self, request: HttpRequest, customers: QuerySet[Customer]) -> HttpResponse:
        """Ask who shall look after the chosen customers; the answer comes back to the same action."""
        names = ("action", "select_across", "index", ACTION_CHECKBOX_NAME)
        sent = [(name, value) for name in names for value in request.POST.getlist(name)]
        return assign_page(request, customers, sent, request.get_full_path())


@admin.register(Onboarding)
class OnboardingAdmin(FeedAdmin):
    """Onboarding as its feed says."""

    list_display = ["id", "customer", "completed_date", "days_to_complete", "blocker_type"]
    list_filter = ["blocker_type"]
    readonly_fields = [*FeedAdmin.readonly_fields, "missing_since"]
    ledger_fields = [*FeedAdmin.ledger_fields, "missing_since"]


@admin.register(Engagement)
class EngagementAdmin(FeedAdmin):
    """Engagement rows."""

    list_display = ["id", "customer", "date", *Engagement.COUNTERS]


@admin.register(Feedback)
class FeedbackAdmin(FeedAdmin):
    """NPS and CSAT answers."""

    list_display = ["id", "customer", "date", "nps", "csat", "comment"]


@admin.register(Event)
class EventAdmin(FeedAdmin):
    """Events."""

    list_display = ["id", "customer", "date", "kind", "detail"]
    list_filter = ["kind"]


class OwnerField(ModelChoiceField):
    """Somebody who can look after customers, by name."""

    def label_from_instance(self, obj: User) -> str:
        """The name, and that they may not act where they may not."""
        return marked_name(obj)


class CareForm(ModelForm):
    """Who looks after a customer: one of those who can, or who does so already."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "owner" in self.fields:
            self.fields["owner"].queryset = able_and(self.instance.owner_id)


class OwnerFilter(admin.SimpleListFilter):
    """Whose customers, by name."""

    title = "owner"
    parameter_name = "owner__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Those who look after somebody."""
        owners = User.objects.filter(customers_in_care__isnull=False).distinct()
        return sorted(((str(one.pk), name_of(one)) for one in owners), key=lambda choice: choice[1].casefold())

    def queryset(self, request: HttpRequest, queryset: QuerySet[CustomerCare]) -> QuerySet[CustomerCare]:
        """The person's customers."""
        key = self.value()
        if not key:
            return queryset
        return (
            queryset.filter(owner=int(key)) if key.isascii() and key.isdecimal() and len(key) < 10 else queryset.none()
        )


@admin.register(CustomerCare)
class CustomerCareAdmin(ModelAdmin):
    """Who looks after a customer, and staff's notes."""

    form = CareForm
    list_display = ["customer", "owner_named", "do_not_contact"]
    list_filter = [OwnerFilter, "do_not_contact"]
    list_select_related = ["customer", "owner"]
    search_fields = ["customer__organization", "=customer__id"]
    autocomplete_fields = ["customer"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: an owner is taken away, and notes are emptied."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Care stays with its customer."""
        return ["customer"] if obj else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[CustomerCare]:
        """Each with whether its owner may act."""
        return super().get_queryset(request).annotate(may_act=Q(owner__in=able().order_by().values("pk")))

    @admin.display(description="owner", ordering="owner__username")
    def owner_named(self, care: Any) -> str | None:
        """The owner by name, and that they may not act where they may not."""
        if care.owner is None:
            return None
        return care.owner_name if care.may_act else f"{care.owner_name} ({CANNOT_ACT})"

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **options: Any) -> Any:
        """The owner from a plain list, because a search asks for leave to view users."""
        if db_field.name == "owner":
            options |= {"form_class": OwnerField, "queryset": able_and(None)}
        return super().formfield_for_foreignkey(db_field, request, **options)


@admin.register(Note)
class NoteAdmin(ReadOnlyAdmin):
    """Staff's notes, which a customer's page adds: nobody changes one, and few may delete one."""

    list_display = ["customer", "created_at", "author", "text"]
    list_select_related = ["customer"]
    list_filter = ["author"]
    search_fields = ["text", "=customer__id"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Those who have the permission may delete a note."""
        return request.user.has_perm("customers.delete_note")


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    """The ledger of imports: a list, and for each run a page of its own."""

    list_display = [
        "id",
        "when",
        "feed",
        "state",
        "created",
        "updated",
        "unchanged",
        "quarantined",
        "retried",
        "took",
        "file",
        "short_hash",
        "started_by",
    ]
    list_filter = ["feed", "status"]
    list_before_template = "customers/run_tools.html"
    search_fields = ["file", "=sha256", "reason"]

    @admin.display(description="started", ordering="started_at")
    def when(self, run: ImportRun) -> str:
        """When it began, in one line."""
        return date_format(localtime(run.started_at), "j M Y, H:i").replace(" ", "\u00a0")

    @admin.display(description="SHA-256")
    def short_hash(self, run: ImportRun) -> str:
        """The beginning of the file's hash."""
        return run.sha256[:SHORT_HASH]

    @display(
        description="status",
        ordering="status",
        label={"loaded": "success", "refused": "danger", "failed": "danger", "interrupted": "warning"},
    )
    def state(self, run: ImportRun) -> tuple[str, str]:
        """How it ended, as a pill."""
        return run.status, run.get_status_display()

    @admin.display(description="duration")
    def took(self, run: ImportRun) -> str | None:
        """How long it took, in one line."""
        return (duration(run) or "–").replace(" ", "\u00a0")

    def get_urls(self) -> list[URLPattern]:
        """The admin's own, and the file's."""
        view = self.admin_site.admin_view(self.file_view)
        return [path("<path:object_id>/file/", view, name="customers_importrun_file"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A run's page; there is nothing to send to it."""
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        return self._page(request, self._run(request, object_id))

    def file_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Download the file that a run read, as it was but for erased customers; it holds customers' data."""
        run = self._run(request, object_id)
        if not request.user.has_perm("customers.export_customer"):
            raise PermissionDenied
        place = archive.find(run)
        if place is None:
            return self._page(request, run, status=404)
        audit.record(audit.Action.EXPORT, f"file of {run}", detail=f"{run.size} bytes, {run.rows} rows")
        response = StreamingHttpResponse(_unpacked(place), content_type="application/octet-stream")
        redacted = archive.is_redacted(place)
        if not redacted:
            response["Content-Length"] = run.size
        name = f"run-{run.pk}-{'redacted-' if redacted else ''}{_safe_name(run.file)}"
        response["Content-Disposition"] = content_disposition_header(True, name)
        return response

    def _run(self, request: HttpRequest, object_id: str) -> ImportRun:
        run = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        if run is None:
            raise Http404("There is no such run.")
        return run

    def _page(self, request: HttpRequest, run: ImportRun, status: int = 200) -> HttpResponse:
        place = archive.find(run)
        page = Paginator(run.changes.order_by("model", "key"), CHANGES_PER_PAGE).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Run {run.pk}: {run.file}",
            "run": run,
            "counts": counts(run),
            "duration": duration(run),
            "kept": place is not None,
            "redacted": place is not None and archive.is_redacted(place),
            "page": page,
            "changes": changed_rows(page.object_list),
        }
        return TemplateResponse(request, "customers/run.html", context, status=status)


def _run_address(pk: int) -> str:
    return reverse("admin:customers_importrun_change", args=[pk])


def _unpacked(place: Path) -> Iterator[bytes]:
    with gzip.open(place) as file:
        while chunk := file.read(archive.CHUNK):
            yield chunk


def _safe_name(name: str) -> str:
    """A file name without what a header, a shell or a file system may take for more than a name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)


@admin.register(QuarantinedRow)
class QuarantinedRowAdmin(ReadOnlyAdmin):
    """Rows that were not loaded, with every reason; they can be fixed, replayed, and corrected in a spreadsheet."""

    list_display = ["feed", "run", "line", "reasons_in_words", "status", "fix_link"]
    list_filter = ["feed", ReasonFilter, RunFilter, "status", "waits_for_customer"]
    list_before_template = "customers/quarantine_tools.html"
    actions = ["replay_chosen"]
    list_select_related = ["run"]
    search_fields = ["raw", "=key", "=customer_key"]
    fields = ["feed", "run", "line", "reasons_in_words", "raw", "status", "resolved_by", "waits_for_customer"]
    readonly_fields = ["reasons_in_words"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with what can be done to all rows that it shows."""
        context = {
            "may_fix": self.has_fix_permission(request),
            "feeds": self._feeds_to_correct() if self._may_download(request) else [],
            "query": request.GET.urlencode(),
        }
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """The columns; the way to the form only for those who may use it."""
        return self.list_display if self.has_fix_permission(request) else self.list_display[:-1]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """What the row's page shows."""
        return [*self.fields, "fix_link"] if self.has_fix_permission(request) else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """All that is made here."""
        return [*self.readonly_fields, "fix_link"]

    def has_fix_permission(self, request: HttpRequest) -> bool:
        """Fixing and replaying change the data, so both are a permission of its own."""
        return request.user.has_perms(["customers.view_quarantinedrow", "customers.fix_quarantinedrow"])

    @staticmethod
    def _feeds_to_correct() -> list[tuple[str, str]]:
        """The feeds with open rows, each with its label."""
        open_rows = QuarantinedRow.objects.filter(status=QuarantinedRow.Status.OPEN).order_by()
        there = set(open_rows.values_list("feed", flat=True).distinct())
        return [(name, label) for name, label in FeedName.choices if name in there]

    @staticmethod
    def _may_download(request: HttpRequest) -> bool:
        return request.user.has_perms(["customers.view_quarantinedrow", "customers.export_customer"])

    @admin.display(description="fix")
    def fix_link(self, row: QuarantinedRow) -> str | None:
        """The way to the form that fixes an open row."""
        if row.status != QuarantinedRow.Status.OPEN:
            return None
        return format_html('<a class="underline" href="{}">Fix line {}</a>', fix_address(row), row.line)

    @admin.action(description="Replay the chosen rows", permissions=["fix"])
    def replay_chosen(self, request: HttpRequest, rows: QuerySet[QuarantinedRow]) -> None:
        """Try the chosen rows again."""
        replay_and_tell(request, rows)

    def get_urls(self) -> list[URLPattern]:
        """The admin's own, and what is done to all rows of a filtered list."""
        guard = self.admin_site.admin_view
        return [
            path("replay/", guard(self.replay_shown), name="customers_quarantinedrow_replay"),
            path("download/<str:feed>/", guard(self.download), name="customers_quarantinedrow_download"),
            *super().get_urls(),
        ]

    def replay_shown(self, request: HttpRequest) -> HttpResponse:
        """Try all rows again that the list of this address shows, on all of its pages."""
        if not self.has_fix_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        replay_and_tell(request, self._shown(request))
        address = reverse("admin:customers_quarantinedrow_changelist")
        return redirect(f"{address}?{request.GET.urlencode()}" if request.GET else address)

    def download(self, request: HttpRequest, feed: str) -> HttpResponse:
        """The open rows of a feed that the list of this address shows, to be corrected in a spreadsheet."""
        if not self._may_download(request):
            raise PermissionDenied
        if feed not in FEEDS:
            raise Http404("There is no such feed.")
        rows = self._shown(request)
        response = HttpResponse(corrections(FEEDS[feed], rows), content_type="text/csv; charset=utf-8")
        count = rows.filter(feed=feed, status=QuarantinedRow.Status.OPEN).count()
        record_export(request, f"quarantine of {feed}", count)
        response["Content-Disposition"] = content_disposition_header(True, f"{feed}-quarantined.csv")
        return response

    def _shown(self, request: HttpRequest) -> QuerySet[QuarantinedRow]:
        try:
            return self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters as error:
            raise BadRequest("The list cannot be filtered like this.") from error

    @admin.display(description="reasons")
    def reasons_in_words(self, row: QuarantinedRow) -> str:
        """All reasons in one line."""
        return "; ".join(row.reasons)


@admin.register(Fix)
class FixAdmin(ReadOnlyAdmin):
    """Fixes that are remembered; one that is deleted is forgotten, and what was loaded by it stays."""

    list_display = ["feed", "raw_text", "read_as", "made_by", "made_at"]
    list_filter = ["feed", "made_by"]
    search_fields = ["raw"]
    fields = ["feed", "raw", "read_as", "made_by", "made_at"]
    readonly_fields = ["read_as"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever looks after imports may forget a fix."""
        return request.user.has_perm("customers.delete_fix")

    @admin.display(description="raw text")
    def raw_text(self, fix: Fix) -> str:
        """The beginning of the text."""
        return cut(fix.raw, SHORT_TEXT)

    @admin.display(description="read as")
    def read_as(self, fix: Fix) -> str:
        """The cells that are taken for it, by their columns; those of other columns than today's as they stand."""
        names = FEEDS[fix.feed].column_names
        named = zip(names, fix.cells, strict=True) if len(names) == len(fix.cells) else enumerate(fix.cells, start=1)
        return "; ".join(f"{name}: {cut(cell, SHORT_TEXT)}" for name, cell in named if cell)


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Who erased a customer, when, and how much went; whom is known to nobody."""

    list_display = ["id", "erased_at", "erased_by", "state", "what_went"]
    list_filter = ["state"]
    fields = ["erased_at", "erased_by", "state", "what_went"]
    readonly_fields = ["what_went"]

    @admin.display(description="what went")
    def what_went(self, erasure: Erasure) -> str:
        """The counts in one line."""
        return in_words(erasure.counts)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """Django's users in our theme."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """The password and its entry in the audit, or neither."""
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Django's groups in our theme."""
