"""The feeds' rows in the admin, read-only: a feed owns them."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.text import smart_split, unescape_string_literal
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from import_export.admin import ExportMixin
from unfold.contrib.import_export.forms import ExportForm

from customers.audit.export import record_export
from customers.core.pages import narrowed
from customers.editing.model_admin import ReadOnlyAdmin, count_column
from customers.feeds.admin_formats import FORMATS
from customers.feeds.resources import RESOURCES
from customers.models import Customer, Engagement, Event, Feedback, FullFeedRow, ImportRun, LoadedRow, Onboarding
from customers.owners.views import MAY_ASSIGN, assign_page
from customers.runs.page import run_address
from customers.text.codes import code_in_words
from customers.text.say import in_english, say

if TYPE_CHECKING:
    from django.contrib.admin.filters import _ListFilterChoices
    from django.contrib.admin.options import _FieldsetSpec

MAX_KEYS = 500
"""Up to this many customers a search asks for their rows by key; beyond it, by a sub-select."""


class MissingFilter(admin.SimpleListFilter):
    """Filter by whether a full feed still has the row."""

    title = _("feed")
    parameter_name = "missing"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("yes", gettext("Missing from the feed")), ("no", gettext("In the feed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        wanted = {"yes": False, "no": True}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(missing_since__isnull=wanted)


class BlockerFilter(admin.AllValuesFieldListFilter):
    """Filter by blocker, in words."""

    def choices(self, changelist: ChangeList) -> "Iterator[_ListFilterChoices]":
        """Yield the blockers that there are."""
        for choice in super().choices(changelist):
            yield {**choice, "display": code_in_words(str(choice["display"]))}


class FeedAdmin(ExportMixin, ReadOnlyAdmin):  # type: ignore[misc]  # both know the same model
    """A feed's rows, with django-import-export's export."""

    comes_from_files = True
    export_form_class = ExportForm  # type: ignore[assignment]  # as the theme says
    export_formats = FORMATS
    ordering = ["-pk"]  # by the key's index: any other order would sort a million rows
    list_select_related = ["customer"]
    search_fields = ["=id", "customer__organization", "=customer__id"]
    readonly_fields = ["changed_by", "file", "sha256", "line"]
    ledger_fields = ["changed_by", "file", "sha256", "line"]
    scope_labels = {"run": _("last changed by run"), "missing_since": _("missing since run")}
    asked_by_links: tuple[str, ...] = ("run", "customer__id__exact")
    list_display: tuple[str | Callable[[Model], str], ...]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """Return the rows of the customers that a search finds; their keys come first, for the index."""
        if self.model is Customer or not search_term.strip("\0 "):
            return super().get_search_results(request, queryset, search_term)
        term = search_term.replace("\0", " ").strip()
        customers = Customer.objects.order_by().values_list("pk", flat=True)
        for word in smart_split(term):
            text = unescape_string_literal(word) if word[0] in "'\"" and word[0] == word[-1] else word
            customers = customers.filter(Q(organization__finds=text) | Q(pk__iexact=text))
        keys = list(customers[: MAX_KEYS + 1])
        matches = Q(customer__in=keys if len(keys) <= MAX_KEYS else customers)
        matches |= Q(pk__in={term, term.lower(), term.upper()})
        return queryset.filter(matches), False

    def get_list_display(self, request: HttpRequest) -> tuple[str | Callable[[Model], str], ...]:
        """Return the columns, and where each row comes from."""
        return (*self.list_display, "source")

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> "_FieldsetSpec":
        """Return what the feed says, then which line of which file says it."""
        own = tuple(field.name for field in self.opts.fields if field.editable)
        return [(None, {"fields": own}), (gettext("Where this row comes from"), {"fields": tuple(self.ledger_fields)})]

    @admin.display(description=_("source"))
    def source(self, row: LoadedRow) -> str:
        """Return a link to the run that last changed a row, with the line."""
        return format_html(
            '<a class="underline whitespace-nowrap" href="{}">{}</a>',
            run_address(row.run_id),
            say("run {number}, line {line}", number=str(row.run_id), line=str(row.line)),
        )

    @admin.display(description=_("last changed by"))
    def changed_by(self, row: LoadedRow) -> str | None:
        """Return a link to the run that last changed a row; None where that run is unknown."""
        run = _last_run(row)
        if run is None:
            return None
        said = say("run {number}", number=str(run.pk))
        return format_html('<a class="underline" href="{}">{}</a>', run_address(run.pk), said)

    @admin.display(description=_("file"))
    def file(self, row: LoadedRow) -> str | None:
        """Return that run's file."""
        run = _last_run(row)
        return run.file if run else None

    @admin.display(description=_("SHA-256"))
    def sha256(self, row: LoadedRow) -> str | None:
        """Return the hash of that file."""
        run = _last_run(row)
        return format_html('<code class="rsolv-hash">{}</code>', run.sha256) if run else None

    @admin.display(description=_("missing from the feed"), ordering="missing_since")
    def missing(self, row: FullFeedRow) -> str | None:
        """Return since which day a row is missing, with a link to the run; None for rows in it."""
        run = row.missing_since
        if run is None:
            return None
        said = say("since {day}", day=localtime(run.started_at).date())
        return format_html('<a class="underline whitespace-nowrap" href="{}">{}</a>', run_address(run.pk), said)

    def get_export_resource_classes(self, request: HttpRequest) -> list[type]:
        return [RESOURCES[self.opts.model]]

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        return narrowed(lambda: super(FeedAdmin, self).get_export_queryset(request))  # type: ignore[no-untyped-call]

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Return whether the visitor may export customers' data."""
        return request.user.has_perm("customers.export_customer")

    def get_export_data(
        self, file_format: object, request: HttpRequest, queryset: QuerySet[Model], **kwargs: object
    ) -> object:
        """Return the file, and record the export in the audit."""
        data = super().get_export_data(file_format, request, queryset, **kwargs)  # type: ignore[no-untyped-call]
        with in_english():
            record_export(request, str(self.opts.verbose_name_plural), queryset.count())
        return data


