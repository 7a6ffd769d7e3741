"""The admin's pages of a model: for whatever an address may say, and where they only show."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin import actions
from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from django.db.models import CharField, DateTimeField, Field, Model, QuerySet, TextField
from django.db.models.options import Options
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from customers.edit_admin import EditAdmin, asked_again, warn_if_changed

_LOOKUPS = {"exact": "{}", "id": "{}", "gte": "from {}", "lte": "up to {}", "gt": "above {}", "isnull": "given"}
"""The lookups that our links use, in words."""


_COMPARISONS = {"exact", "iexact", "in", "isnull", "gt", "gte", "lt", "lte", "contains", "icontains"}
_ALL_LOOKUPS = {*Field.get_lookups(), *DateTimeField.get_lookups()}


class ModelAdmin(EditAdmin):
    """The theme's, which finds nothing where an address cannot name a row."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list."""
        try:
            return super().changelist_view(request, extra_context)
        except OverflowError:
            # SQLite has no number as large as the one in the address; the admin's answer to what it cannot look up.
            return redirect(f"{request.path}?e=1")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Whether an address may ask for it: plain comparisons, for any text is no range, pattern or year."""
        *path, last = lookup.split("__")
        by_date = path == [self.date_hierarchy] and last in {"year", "month", "day"}
        if path and not by_date and last in _ALL_LOOKUPS - _COMPARISONS:
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """What a search looks at; for texts as people compare them, where nothing else is said."""
        return [f"{name}__finds" if _is_text(self.opts, name) else name for name in super().get_search_fields(request)]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row; None for a key that no row can have, as PostgreSQL would not even look for it."""
        # The admin reads "_00" of an address as a NUL.
        if "\0" in object_id:
            return None
        return super().get_object(request, object_id, from_field or None)


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
    list_before_template = "customers/scope.html"
    scope_labels: dict[str, str] = {}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, which says what a link has narrowed it to."""
        return super().changelist_view(request, {**(extra_context or {}), "scope": list(self._scope(request))})

    def _scope(self, request: HttpRequest) -> Iterator[str]:
        """What the address asks of the rows beyond the filters that the list itself shows."""
        for lookup, value in request.GET.items():
            name, *parts = lookup.split("__")
            words = _LOOKUPS.get(parts[-1] if parts else "exact")
            if words is None or name in self.list_filter:
                continue
            try:
                label = self.scope_labels.get(name) or self.opts.get_field(name).verbose_name
            except FieldDoesNotExist:
                continue
            yield f"{label} {words.format(value)}"
