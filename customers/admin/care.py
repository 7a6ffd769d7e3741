"""Owners and notes in the admin: what staff keep about customers by hand."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import ForeignKey, Model, Q, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest

from customers.core.people import by_name, name_of
from customers.editing.model_admin import ModelAdmin, ReadOnlyAdmin
from customers.models import CustomerCare, Note
from customers.owners.assign import CANNOT_ACT, able, able_and, marked_name
from customers.text.numbers import number_or_none


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
        return [(str(one.pk), name_of(one)) for one in owners.order_by(*by_name(""))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[CustomerCare]) -> QuerySet[CustomerCare]:
        """The person's customers."""
        return queryset.filter(owner=number_or_none(self.value()) or 0) if self.value() else queryset


@admin.register(CustomerCare)
class CustomerCareAdmin(ModelAdmin):
    """Who looks after a customer, and staff's notes."""

    form = CareForm
    list_display = ["customer", "owner_named", "no_contact"]
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

    @admin.display(description="owner", ordering=by_name("owner__")[0])
    def owner_named(self, care: Any) -> str | None:
        """The owner by name, and that they may not act where they may not."""
        if care.owner is None:
            return None
        return care.owner_name if care.may_act else f"{care.owner_name} ({CANNOT_ACT})"

    @admin.display(description="do not contact", ordering="do_not_contact")
    def no_contact(self, care: Any) -> str:
        """In words: a cross for "may be contacted" is read as the opposite."""
        return "Do not contact" if care.do_not_contact else ""

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