def _last_run(row: LoadedRow) -> ImportRun | None:
    """Return the run that last changed a row; Django keeps it with the row once it was read."""
    try:
        return row.run
    except ImportRun.DoesNotExist:
        return None


@admin.register(Customer)
class CustomerAdmin(FeedAdmin):
    """Customers as their feed says."""

    nothing_yet = _("Customers appear when customers.csv is loaded.")
    ordering = None  # type: ignore[assignment]  # by name, as the model says
    list_display = (
        *("organization", "id", "email", "status", "cohort", "industry"),
        *(count_column(Customer, "team_size"), "signup_date", "missing"),
    )
    list_filter = ["status", "cohort", "industry", MissingFilter]
    list_select_related = ["missing_since"]
    search_fields = ["organization", "email", "github_username", "=id"]
    asked_by_links = ("id", "run", "missing_since")
    readonly_fields = [*FeedAdmin.readonly_fields, "missing_since"]
    ledger_fields = [*FeedAdmin.ledger_fields, "missing_since"]
    actions = ["assign_owner"]

    def has_assign_permission(self, request: HttpRequest) -> bool:
        """Return whether the visitor may assign owners, who are no part of the feed's row."""
        return request.user.has_perm(MAY_ASSIGN)

    @admin.action(description=_("Assign an owner"), permissions=["assign"])
    def assign_owner(self, request: HttpRequest, customers: QuerySet[Customer]) -> HttpResponse:
        """Ask for the owner of the chosen customers; the form is sent to this action again."""
        names = ("action", "select_across", "index", ACTION_CHECKBOX_NAME)
        sent = [(name, value) for name in names for value in request.POST.getlist(name)]
        return assign_page(request, customers, sent, request.get_full_path())


@admin.register(Onboarding)
class OnboardingAdmin(FeedAdmin):
    """Onboarding as its feed says."""

    nothing_yet = _("Onboarding appears when onboarding.csv is loaded.")
    list_display = (
        "id",
        "customer",
        "completed_date",
        count_column(Onboarding, "days_to_complete"),
        "blocker",
        "missing",
    )
    list_filter = [("blocker_type", BlockerFilter), MissingFilter]
    asked_by_links = (*FeedAdmin.asked_by_links, "missing_since")
    list_select_related = ["customer", "missing_since"]
    readonly_fields = [*FeedAdmin.readonly_fields, "missing_since"]
    ledger_fields = [*FeedAdmin.ledger_fields, "missing_since"]

    @admin.display(description=_("blocker"), ordering="blocker_type")
    def blocker(self, row: Onboarding) -> str | None:
        """Return the blocker in words."""
        return code_in_words(row.blocker_type) or None


HISTORY_LINKS = (*FeedAdmin.asked_by_links, "date__gte", "date__lte")


@admin.register(Engagement)
class EngagementAdmin(FeedAdmin):
    """Engagement rows."""

    nothing_yet = _("Engagement appears when engagement.csv is loaded.")
    list_display = ("id", "customer", "date", *(count_column(Engagement, name) for name in Engagement.COUNTERS))
    asked_by_links = (*HISTORY_LINKS, *(f"{name}__gt" for name in Engagement.COUNTERS))


@admin.register(Feedback)
class FeedbackAdmin(FeedAdmin):
    """NPS and CSAT answers."""

    nothing_yet = _("Answers appear when feedback.csv is loaded.")
    list_display = ("id", "customer", "date", "nps", "csat", "comment")
    asked_by_links = (*HISTORY_LINKS, "nps__isnull", "csat__isnull")


@admin.register(Event)
class EventAdmin(FeedAdmin):
    """Events."""

    nothing_yet = _("Events appear when events.csv is loaded.")
    list_display = ("id", "customer", "date", "kind", "detail")
    asked_by_links = HISTORY_LINKS
    list_filter = ["kind"]
