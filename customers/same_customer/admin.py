"""Keys that seem to have changed, in the admin."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.editing.model_admin import ReadOnlyAdmin
from customers.models import KeyChange
from customers.same_customer.views import MAY_JOIN
from customers.text.quoted import cut

SHORT_NAME = 120
"""The length of a name in a list."""


@admin.register(KeyChange)
class KeyChangeAdmin(ReadOnlyAdmin):
    """Pairs of keys that may be one customer, and what somebody has decided."""

    nothing_yet = _("No customer seems to have a new id.")
    list_display: tuple[str, ...] = (
        *("former_key", "new_key", "why", "run", "noticed_at", "state", "decided_by", "decide_link"),
    )
    list_filter = ["state"]
    list_select_related = ["customer", "former", "run"]
    search_fields = ["=customer__id", "=former__id", "customer__organization"]
    fields = ["former_key", "new_key", "why", "run", "noticed_at", "state", "decided_by", "decided_at"]
    readonly_fields = ["former_key", "new_key", "why"]

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the columns; the link to the decision only for those who may decide."""
        return self.list_display if request.user.has_perms(MAY_JOIN) else self.list_display[:-1]

    @admin.display(description=_("gone"), ordering="former")
    def former_key(self, pair: KeyChange) -> str:
        """Return the key that vanished, with its name."""
        return f"{pair.former_id} ({cut(pair.former.organization, SHORT_NAME)})"

    @admin.display(description=_("there"), ordering="customer")
    def new_key(self, pair: KeyChange) -> str:
        """Return the key that is in the feed, with its name."""
        return f"{pair.customer_id} ({cut(pair.customer.organization, SHORT_NAME)})"

    @admin.display(description=_("why"))
    def why(self, pair: KeyChange) -> str:
        """Return what the two have in common."""
        return pair.because

    @admin.display(description=_("decide"))
    def decide_link(self, pair: KeyChange) -> str:
        """Return the link to the page where somebody decides."""
        return format_html(
            '<a class="underline whitespace-nowrap" href="{}">{}</a>',
            reverse("customers:same-customer", args=[pair.pk]),
            gettext("Decide") if pair.state == KeyChange.State.OPEN else gettext("Look again"),
        )
