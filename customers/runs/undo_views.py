"""The page that undoes a run: it shows what would happen, and undoes the run once that is confirmed."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from customers.core.pages import admin_page, admin_response
from customers.jobs.pages import IMPORT_RUNS, failures_told
from customers.models import ImportRun
from customers.runs.undo import NotUndoable, preview_undo, undo, undo_summary
from customers.text.say import say


@admin_page("customers.view_importrun", "customers.undo_importrun")
def undo_run(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the exact counts of a dry run; once confirmed, undo, and show the run of the undo."""
    run = get_object_or_404(ImportRun, pk=pk)
    with failures_told(request, NotUndoable, busy=IMPORT_RUNS):
        if request.method == "POST":
            undoing = undo(run, request.user.get_username())
            if undoing.status == ImportRun.Status.LOADED:
                counts = undo_summary(undoing)
                messages.success(request, say("Run {run} is undone: {counts}.", run=str(run.pk), counts=counts))
            else:
                why = say("Run {run} was not undone: {why}", run=str(run.pk), why=undoing.reason)
                messages.error(request, why)
            return redirect("admin:customers_importrun_change", undoing.pk)
        context = {
            "title": say("Undo run {run}", run=str(run.pk)),
            "run": run,
            "expected": preview_undo(run),
        }
        return admin_response(request, "customers/runs/undo.html", context)
    return redirect("admin:customers_importrun_change", run.pk)
