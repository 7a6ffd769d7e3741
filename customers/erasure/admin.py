"""Erasures in the admin."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from customers.editing.model_admin import ReadOnlyAdmin
from customers.erasure.erase import erasure_summary
from customers.models import Erasure


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Erasures: who erased a customer, when, and how much; nobody can say which customer."""

    nothing_yet = _("No customer has been erased.")
    list_display = ["id", "erased_at", "erased_by", "state", "what_went"]
    list_filter = ["state"]
    fields = ["erased_at", "erased_by", "state", "what_went"]
    readonly_fields = ["what_went"]

    @admin.display(description=_("what went"))
    def what_went(self, erasure: Erasure) -> str:
        """Return the counts in one line."""
        return erasure_summary(erasure.counts)
