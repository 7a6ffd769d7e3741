"""The quarantine in the admin: rows that were not loaded, and the fixes that are remembered."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.utils.translation import gettext, gettext_lazy

from customers.audit.export import record_export
from customers.core.pages import lead_to_form, narrowed
from customers.editing.model_admin import ReadOnlyAdmin
from customers.feeds.declarations import FEEDS
from customers.models import FeedName, Fix, QuarantinedRow
from customers.quarantine.filters import ReasonFilter, RunFilter, StatusFilter, asks_for_all_open, open_by_default
from customers.quarantine.views import corrections, fix_address, replay_and_tell
from customers.text.quoted import cut
from customers.text.say import Words, english, say
from customers.text.written import number

CSV_TYPE = english("text/csv; charset=utf-8")
SHORT_TEXT = 120
"""The length of a text in a list."""


@admin.register(QuarantinedRow)
class QuarantinedRowAdmin(ReadOnlyAdmin):
    """Rows that were not loaded, with every reason: to be fixed, replayed, or corrected in a spreadsheet."""

    called = gettext_lazy("Quarantine")
    nothing_yet = gettext_lazy("No row waits here: every row of the files was loaded.")
    list_display: tuple[str, ...] = ("feed", "run", "line", "reasons_in_words", "status", "fix_link")
    list_filter = ["feed", StatusFilter, ReasonFilter, RunFilter, "waits_for_customer"]
    list_before_template = "customers/quarantine/tools.html"
    actions = ["replay_chosen"]
    list_select_related = ["run"]
    search_fields = ["raw", "=key", "=customer_key"]
    asked_by_links = ("resolved_by",)
    fields = ("feed", "run", "line", "reasons_in_words", "raw", "status", "resolved_by", "waiting")
    readonly_fields = ["reasons_in_words", "waiting"]

    def changelist_view(  # type: ignore[override]  # as in the base class
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Show the open rows, unless the address asks for others."""
        request.GET = open_by_default(request.GET)
        return super().changelist_view(request, extra_context)

    def asks_nothing(self, request: HttpRequest) -> bool:
        """Return whether an address asks for the open rows, and all of them."""
        return asks_for_all_open(request.GET)

    def list_context(self, request: HttpRequest) -> dict[str, object]:
        """Return what can be done to all open rows that the list shows: nothing where it shows none."""
        feeds = self._feeds_to_correct() if self._shows_open(request) else []
        return {
            **super().list_context(request),
            "may_fix": bool(feeds) and self.has_fix_permission(request),
            "feeds": feeds if self._may_download(request) else [],
            "query": request.GET.urlencode(),
            "chosen_feed": chosen if (chosen := request.GET.get("feed__exact")) in FEEDS else "",
        }

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the columns; the link to the form only for those who may use it."""
        return self.list_display if self.has_fix_permission(request) else self.list_display[:-1]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        was_sent = isinstance(obj, QuarantinedRow) and not obj.run.has_file
        fields = tuple("index" if was_sent and name == "line" else name for name in self.fields)
        return (*fields, "fix_link") if self.has_fix_permission(request) else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [*self.readonly_fields, "index", "fix_link"]

    def has_fix_permission(self, request: HttpRequest) -> bool:
        """Return whether the visitor may fix and replay rows, which changes the data."""
        return request.user.has_perms(["customers.view_quarantinedrow", "customers.fix_quarantinedrow"])

    @staticmethod
    def _shows_open(request: HttpRequest) -> bool:
        """Return whether an address asks for rows of every state, or for the open ones."""
        asked = request.GET.get(StatusFilter.parameter_name)
        return asked not in set(QuarantinedRow.Status.values) - {QuarantinedRow.Status.OPEN}

    @staticmethod
    def _feeds_to_correct() -> list[tuple[str, Words]]:
        """Return the feeds with open rows, each with its label."""
        open_rows = QuarantinedRow.objects.filter(status=QuarantinedRow.Status.OPEN).order_by()
        names = set(open_rows.values_list("feed", flat=True).distinct())
        return [(one.value, one.label) for one in FeedName if one.value in names]

    @staticmethod
    def _may_download(request: HttpRequest) -> bool:
        return request.user.has_perms(["customers.view_quarantinedrow", "customers.export_customer"])

    @admin.display(description=gettext_lazy("waits for its customer"))
    def waiting(self, row: QuarantinedRow) -> str:
        """Return in words whether later imports try the row again; a red cross would read as a fault."""
        return gettext("Yes; later imports try it again") if row.waits_for_customer else gettext("No")

    @admin.display(description=gettext_lazy("index"))
    def index(self, row: QuarantinedRow) -> str:
        """Return where a row stands in what a program has sent, from 0; no file has a line of it."""
        return number(row.line)

    @admin.display(description=gettext_lazy("fix"))
    def fix_link(self, row: QuarantinedRow) -> str | None:
        """Return the link to the form that fixes an open row."""
        if row.status != QuarantinedRow.Status.OPEN:
            return None
        place = str(row.line)
        label = say("Fix line {line}", line=place) if row.run.has_file else say("Fix index {index}", index=place)
        return format_html('<a class="underline" href="{}">{}</a>', fix_address(row), label)

    @admin.action(description=gettext_lazy("Replay selected rows"), permissions=["fix"])
    def replay_chosen(self, request: HttpRequest, rows: QuerySet[QuarantinedRow]) -> None:
        """Replay the selected rows."""
        replay_and_tell(request, rows)

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("replay/", guard(self.replay_shown), name="customers_quarantinedrow_replay"),
            path("download/<str:feed>/", guard(self.download), name="customers_quarantinedrow_download"),
            *super().get_urls(),
        ]

    def replay_shown(self, request: HttpRequest) -> HttpResponse:
        """Replay all rows that the list of this address shows, on all of its pages."""
        if not self.has_fix_permission(request):
            raise PermissionDenied
        address = reverse("admin:customers_quarantinedrow_changelist")
        back = f"{address}?{request.GET.urlencode()}" if request.GET else address
        if request.method != "POST":
            return lead_to_form(request, back)
        replay_and_tell(request, self._shown(request))
        return redirect(back)

    def download(self, request: HttpRequest, feed: str) -> HttpResponse:
        """Download a feed's open rows of the list of this address, to be corrected in a spreadsheet."""
        if not self._may_download(request):
            raise PermissionDenied
        if feed not in FEEDS:
            raise Http404(gettext("There is no such feed."))
        rows = self._shown(request)
        response = HttpResponse(corrections(FEEDS[feed], rows), content_type=CSV_TYPE)
        count = rows.filter(feed=feed, status=QuarantinedRow.Status.OPEN).count()
        record_export(request, english(f"quarantine of {feed}"), count)
        response["Content-Disposition"] = content_disposition_header(True, f"{feed}-quarantined.csv")
        return response

    def _shown(self, request: HttpRequest) -> QuerySet[QuarantinedRow]:
        return narrowed(lambda: self.get_changelist_instance(request).get_queryset(request))

    @admin.display(description=gettext_lazy("reasons"))
    def reasons_in_words(self, row: QuarantinedRow) -> str:
        """Return all reasons in one line."""
        return "; ".join(row.reasons)


@admin.register(Fix)
class FixAdmin(ReadOnlyAdmin):
    """Fixes that are remembered. Deleting one forgets it; what was loaded by it stays."""

    nothing_yet = gettext_lazy("Fixes are kept here when somebody corrects a row in quarantine.")
    list_display = ["feed", "raw_text", "read_as", "made_by", "made_at"]
    list_filter = ["feed", "made_by"]
    search_fields = ["raw"]
    fields = ["feed", "raw", "read_as", "made_by", "made_at"]
    readonly_fields = ["read_as"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("customers.delete_fix")

    @admin.display(description=gettext_lazy("raw text"))
    def raw_text(self, fix: Fix) -> str:
        """Return the beginning of the text."""
        return cut(fix.raw, SHORT_TEXT)

    @admin.display(description=gettext_lazy("read as"))
    def read_as(self, fix: Fix) -> str:
        """Return the cells by their columns; by number where the feed has other columns today."""
        names = FEEDS[fix.feed].column_names
        named = zip(names, fix.cells, strict=True) if len(names) == len(fix.cells) else enumerate(fix.cells, start=1)
        return "; ".join(f"{name}: {cut(cell, SHORT_TEXT)}" for name, cell in named if cell)
