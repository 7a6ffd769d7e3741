"""The page that undoes a run: first what would happen, then, when it is sent, the undo."""

from django.contrib import admin, messages
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from customers.core.pages import admin_page, tell_database_error
from customers.jobs.lock import LockHeld
from customers.models import ImportRun
from customers.runs.undo import NotUndoable, in_words, preview, undo


@admin_page("customers.view_importrun", "customers.undo_importrun")
def undo_run(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask with the exact counts of a dry run; when sent, undo and show the undo's run."""
    run = get_object_or_404(ImportRun, pk=pk)
    try:
        if request.method == "POST":
            undoing = undo(run, request.user.get_username())
            if undoing.status == ImportRun.Status.LOADED:
                messages.success(request, f"Run {run.pk} is undone: {in_words(undoing)}.")
            else:
                messages.error(request, f"Run {run.pk} was not undone: {undoing.reason}")
            return redirect("admin:customers_importrun_change", undoing.pk)
        expected = preview(run)
    except NotUndoable as error:
        messages.error(request, str(error))
    except LockHeld:
        messages.error(request, "An import is running; try again when it has ended.")
    except Error:
        tell_database_error(request)
    else:
        context = {
            **admin.site.each_context(request),
            "title": f"Undo run {run.pk}",
            "run": run,
            "expected": expected,
        }
        return TemplateResponse(request, "customers/runs/undo.html", context)
    return redirect("admin:customers_importrun_change", run.pk)
