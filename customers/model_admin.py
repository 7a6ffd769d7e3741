"""The admin's pages of a model, for whatever an address may say."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin as ThemedAdmin


class ModelAdmin(ThemedAdmin):
    """The theme's, which finds nothing where an address cannot name a row."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list."""
        try:
            return super().changelist_view(request, extra_context)
        except OverflowError:
            # SQLite has no number as large as the one in the address; the admin's answer to what it cannot look up.
            return redirect(f"{request.path}?e=1")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row; None for a key that no row can have, as PostgreSQL would not even look for it."""
        # The admin reads "_00" of an address as a NUL.
        if "\0" in object_id:
            return None
        return super().get_object(request, object_id, from_field or None)
