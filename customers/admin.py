"""The feeds' rows and the ledger in the admin: what a feed owns is read-only, what staff keep is theirs to edit."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import ForeignKey, Model
from django.http import HttpRequest
from import_export.admin import ExportMixin
from unfold.admin import ModelAdmin
from unfold.contrib.import_export.forms import ExportForm
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from customers.models import (
    Customer,
    CustomerCare,
    Engagement,
    Event,
    Feedback,
    ImportRun,
    Onboarding,
    QuarantinedRow,
)
from customers.resources import RESOURCES

admin.site.unregister([User, Group])


class ReadOnlyAdmin(ModelAdmin):
    """Rows that are looked at, never edited here."""

    list_fullwidth = True
    show_full_result_count = False

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
    readonly_fields = ["run", "line"]

    def get_export_resource_classes(self, request: HttpRequest) -> list[type]:
        """The feed's own columns."""
        return [RESOURCES[self.model]]

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Exporting customers' data is a permission of its own."""
        return request.user.has_perm("customers.export_customer")


@admin.register(Customer)
class CustomerAdmin(FeedAdmin):
    """Customers as their feed says."""

    ordering = None
    list_display = ["organization", "id", "email", "status", "cohort", "industry", "team_size", "signup_date"]
    list_filter = ["status", "cohort", "industry"]
    list_select_related = []
    search_fields = ["organization", "email", "github_username", "=id"]
    readonly_fields = ["run", "line", "missing_since"]


@admin.register(Onboarding)
class OnboardingAdmin(FeedAdmin):
    """Onboarding as its feed says."""

    list_display = ["id", "customer", "completed_date", "days_to_complete", "blocker_type"]
    list_filter = ["blocker_type"]
    readonly_fields = ["run", "line", "missing_since"]


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


@admin.register(CustomerCare)
class CustomerCareAdmin(ModelAdmin):
    """Who looks after a customer, and staff's notes."""

    list_display = ["customer", "owner"]
    list_filter = ["owner"]
    list_select_related = ["customer", "owner"]
    search_fields = ["customer__organization", "=customer__id"]
    autocomplete_fields = ["customer"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Care stays with its customer."""
        return ["customer"] if obj else []

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **options: Any) -> Any:
        """Any member of staff can be the owner; a plain list, because a search asks for leave to view users."""
        if db_field.name == "owner":
            options["queryset"] = User.objects.filter(is_staff=True).order_by("username")
        return super().formfield_for_foreignkey(db_field, request, **options)


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    """The ledger of imports."""

    list_display = [
        "id",
        "feed",
        "started_at",
        "started_by",
        "file",
        "status",
        "rows",
        "created",
        "updated",
        "unchanged",
        "quarantined",
        "retried",
    ]
    list_filter = ["feed", "status"]
    search_fields = ["file", "sha256", "reason"]


@admin.register(QuarantinedRow)
class QuarantinedRowAdmin(ReadOnlyAdmin):
    """Rows that were not loaded, with every reason."""

    list_display = ["feed", "run", "line", "reasons_in_words", "status"]
    list_filter = ["feed", "status", "waits_for_customer"]
    list_select_related = ["run"]
    search_fields = ["raw", "=key", "=customer_key"]
    fields = ["feed", "run", "line", "reasons_in_words", "raw", "status", "resolved_by", "waits_for_customer"]
    readonly_fields = ["reasons_in_words"]

    @admin.display(description="reasons")
    def reasons_in_words(self, row: QuarantinedRow) -> str:
        """All reasons in one line."""
        return "; ".join(row.reasons)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """Django's users in our theme."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Django's groups in our theme."""
