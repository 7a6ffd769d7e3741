"""The forms of playbooks and their steps in the admin; their lists are our own pages."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from analytics.models import Playbook, PlaybookRun, PlaybookStep
from analytics.playbooks.forms import PlaybookForm, PlaybookStepForm
from customers.editing.model_admin import ModelAdmin

WHILE_OFF = ("start", "step", "stage", "query")
"""What decides for whom it starts: those who were passed over were so by this."""


class OnOurPagesAdmin(ModelAdmin):
    """An admin of forms, which lead to the page of their playbook."""

    actions = None

    def changelist_view(  # type: ignore[override]  # as that of ModelAdmin
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Lead to our own list, unless something is asked of this one, which answers as every other list does."""
        if request.GET:
            return super().changelist_view(request, extra_context)
        if not self.has_view_permission(request):
            raise PermissionDenied
        return redirect("analytics:playbooks")

    def response_post_save_add(self, request: HttpRequest, obj: Model) -> HttpResponseRedirect:
        """Lead to the playbook."""
        return redirect("analytics:playbook", obj.playbook_id if isinstance(obj, PlaybookStep) else obj.pk)

    response_post_save_change = response_post_save_add


@admin.register(Playbook)
class PlaybookAdmin(OnOurPagesAdmin):
    """When a playbook starts and ends, and for whom."""

    nothing_yet = _("Playbooks are made on the page Playbooks.")
    form = PlaybookForm
    fields = ("name", "start", "step", "stage", "query", "end", "cooldown")

    class Media:
        css = {"all": ["analytics/table.css", "analytics/alerts.css"]}

    def get_readonly_fields(self, request: HttpRequest, obj: Playbook | None = None) -> tuple[str, ...]:
        """Keep the start of one that is on; also what it names, which would not be checked without it."""
        return WHILE_OFF if obj and obj.active else ()

    def has_delete_permission(self, request: HttpRequest, obj: Playbook | None = None) -> bool:
        """Let one be deleted that was never started; others are turned off."""
        was_started = obj is not None and PlaybookRun.objects.filter(playbook=obj).exists()
        return not was_started and super().has_delete_permission(request, obj)


@admin.register(PlaybookStep)
class PlaybookStepAdmin(OnOurPagesAdmin):
    """What is done on a day of a playbook."""

    nothing_yet = _("Steps are added on the page of a playbook.")
    form = PlaybookStepForm
    fields = ("playbook", "day", "does", "kind", "title", "template", "automatic")

    def get_readonly_fields(self, request: HttpRequest, obj: PlaybookStep | None = None) -> tuple[str, ...]:
        """Keep the playbook of a step that is stored."""
        return ("playbook",) if obj else ()
