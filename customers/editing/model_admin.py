"""The base classes of our admin pages: for whatever an address may ask, and for rows that are only shown."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from django.contrib import admin
from django.contrib.admin import actions
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest, FieldDoesNotExist
from django.db import DataError, transaction
from django.db.models import CharField, DateField, Model, QuerySet, TextField
from django.db.models.options import Options
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy
from unfold.views import ChangeList as ThemedList

from customers.core.pages import CANNOT_BE_FILTERED
from customers.editing.edit_admin import EditAdmin, asked_again, warn_if_changed
from customers.text import written
from customers.text.numbers import MAX_DIGITS
from customers.text.say import Words, say

_LOOKUPS: dict[str, Callable[[str, str], str]] = {
    "exact": lambda column, value: f"{column} {value}",
    "id": lambda column, value: f"{column} {value}",
    "gte": lambda column, value: say("{column} from {value}", column=column, value=value),
    "lte": lambda column, value: say("{column} up to {value}", column=column, value=value),
    "gt": lambda column, value: say("{column} above {value}", column=column, value=value),
    "isnull": lambda column, _value: say("{column} given", column=column),
}
"""The lookups that our links use, in words."""


def _as_read(value: str) -> str:
    """Return a day of an address as people read it; what is none as it is."""
    try:
        return written.day(date.fromisoformat(value))
    except ValueError:
        return value


def count_column(model: type[Model], name: str) -> Callable[[Model], str]:
    """Return a list's column of a whole number, its thousands apart as on our pages; the admin writes 1000000."""

    field = model._meta.get_field(name)

    @admin.display(description=getattr(field, "verbose_name", name), ordering=name)
    def column(row: Model) -> str:
        number: int | None = getattr(row, name)
        return "–" if number is None else written.number(number)

    column.__name__ = name
    return column


class RowList(ThemedList):
    """A list that knows what it can say when it is empty: to whom, and whether anything was asked of it."""

    may_load_files = False
    asks_nothing = False


