"""The admin's pages of a model: for whatever an address may say, and where they only show."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin import actions
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest, FieldDoesNotExist
from django.db import DataError, transaction
from django.db.models import CharField, Model, QuerySet, TextField
from django.db.models.options import Options
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import capfirst

from customers.core.pages import CANNOT_BE_FILTERED
from customers.editing.edit_admin import EditAdmin, asked_again, warn_if_changed
from customers.text.numbers import MAX_DIGITS

_LOOKUPS = {"exact": "{}", "id": "{}", "gte": "from {}", "lte": "up to {}", "gt": "above {}", "isnull": "given"}
"""The lookups that our links use, in words."""


class ModelAdmin(EditAdmin):
    """The program's, whose list can be asked for what it shows, and finds nothing where an address names no row."""

    asked_by_links: tuple[str, ...] = ()
    """What our own links ask of the list beyond its filters; an address may ask for nothing else."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list."""
        if any("\0" in value for values in request.POST.lists() for value in values[1]):
            raise BadRequest(CANNOT_BE_FILTERED)
        try:
            return super().changelist_view(request, extra_context)
        except (OverflowError, DataError):
            # What only the database refuses; the admin's own answer to what it cannot look up.
            return redirect(f"{request.path}?e=1")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The list that an address asks for; where it may not ask so, the log does not say for what it asked."""
        if any("\0" in f"{name}{''.join(values)}" for name, values in request.GET.lists()):
            raise BadRequest(CANNOT_BE_FILTERED)
        try:
            return _titled(super().get_changelist_instance(request))
        except DisallowedModelAdminLookup:
            raise BadRequest(CANNOT_BE_FILTERED) from None

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Whether an address may ask for it: by the filters and our own links, so that no hidden column is asked."""
        digits = str(value).strip().removeprefix("-")
        is_too_large = digits.isdecimal() and len(digits) > MAX_DIGITS
        return not is_too_large and lookup in {*self.asked_by_links, *self._asked_by_filters(request)}

    def _asked_by_filters(self, request: HttpRequest) -> Iterator[str]:
        """The lookups of the list's filters."""
        if self.date_hierarchy:
            yield from (f"{self.date_hierarchy}__{part}" for part in ("year", "month", "day", "gte", "lt"))
        for item in self.get_list_filter(request):
            name = item[0] if isinstance(item, (tuple, list)) else item
            if isinstance(name, str):
                yield from (f"{name}__{how}" for how in ("exact", "isnull", "id__exact"))
                yield name
            else:
                yield name.parameter_name

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """What a search finds; no text has a NUL, and PostgreSQL refuses to look for one."""
        return super().get_search_results(request, queryset, search_term.replace("\0", " "))

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """What a search looks at; for texts as people compare them, where nothing else is said."""
        return [f"{name}__finds" if _is_text(self.opts, name) else name for name in super().get_search_fields(request)]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row; None for a key that no row can have, as PostgreSQL would not even look for it."""
        # The admin reads "_00" of an address as a NUL.
        if "\0" in object_id:
            return None
        return super().get_object(request, object_id, from_field or None)


def _titled(changes: ChangeList) -> ChangeList:
    """The list, called by what it lists and not "Select night to view"; where one chooses from it, it says so."""
    if not changes.is_popup:
        changes.title = capfirst(changes.opts.verbose_name_plural)
    return changes


def _is_text(model: Options, path: str) -> bool:
    """Whether a path such as ``customer__organization`` leads to a text; one with ``=`` before it leads nowhere."""
    field = None
    for name in path.split("__"):
        try:
            field = model.get_field(name)
        except FieldDoesNotExist:
            return False
        model = field.related_model._meta if field.related_model else model
    return isinstance(field, (CharField, TextField))


@admin.action(permissions=["delete"], description=actions.delete_selected.short_description)
def delete_selected(model_admin: ModelAdmin, request: HttpRequest, rows: QuerySet) -> HttpResponse | None:
    """Django's own, which logs the deletions before it makes them; here nobody sees the one without the other."""
    with transaction.atomic():
        if request.POST.get("post"):
            keys = list(rows.order_by().values_list("pk", flat=True))
            locked = model_admin.model._base_manager.select_for_update().filter(pk__in=keys).order_by("pk")
            if warn_if_changed(request, list(locked)):
                return actions.delete_selected(model_admin, asked_again(request), rows)
        return actions.delete_selected(model_admin, request, rows)


admin.site.add_action(delete_selected)


class NeverEdited:
    """For an admin whose rows only the program adds, changes and deletes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False


class ReadOnlyAdmin(NeverEdited, ModelAdmin):
    """Rows that are looked at, never edited here."""

    list_fullwidth = True
    show_full_result_count = False
    list_before_template = "customers/core/scope.html"
    scope_labels: dict[str, str] = {}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, which says what a link has narrowed it to."""
        return super().changelist_view(request, {**(extra_context or {}), "scope": list(self._scope(request))})

    def _scope(self, request: HttpRequest) -> Iterator[str]:
        """What the address asks of the rows beyond the filters that the list itself shows."""
        filters = {getattr(item, "parameter_name", item) for item in self.list_filter}
        for lookup, value in request.GET.items():
            name, *parts = lookup.split("__")
            words = _LOOKUPS.get(parts[-1] if parts else "exact")
            if words is None or not filters.isdisjoint({name, lookup}):
                continue
            try:
                label = self.scope_labels.get(name) or self.opts.get_field(name).verbose_name
            except FieldDoesNotExist:
                continue
            yield f"{label} {words.format(value)}"
