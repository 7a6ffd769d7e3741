"""The audit in the admin: to be searched, narrowed, read and exported; nobody adds, changes or deletes an entry."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime
from unfold.decorators import display

from customers.audit.export import export_audit, export_response
from customers.audit.trail import Action, in_words
from customers.core.pages import narrowed
from customers.editing.model_admin import ModelAdmin, NeverEdited
from customers.models.audit import AuditEntry
from customers.text.quoted import cut

_COLOURS = {"delete": "danger", "erase": "danger", "login_failed": "danger", "rights": "warning", "export": "info"}
SHORT_TEXT = 100
PEOPLE_TO_CHOOSE = 200
MAY_EXPORT = ("customers.view_auditentry", "customers.export_auditentry")


class ActorFilter(admin.SimpleListFilter):
    """What one person did; those with an account are offered, anybody else is found by the search."""

    title = "person"
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The logins."""
        names = User.objects.order_by("username").values_list("username", flat=True)[:PEOPLE_TO_CHOOSE]
        return [(name, name) for name in names]

    def has_output(self) -> bool:
        """Also where there is nobody to choose, a link may have narrowed the list."""
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """The person's entries."""
        return queryset.filter(actor=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(NeverEdited, ModelAdmin):
    """Who did what, newest first."""

    list_display = ["when", "actor", "did", "subject_cut", "details", "address"]
    list_filter = ["action", ActorFilter]
    date_hierarchy = "at"
    search_fields = ["actor", "subject", "text", "=customer", "=key", "=request", "=address"]
    search_help_text = "Who, what, details, a customer's key, an IP address"
    list_fullwidth = True
    list_per_page = 50
    show_full_result_count = False
    list_before_template = "customers/audit/tools.html"
    fields = ["when_exactly", "actor", "done", "subject", "kind", "customer_link", "said", "source", "address"]
    fields += ["same_request"]
    readonly_fields = ["when_exactly", "done", "kind", "customer_link", "said", "same_request"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, and the way to its export."""
        context = {"may_export": request.user.has_perms(MAY_EXPORT), "query": request.GET.urlencode()}
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def get_urls(self) -> list[URLPattern]:
        """The admin's own, and the export."""
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="customers_auditentry_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Download the entries that the list of this address shows, on all of its pages."""
        if not request.user.has_perms(MAY_EXPORT):
            raise PermissionDenied
        entries = narrowed(lambda: self.get_changelist_instance(request).get_queryset(request))
        return export_response(lambda file: export_audit(file, entries, request))

    @admin.display(description="when", ordering="pk")
    def when(self, one: AuditEntry) -> str:
        """When, in one line."""
        return date_format(localtime(one.at), "j M Y, H:i:s").replace(" ", "\u00a0")

    @admin.display(description="when")
    def when_exactly(self, one: AuditEntry) -> str:
        """When, with the offset from UTC."""
        return localtime(one.at).isoformat(sep=" ", timespec="milliseconds")

    @display(
        description="action",
        ordering="action",
        label={one.value: _COLOURS.get(one.value, "default") for one in Action},
    )
    def did(self, one: AuditEntry) -> tuple[str, str]:
        """What was done, as a pill."""
        return one.action, one.get_action_display()

    @admin.display(description="action")
    def done(self, one: AuditEntry) -> str:
        """What was done, in words."""
        return one.get_action_display()

    @admin.display(description="what")
    def subject_cut(self, one: AuditEntry) -> str:
        """To what, isolated from the words around it."""
        return format_html('<bdi class="audit-text">{}</bdi>', cut(one.subject, SHORT_TEXT))

    @admin.display(description="details")
    def details(self, one: AuditEntry) -> str:
        """The beginning of the details."""
        text = cut(" · ".join(one.text.split("\n")), SHORT_TEXT)
        return format_html('<bdi class="audit-text">{}</bdi>', text) if text else ""

    @admin.display(description="kind")
    def kind(self, one: AuditEntry) -> str:
        """The kind of row, and its key."""
        return f"{one.model} {one.key}".strip()

    @admin.display(description="customer")
    def customer_link(self, one: AuditEntry) -> str | None:
        """The customer whom it is about."""
        if not one.customer:
            return None
        address = f"{reverse('admin:customers_customer_changelist')}?id={one.customer}"
        return format_html('<a class="underline" href="{}">{}</a>', address, one.customer)

    @admin.display(description="same request")
    def same_request(self, one: AuditEntry) -> str:
        """The way to all that the same request or command did."""
        address = f"{reverse('admin:customers_auditentry_changelist')}?q={one.request}"
        return format_html('<a class="underline" href="{}">All entries of this request</a>', address)

    @admin.display(description="details")
    def said(self, one: AuditEntry) -> str:
        """The words that are no change, and the changes as a table; of a list only what came and went."""
        changes = []
        for name, (before, after) in sorted(one.changes.items()):
            if isinstance(before, list) and isinstance(after, list):
                went, came = sorted(set(before) - set(after)), sorted(set(after) - set(before))
                changes.append((name, "\n".join(went), "\n".join(came)))
            else:
                changes.append((name, "" if before is None else before, "" if after is None else after))
        # The words of the changes come last in the text.
        detail = one.text.removesuffix("\n".join(in_words(one.changes, one.action))).rstrip("\n")
        return render_to_string("customers/audit/details.html", {"detail": detail, "changes": changes})