class ModelAdmin(EditAdmin):
    """An admin whose list takes only the lookups that it offers, and that answers any address without an error."""

    asked_by_links: tuple[str, ...] = ()
    """The lookups that our own links ask of the list, beyond its filters."""
    called: Words = ""
    """What the list is called, where that is not what its rows are."""
    nothing_yet: Words = ""
    """What an empty list says: where its rows come from."""
    comes_from_files = False
    """Whether an empty list leads those to the upload who may load files, and others to them."""

    @property
    def list_name(self) -> str:
        """Return what the menu, the title and the way to a row call the list."""
        return str(self.called) or capfirst(str(self.opts.verbose_name_plural))

    def asks_nothing(self, request: HttpRequest) -> bool:
        """Return whether the filters of an address are those that the list sets by itself."""
        return False

    def get_changelist(  # type: ignore[override]  # the theme types a class as its instance
        self, request: HttpRequest, **kwargs: object
    ) -> type[RowList]:
        """Return the kind of list."""
        return RowList

    def list_context(self, request: HttpRequest) -> dict[str, object]:
        """Return what the list's own templates show besides the rows."""
        return {}

    def changelist_view(  # type: ignore[override]  # the theme's says less than Django's, which also redirects
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Show the list."""
        if any("\0" in value for values in request.POST.lists() for value in values[1]):
            raise BadRequest(CANNOT_BE_FILTERED)
        try:
            context: dict[str, Any] = {  # The theme expects texts alone.
                **(extra_context or {}),
                **self.list_context(request),
            }
            return super().changelist_view(request, context)
        except (OverflowError, DataError):
            # Only the database refuses such a value; answer as the admin does to a lookup that it does not know.
            return redirect(f"{request.path}?e=1")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list that an address asks for; the log does not repeat what it must not ask."""
        if any("\0" in f"{name}{''.join(values)}" for name, values in request.GET.lists()):
            raise BadRequest(CANNOT_BE_FILTERED)
        try:
            changes = super().get_changelist_instance(request)
        except DisallowedModelAdminLookup:
            raise BadRequest(CANNOT_BE_FILTERED) from None
        if isinstance(changes, RowList):
            changes.may_load_files = request.user.has_perm("customers.upload_importrun")
            changes.asks_nothing = self.asks_nothing(request)
        # Entitled by what it lists, unless a row is chosen from it; Django says "Select night to view".
        if not changes.is_popup:
            changes.title = self.list_name
        return changes

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Return whether a filter or one of our links asks for it, so that nobody probes a hidden column."""
        digits = str(value).strip().removeprefix("-")
        is_too_large = digits.isdecimal() and len(digits) > MAX_DIGITS
        return not is_too_large and lookup in {*self.asked_by_links, *self._asked_by_filters(request)}

    def _asked_by_filters(self, request: HttpRequest) -> Iterator[str]:
        """Yield the lookups of the list's filters."""
        if self.date_hierarchy:
            yield from (f"{self.date_hierarchy}__{part}" for part in ("year", "month", "day", "gte", "lt"))
        for item in self.get_list_filter(request):
            name = item[0] if isinstance(item, (tuple, list)) else item
            if isinstance(name, str):
                yield from (f"{name}__{how}" for how in ("exact", "isnull", "id__exact"))
                yield name
            elif isinstance(name, type) and issubclass(name, admin.SimpleListFilter):
                yield str(name.parameter_name)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """Search without a NUL, which no text has, and which PostgreSQL refuses."""
        return super().get_search_results(request, queryset, search_term.replace("\0", " "))

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Return the searched fields; texts are compared as people do, unless a prefix says otherwise."""
        return [f"{name}__finds" if _is_text(self.opts, name) else name for name in super().get_search_fields(request)]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        """Return the row; None for a key with a NUL, which PostgreSQL refuses."""
        # The admin reads "_00" of an address as a NUL.
        if "\0" in object_id:
            return None
        return super().get_object(request, object_id, from_field or None)


def _is_text(model: "Options[Model]", path: str) -> bool:
    """Return whether a path such as ``customer__organization`` names a text; one with a prefix names nothing."""
    field = None
    for name in path.split("__"):
        try:
            field = model.get_field(name)
        except FieldDoesNotExist:
            return False
        model = field.related_model._meta if field.related_model else model
    return isinstance(field, (CharField, TextField))


@admin.action(permissions=["delete"], description=gettext_lazy("Delete selected %(verbose_name_plural)s"))
def delete_selected(
    model_admin: "admin.ModelAdmin[Model]", request: HttpRequest, rows: QuerySet[Model]
) -> HttpResponse | None:
    """Delete rows as Django's action does, but in one transaction with the log that it writes first."""
    with transaction.atomic():
        if request.POST.get("post"):
            keys = list(rows.order_by().values_list("pk", flat=True))
            locked = model_admin.model._base_manager.select_for_update().filter(pk__in=keys).order_by("pk")
            if warn_if_changed(request, list(locked)):
                return actions.delete_selected(model_admin, asked_again(request), rows)
        return actions.delete_selected(model_admin, request, rows)


admin.site.add_action(delete_selected)


class NeverEdited(ModelAdmin):
    """An admin whose rows nobody adds, changes or deletes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(NeverEdited):
    """An admin whose rows are only shown, in a list that says how a link has narrowed it."""

    list_fullwidth = True
    show_full_result_count = False
    list_before_template = "customers/core/scope.html"  # type: ignore[assignment]  # the theme types it as None
    scope_labels: dict[str, Words] = {}

    def list_context(self, request: HttpRequest) -> dict[str, object]:
        """Return how a link has narrowed the list."""
        return {"scope": list(self._scope(request))}

    def _scope(self, request: HttpRequest) -> Iterator[str]:
        """Yield in words what the address asks for beyond the filters that the list shows."""
        filters = {getattr(item, "parameter_name", item) for item in self.list_filter}
        for lookup, value in request.GET.items():
            name, *parts = lookup.split("__")
            words = _LOOKUPS.get(parts[-1] if parts else "exact")
            if words is None or not filters.isdisjoint({name, lookup}):
                continue
            try:
                field = self.opts.get_field(name)
            except FieldDoesNotExist:
                continue
            label = self.scope_labels.get(name) or getattr(field, "verbose_name", name)
            yield words(str(label), _as_read(str(value)) if isinstance(field, DateField) else str(value))
