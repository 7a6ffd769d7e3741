"""The audit in the admin, to be read only: a list to search, filter and export, and its entries."""

import re
from datetime import datetime

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.timezone import is_aware, localtime, make_aware
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from customers.audit.export import export_audit, export_response
from customers.audit.trail import Action, AuditValue, Changes, changes_in_words
from customers.core.pages import narrowed
from customers.editing.model_admin import NeverEdited
from customers.models import AuditEntry
from customers.text import written
from customers.text.quoted import cut

_COLOURS = {"delete": "danger", "erase": "danger", "login_failed": "danger", "rights": "warning", "export": "info"}
MAX_TEXT = 100
MAX_PEOPLE = 200
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d)?)?")
"""A date, perhaps with its time, as an entry keeps it."""
MAY_EXPORT = ("customers.view_auditentry", "customers.export_auditentry")


class ActorFilter(admin.SimpleListFilter):
    """Filter by person. People with an account are offered; the search finds anybody else."""

    title = _("person")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        names = User.objects.order_by("username").values_list("username", flat=True)[:MAX_PEOPLE]
        return [(name, name) for name in names]

    def has_output(self) -> bool:
        """Show the filter even without a choice, because a link may have narrowed the list."""
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(actor=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(NeverEdited):
    """The audit's entries, newest first."""

    called = _("Audit log")
    nothing_yet = _("Whatever people and commands change is written down here.")
    list_display = ["when", "actor", "did", "subject_cut", "details", "address"]
    list_filter = ["action", ActorFilter]
    date_hierarchy = "at"
    search_fields = ["actor", "subject", "text", "=customer", "=key", "=request", "=address"]
    search_help_text = _("Who, what, details, a customer's key, an IP address")
    list_fullwidth = True
    list_per_page = 50
    show_full_result_count = False
    list_before_template = "customers/audit/tools.html"  # type: ignore[assignment]  # the theme types it as None
    fields = ["when_exactly", "actor", "done", "subject", "kind", "customer_link", "all_details", "source", "address"]
    fields += ["same_request"]
    readonly_fields = ["when_exactly", "done", "kind", "customer_link", "all_details", "same_request"]

    def list_context(self, request: HttpRequest) -> dict[str, object]:
        """Return whether the visitor may export the list, and its address."""
        return {"may_export": request.user.has_perms(MAY_EXPORT), "query": request.GET.urlencode()}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="customers_auditentry_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Download the entries of the list of this address, on all of its pages."""
        if not request.user.has_perms(MAY_EXPORT):
            raise PermissionDenied
        entries = narrowed(lambda: self.get_changelist_instance(request).get_queryset(request))
        return export_response(lambda file: export_audit(file, entries, request))

    @admin.display(description=_("when"), ordering="pk")
    def when(self, entry: AuditEntry) -> str:
        """Return the moment in one line."""
        return written.to_the_second(entry.at).replace(" ", "\u00a0")

    @admin.display(description=_("when"))
    def when_exactly(self, entry: AuditEntry) -> str:
        """Return the moment to the millisecond, with its time zone."""
        at = localtime(entry.at)
        return f"{written.to_the_second(at)}.{at.microsecond // 1000:03} {at.tzname()}"

    @display(
        description=_("action"),  # type: ignore[arg-type]  # the theme types it as a str
        ordering="action",
        label={action.value: _COLOURS.get(action.value, "default") for action in Action},
    )
    def did(self, entry: AuditEntry) -> tuple[str, str]:
        """Return the action as a pill."""
        return entry.action, entry.get_action_display()

    @admin.display(description=_("action"))
    def done(self, entry: AuditEntry) -> str:
        """Return the action in words."""
        return entry.get_action_display()

    @admin.display(description=_("what"))
    def subject_cut(self, entry: AuditEntry) -> str:
        """Return the beginning of the subject, isolated from the direction of the text around it."""
        return format_html('<bdi class="audit-text">{}</bdi>', cut(entry.subject, MAX_TEXT))

    @admin.display(description=_("details"))
    def details(self, entry: AuditEntry) -> str:
        """Return the beginning of the details."""
        detail = _detail(entry)
        # Of an erased customer, the text says the changes no more.
        words = changes_in_words(_as_read(entry.changes), entry.action) if detail != entry.text else []
        said = [*filter(None, detail.split("\n")), *words]
        text = cut(" · ".join(said), MAX_TEXT)
        return format_html('<bdi class="audit-text">{}</bdi>', text) if text else ""

    @admin.display(description=_("kind"))
    def kind(self, entry: AuditEntry) -> str:
        """Return the kind of row and its key."""
        return f"{entry.model} {entry.key}".strip()

    @admin.display(description=_("customer"))
    def customer_link(self, entry: AuditEntry) -> str | None:
        """Return a link to the customer whom the entry is about."""
        if not entry.customer:
            return None
        address = f"{reverse('admin:customers_customer_changelist')}?id={entry.customer}"
        return format_html('<a class="underline" href="{}">{}</a>', address, entry.customer)

    @admin.display(description=_("same request"))
    def same_request(self, entry: AuditEntry) -> str:
        """Return a link to all entries of the same request or command."""
        address = f"{reverse('admin:customers_auditentry_changelist')}?q={entry.request}"
        return format_html('<a class="underline" href="{}">{}</a>', address, gettext("All entries of this request"))

    @admin.display(description=_("details"))
    def all_details(self, entry: AuditEntry) -> str:
        """Return the details, and the changes as a table; of a list only what was added and removed."""
        changes: list[tuple[str, AuditValue, AuditValue]] = []
        for name, (before, after) in sorted(_as_read(entry.changes).items()):
            if isinstance(before, list) and isinstance(after, list):
                removed, added = sorted(set(before) - set(after)), sorted(set(after) - set(before))
                changes.append((name, "\n".join(removed), "\n".join(added)))
            else:
                changes.append((name, "" if before is None else before, "" if after is None else after))
        return render_to_string("customers/audit/details.html", {"detail": _detail(entry), "changes": changes})


def _detail(entry: AuditEntry) -> str:
    """Return what an entry says besides its changes, whose words come last in its text."""
    return entry.text.removesuffix("\n".join(changes_in_words(entry.changes, entry.action))).rstrip("\n")


def _as_read(changes: Changes) -> dict[str, tuple[AuditValue, AuditValue]]:
    """Return the values before and after with dates as people read them."""
    return {name: (_date_as_read(before), _date_as_read(after)) for name, (before, after) in changes.items()}


def _date_as_read(value: AuditValue) -> AuditValue:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    if "T" not in value:
        return written.day(moment)
    return written.to_the_second(moment if is_aware(moment) else make_aware(moment))
