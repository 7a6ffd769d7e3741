"""The ledger of imports in the admin: a list of runs, a page for each, and its file."""

import gzip
import re
from collections.abc import Iterator

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.http import content_disposition_header
from django.utils.translation import gettext, gettext_lazy
from unfold.decorators import display

from customers.archive import files
from customers.audit import trail
from customers.core.pages import admin_response
from customers.core.storage.area import StoredFile
from customers.editing.model_admin import ReadOnlyAdmin, count_column
from customers.jobs.progress import read_so_far
from customers.models import ImportRun
from customers.runs.filters import SourceFilter
from customers.runs.page import CHANGES_PER_PAGE, SHORT_HASH, changed_rows, counts
from customers.runs.times import duration, took, when
from customers.text.say import english, in_english, say
from customers.text.written import number


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    """The ledger of imports: a list, and a page for each run."""

    nothing_yet = gettext_lazy("Every file that is loaded gets a line here.")
    comes_from_files = True
    list_display = [
        "id",
        when,
        "feed",
        "state",
        *(count_column(ImportRun, name) for name in ("created", "updated", "unchanged", "quarantined", "retried")),
        took,
        "file",
        "short_hash",
        "started_by",
        count_column(ImportRun, "missing"),
    ]
    list_filter = [SourceFilter, "feed", "status"]
    list_before_template = "customers/runs/tools.html"
    search_fields = ["file", "=sha256", "reason"]

    @admin.display(description="SHA-256")
    def short_hash(self, run: ImportRun) -> str:
        """Return the beginning of the file's hash."""
        return run.sha256[:SHORT_HASH]

    @display(
        description=gettext_lazy("status"),  # type: ignore[arg-type]  # the theme types it as a str
        ordering="status",
        label={
            "running": "default",
            "loaded": "success",
            "refused": "danger",
            "failed": "danger",
            "interrupted": "warning",
        },
    )
    def state(self, run: ImportRun) -> tuple[str, str]:
        """Return how the run ended, as a pill."""
        return run.status, run.get_status_display()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.file_view)
        return [path("<path:object_id>/file/", view, name="customers_importrun_file"), *super().get_urls()]

    def changelist_view(  # type: ignore[override]  # as in the base class
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Show the list of runs, and above it how far the one is that goes on."""
        so_far = read_so_far()
        running = so_far and ImportRun.objects.filter(pk=so_far.run, status=ImportRun.Status.RUNNING).first()
        shown = {"running": running, "so_far": so_far} if running else {}
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Show a run's page, which takes no form."""
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        return self._page(request, self._run(request, object_id))

    def file_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Download the file that a run read, without the rows of erased customers."""
        run = self._run(request, object_id)
        if not request.user.has_perm("customers.export_customer"):
            raise PermissionDenied
        place = files.find(run)
        if place is None:
            return self._page(request, run, status=404)
        with in_english():
            size = english(f"{number(run.size)} bytes, {number(run.rows)} rows")
            trail.record(trail.Action.EXPORT, english(f"file of {run}"), detail=size)
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
        if not isinstance(run, ImportRun):
            raise Http404(gettext("There is no such run."))
        return run

    def _page(self, request: HttpRequest, run: ImportRun, status: int = 200) -> HttpResponse:
        place = files.find(run)
        so_far = read_so_far() if run.status == ImportRun.Status.RUNNING else None
        page = Paginator(run.changes.order_by("model", "key"), CHANGES_PER_PAGE).get_page(request.GET.get("page"))
        context = {
            "title": say("Run {run}: {file}", run=str(run.pk), file=run.file),
            "run": run,
            "so_far": so_far if so_far and so_far.run == run.pk else None,
            "counts": counts(run),
            "duration": duration(run.started_at, run.finished_at),
            "kept": place is not None,
            "redacted": place is not None and files.is_redacted(place),
            "page": page,
            "changes": changed_rows(page.object_list),
        }
        return admin_response(request, "customers/runs/page.html", context, status=status)


def _unpacked(place: StoredFile) -> Iterator[bytes]:
    with place.open() as packed, gzip.GzipFile(fileobj=packed, mode="rb") as file:
        while chunk := file.read(files.CHUNK):
            yield chunk


def _safe_name(name: str) -> str:
    """Return a file name that no header, shell or file system can misunderstand."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)
