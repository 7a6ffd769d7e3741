"""The ledger in the admin: runs, the quarantine, its fixes, and erasures."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.utils.timezone import localtime
from unfold.decorators import display

from customers.archive import files
from customers.audit import trail
from customers.audit.export import record_export
from customers.core.files import open_file
from customers.core.pages import lead_to_form, narrowed
from customers.editing.model_admin import ReadOnlyAdmin
from customers.erasure.erase import in_words
from customers.feeds.declarations import FEEDS
from customers.models import (
    Erasure,
    FeedName,
    Fix,
    ImportRun,
    KeyChange,
    QuarantinedRow,
)
from customers.quarantine.filters import ReasonFilter, RunFilter, StatusFilter, open_by_default
from customers.quarantine.views import corrections, fix_address, replay_and_tell
from customers.runs.page import CHANGES_PER_PAGE, SHORT_HASH, changed_rows, counts, duration
from customers.same_customer.views import MAY_JOIN
from customers.text.shown import cut

SHORT_TEXT = 120
"""So many characters of a text stand in a list."""


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
        "missing",
    ]
    list_filter = ["feed", "status"]
    list_before_template = "customers/runs/tools.html"
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
        place = files.find(run)
        if place is None:
            return self._page(request, run, status=404)
        trail.record(trail.Action.EXPORT, f"file of {run}", detail=f"{run.size} bytes, {run.rows} rows")
        response = StreamingHttpResponse(_unpacked(place), content_type="application/octet-stream")
        redacted = files.is_redacted(place)
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
        place = files.find(run)
        page = Paginator(run.changes.order_by("model", "key"), CHANGES_PER_PAGE).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Run {run.pk}: {run.file}",
            "run": run,
            "counts": counts(run),
            "duration": duration(run),
            "kept": place is not None,
            "redacted": place is not None and files.is_redacted(place),
            "page": page,
            "changes": changed_rows(page.object_list),
        }
        return TemplateResponse(request, "customers/runs/page.html", context, status=status)


def _unpacked(place: Path) -> Iterator[bytes]:
    with open_file(place) as packed, gzip.GzipFile(fileobj=packed, mode="rb") as file:
        while chunk := file.read(files.CHUNK):
            yield chunk


def _safe_name(name: str) -> str:
    """A file name without what a header, a shell or a file system may take for more than a name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)


@admin.register(QuarantinedRow)
class QuarantinedRowAdmin(ReadOnlyAdmin):
    """Rows that were not loaded, with every reason; they can be fixed, replayed, and corrected in a spreadsheet."""

    list_display = ["feed", "run", "line", "reasons_in_words", "status", "fix_link"]
    list_filter = ["feed", StatusFilter, ReasonFilter, RunFilter, "waits_for_customer"]
    list_before_template = "customers/quarantine/tools.html"
    actions = ["replay_chosen"]
    list_select_related = ["run"]
    search_fields = ["raw", "=key", "=customer_key"]
    asked_by_links = ("resolved_by",)
    fields = ["feed", "run", "line", "reasons_in_words", "raw", "status", "resolved_by", "waiting"]
    readonly_fields = ["reasons_in_words", "waiting"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with what can be done to all rows that it shows."""
        request.GET = open_by_default(request.GET)
        context = {
            "may_fix": self.has_fix_permission(request),
            "feeds": self._feeds_to_correct() if self._may_download(request) else [],
            "query": request.GET.urlencode(),
            "chosen_feed": chosen if (chosen := request.GET.get("feed__exact")) in FEEDS else "",
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

    @admin.display(description="waits for its customer")
    def waiting(self, row: QuarantinedRow) -> str:
        """Whether later imports try the row again, in words: the theme's red cross would read as a fault."""
        return "Yes; later imports try it again" if row.waits_for_customer else "No"

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
        address = reverse("admin:customers_quarantinedrow_changelist")
        back = f"{address}?{request.GET.urlencode()}" if request.GET else address
        if request.method != "POST":
            return lead_to_form(request, back)
        replay_and_tell(request, self._shown(request))
        return redirect(back)

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
        return narrowed(lambda: self.get_changelist_instance(request).get_queryset(request))

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


@admin.register(KeyChange)
class KeyChangeAdmin(ReadOnlyAdmin):
    """Keys that seem to have changed, and what was decided."""

    list_display = ["former_key", "new_key", "why", "run", "noticed_at", "state", "decided_by", "decide_link"]
    list_filter = ["state"]
    list_select_related = ["customer", "former", "run"]
    search_fields = ["=customer__id", "=former__id", "customer__organization"]
    fields = ["former_key", "new_key", "why", "run", "noticed_at", "state", "decided_by", "decided_at"]
    readonly_fields = ["former_key", "new_key", "why"]

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """The columns; the way to the page that decides only for those who may."""
        return self.list_display if request.user.has_perms(MAY_JOIN) else self.list_display[:-1]

    @admin.display(description="gone", ordering="former")
    def former_key(self, pair: KeyChange) -> str:
        """The key that vanished, with the name."""
        return f"{pair.former_id} ({cut(pair.former.organization, SHORT_TEXT)})"

    @admin.display(description="there", ordering="customer")
    def new_key(self, pair: KeyChange) -> str:
        """The key that is there, with the name."""
        return f"{pair.customer_id} ({cut(pair.customer.organization, SHORT_TEXT)})"

    @admin.display(description="why")
    def why(self, pair: KeyChange) -> str:
        """What they have in common."""
        return pair.because

    @admin.display(description="decide")
    def decide_link(self, pair: KeyChange) -> str:
        """The way to the page that decides."""
        return format_html(
            '<a class="underline whitespace-nowrap" href="{}">{}</a>',
            reverse("customers:same-customer", args=[pair.pk]),
            "Decide" if pair.state == KeyChange.State.OPEN else "Look again",
        )


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
