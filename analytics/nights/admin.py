"""Nights in the admin, to be read only: a list, and a page for each night with its steps."""

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext, gettext_lazy
from unfold.decorators import display

from analytics.models import Night
from analytics.nights.ledger import DONE, MAY_SEE, result_name, step_name
from customers.core.pages import admin_response
from customers.editing.model_admin import ReadOnlyAdmin
from customers.models import ImportRun
from customers.runs.times import duration, took, when
from customers.text.say import say


@admin.register(Night)
class NightAdmin(ReadOnlyAdmin):
    """The ledger of nights, for those who may see imports."""

    nothing_yet = gettext_lazy("Nightly runs appear here; on the server, manage.py nightly starts one.")
    list_display = ["id", when, "status", took, "troubles", "started_by"]
    list_filter = ["state"]
    list_before_template = "analytics/nights/tools.html"

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let those see nights who may see imports: nights have no permission of their own."""
        return request.user.has_perm(MAY_SEE)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Let those see the list who may see nights."""
        return request.user.has_perm(MAY_SEE)

    @display(
        description=gettext_lazy("state"),  # type: ignore[arg-type]  # the theme types it as a str
        ordering="state",
        label={
            "running": "default",
            "done": "success",
            "warned": "warning",
            "failed": "danger",
            "interrupted": "warning",
        },
    )
    def status(self, night: Night) -> tuple[str, str]:
        """Say how the night ended, as a pill."""
        return night.state, night.get_state_display()

    @admin.display(description=gettext_lazy("not done"))
    def troubles(self, night: Night) -> str:
        """Name the steps that were not done."""
        left = [step for step in night.steps if step["result"] != DONE]
        return ", ".join(map(_step_and_result, left)) or "–"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Show a night's page; there is nothing to send to it."""
        night = self.get_object(request, unquote(object_id))
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request, night):
            raise PermissionDenied
        if not isinstance(night, Night):
            raise Http404(gettext("There is no such nightly run."))
        runs = ImportRun.objects.filter(started_at__gte=night.started_at).order_by("pk")
        context = {
            "title": str(night),
            "night": night,
            "steps": list(map(_in_words, night.steps)),
            "duration": duration(night.started_at, night.finished_at),
            "runs": runs.filter(started_at__lte=night.finished_at) if night.finished_at else runs,
        }
        return admin_response(request, "analytics/nights/night.html", context)


def _in_words(step: dict[str, object]) -> dict[str, object]:
    """Add to a step what it is called, and how it ended."""
    return {**step, "called": step_name(str(step["name"])), "ended": result_name(str(step["result"]))}


def _step_and_result(step: dict[str, str]) -> str:
    return say("{step} {result}", step=step_name(step["name"]), result=result_name(step["result"]))
