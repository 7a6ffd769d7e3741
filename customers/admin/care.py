"""Owners and notes in the admin: what staff keep about customers by hand."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import ForeignKey, Model, Q, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.core.people import by_name, name_of
from customers.editing.model_admin import ModelAdmin, ReadOnlyAdmin
from customers.models import CustomerCare, Note
from customers.owners.assign import cannot_act, eligible_owners, marked_name
from customers.text.numbers import number_or_none

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    from customers.owners.assign import EligibleOwner, MayAct

    CareWithRight = WithAnnotations[CustomerCare, MayAct]


class OwnerField(ModelChoiceField):  # type: ignore[type-arg]  # no generic at runtime
    """A choice of owners by name."""

    def label_from_instance(self, obj: "EligibleOwner") -> str:
        """Return the name, with a note where that person may not act."""
        return marked_name(obj)


class CareForm(ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """A customer's care; the owner is an eligible one, or the present one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("owner")
        if isinstance(field, OwnerField):
            field.queryset = eligible_owners(including=self.instance.owner_id)


class OwnerFilter(admin.SimpleListFilter):
    """Filter by owner."""

    title = _("owner")
    parameter_name = "owner__id__exact"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        owners = User.objects.filter(customers_in_care__isnull=False).distinct()
        return [(str(one.pk), name_of(one)) for one in owners.order_by(*by_name(""))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[CustomerCare]) -> QuerySet[CustomerCare]:
        return queryset.filter(owner=number_or_none(self.value()) or 0) if self.value() else queryset


@admin.register(CustomerCare)
class CustomerCareAdmin(ModelAdmin):
    """Who looks after a customer, and staff's notes."""

    nothing_yet = _("Customers appear here once they have an owner.")
    form = CareForm
    list_display = ["customer", "owner_named", "no_contact", "no_sync"]
    list_filter = [OwnerFilter, "do_not_contact", "do_not_sync"]
    list_select_related = ["customer", "owner"]
    search_fields = ["customer__organization", "=customer__id"]
    autocomplete_fields = ["customer"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Allow nobody to delete a care; an owner can be removed, and notes emptied."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Keep the customer of a care that is stored."""
        return ["customer"] if obj else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[CustomerCare]:
        """Return the cares, each with ``may_act``: whether its owner is still an eligible one."""
        cares: QuerySet[CustomerCare] = super().get_queryset(request)
        return cares.annotate(may_act=Q(owner__in=eligible_owners().order_by().values("pk")))

    @admin.display(description=_("owner"), ordering=by_name("owner__")[0])
    def owner_named(self, care: "CareWithRight") -> str | None:
        """Return the owner's name, with a note where that person may not act."""
        if care.owner is None:
            return None
        return care.owner_name if care.may_act else cannot_act(care.owner_name)

    @admin.display(description=_("do not contact"), ordering="do_not_contact")
    def no_contact(self, care: CustomerCare) -> str:
        """Return in words whether nobody can write to the customer; a cross would read as the opposite."""
        return gettext("Do not contact") if care.do_not_contact else ""

    @admin.display(description=_("do not sync"), ordering="do_not_sync")
    def no_sync(self, care: CustomerCare) -> str:
        """Return in words whether the customer is never pushed to a CRM."""
        return gettext("Do not sync") if care.do_not_sync else ""

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **options: Any
    ) -> "ModelChoiceField[Any] | None":
        """Offer the owners in a plain list, because a search would need the permission to view users."""
        if db_field.name == "owner":
            options |= {"form_class": OwnerField, "queryset": eligible_owners()}
        return super().formfield_for_foreignkey(db_field, request, **options)


@admin.register(Note)
class NoteAdmin(ReadOnlyAdmin):
    """Staff's notes, which are added on a customer's page; nobody changes one."""

    nothing_yet = _("Notes are written on a customer’s page.")
    list_display = ["customer", "created_at", "author", "text", "kind"]
    list_select_related = ["customer"]
    list_filter = ["author", "kind"]
    search_fields = ["text", "=customer__id"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("customers.delete_note")
