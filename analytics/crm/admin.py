"""Destinations and the ledger of pushes in the admin."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from analytics.crm.forms import FIXED, ROWS, DestinationForm, fields_in_words
from analytics.crm.ledger import MAY_SEE, push_page
from analytics.models import Destination, Push
from analytics.wording import DASH
from customers.core.pages import admin_response
from customers.editing.model_admin import ModelAdmin, ReadOnlyAdmin, count_column
from customers.runs.times import when
from customers.text.say import say
from customers.text.written import number

if TYPE_CHECKING:
    from django.contrib.admin.options import _FieldsetSpec

_COLOURS = {"on": "success", "off": "default", "nightly": "success"}
_PUSH_COLOURS = {"done": "success", "unfinished": "warning", "abandoned": "default"}


@admin.register(Destination)
class DestinationAdmin(ModelAdmin):
    """Where customers are pushed to; who may only push reads them."""

    nothing_yet = _("An administrator adds where customers are pushed to: HubSpot, Salesforce, or a file.")
    form = DestinationForm
    list_display = ["name", "kind", "standing", "last_push", "ways"]
    list_fullwidth = True
    actions = None  # Each is deleted by itself, where it can be.

    def get_queryset(self, request: HttpRequest) -> QuerySet[Destination]:
        """Return the destinations, each with its pushes."""
        return Destination.objects.prefetch_related("pushes")

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> "_FieldsetSpec":
        """Return the form's parts; a page that is only read has the fields in words."""
        where: tuple[str | tuple[str, ...], ...] = ("name", "kind", "variables", ("enabled", "nightly"))
        fields: tuple[str | tuple[str, ...], ...] = ("prefix", "match_key", *ROWS)
        if obj is not None and not self.has_change_permission(request, obj):
            fields = ("prefix", "match_key", "pushed")
        return [(gettext("Destination"), {"fields": where}), (gettext("Fields there"), {"fields": fields})]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Return what stays once something was pushed, beside what is only read."""
        was_pushed = isinstance(obj, Destination) and obj.pushes.exists()
        return ("pushed", *(FIXED if was_pushed else ()))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only of what nothing was pushed to: its ledger stays. It can be switched off."""
        may = super().has_delete_permission(request, obj)
        return may and not (isinstance(obj, Destination) and obj.pushes.exists())

    @admin.display(description=_("pushed"))
    def pushed(self, destination: Destination) -> str:
        """Return what is pushed into which field."""
        return fields_in_words(destination)

    @display(description=_("state"), label=_COLOURS)  # type: ignore[arg-type]  # the theme types it as str
    def standing(self, destination: Destination) -> tuple[str, str]:
        """Return whether it is on, and pushed each night."""
        if not destination.enabled:
            return "off", gettext("Off")
        return ("nightly", gettext("Every night")) if destination.nightly else ("on", gettext("On"))

    @admin.display(description=_("last push"))
    def last_push(self, destination: Destination) -> str | SafeString:
        """Return a link to the last push."""
        push = next(iter(destination.pushes.all()), None)
        if push is None:
            return DASH
        address = reverse("admin:analytics_push_change", args=[push.pk])
        return format_html('<a class="underline" href="{}">{}</a>', address, when(push))

    @admin.display(description=_("preview"))
    def ways(self, destination: Destination) -> SafeString:
        """Return the way to the preview."""
        address = reverse("analytics:push-preview", args=[destination.pk])
        return format_html(
            '<a class="underline" href="{}" aria-label="{}">{}</a>',
            address,
            say("Preview of {destination}", destination=destination.name),
            gettext("Preview"),
        )


@admin.register(Push)
class PushAdmin(ReadOnlyAdmin):
    """The ledger of pushes, and a page for each."""

    nothing_yet = _("Each push to a destination gets a line here.")
    list_display = [
        "named",
        "destination",
        "started",
        "standing",
        *(count_column(Push, name) for name in ("new", "changed", "unchanged", "refused")),
        "held",
        "started_by",
    ]
    list_filter = ["state", "destination"]
    list_select_related = ["destination"]

    @admin.display(description=_("push"), ordering="pk")
    def named(self, push: Push) -> str:
        """Return its number, and whether it is an undo."""
        key = str(push.pk)
        return say("Undo {number}", number=key) if push.undoes_id else say("Push {number}", number=key)

    @admin.display(description=_("started"), ordering="started_at")
    def started(self, push: Push) -> str:
        """Return when it began."""
        return when(push)

    @display(description=_("state"), ordering="state", label=_PUSH_COLOURS)  # type: ignore[arg-type]  # the theme types it as str
    def standing(self, push: Push) -> tuple[str, str]:
        """Return how it ended, as a pill."""
        return push.state, push.get_state_display()

    @admin.display(description=_("held back"))
    def held(self, push: Push) -> str:
        """Return how many were not sent on purpose."""
        return number(push.held_back)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Show a push; there is nothing to send to it."""
        push = self.get_object(request, unquote(object_id))
        if request.method not in {"GET", "HEAD"} or not request.user.has_perms(MAY_SEE):
            raise PermissionDenied
        if not isinstance(push, Push):
            raise Http404(gettext("There is no such push."))
        return admin_response(request, "analytics/crm/push.html", push_page(request, push))
