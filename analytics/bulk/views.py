"""The pages that ask what is to be done to many customers, do it, and undo it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext

from analytics.bulk.acts import BULK_ACTS, BulkAct
from analytics.bulk.selection import Selection, nobody_selected, selection
from analytics.my_day.acts import MAY_PUT_ASIDE
from analytics.my_day.deferrals import UNDO_DEFERRALS, undo_deferrals
from analytics.my_day.forms import SNOOZE_DAYS
from analytics.playbooks.end import UNDO_STOP, undo_stop
from analytics.playbooks.views import MAY_ACT
from analytics.tasks import workflow
from customers.core.pages import StaffRequest, admin_page, admin_response, next_page, sent_by_form
from customers.editing.conflicts import form_status
from customers.editing.undo import MAX_ROWS, read_undo, tell_done
from customers.owners.assign import UNDO_OWNERS, give_back
from customers.owners.views import MAY_ASSIGN, assign_page
from customers.text.say import say_n

MAX_NAMES = 10


@admin_page("customers.view_customer", MAY_ASSIGN)
def assign(request: HttpRequest) -> HttpResponse:
    """Ask for the owner of the customers that are meant, and assign."""
    meant = selection(request)
    if meant is None:
        return nobody_selected(request)
    return assign_page(request, meant.customers, meant.sent, meant.back)


@admin_page("customers.view_customer")
def act_on_many(request: StaffRequest, act: str) -> HttpResponse:
    """Ask for what an act needs, do it to the customers that are meant, and go back to the table."""
    if act not in BULK_ACTS:
        raise Http404
    todo = BULK_ACTS[act]
    if not request.user.has_perm(todo.permission):
        raise PermissionDenied
    meant = selection(request)
    if meant is None:
        return nobody_selected(request)
    count = meant.customers.count()
    confirming = request.method == "POST" and "expected" in request.POST
    form = todo.form(request.POST if confirming else None)
    if confirming and request.POST["expected"] != str(count):
        messages.warning(request, gettext("The customers are not as many as before: look again."))
    elif confirming and count <= MAX_ROWS and form.is_valid():
        _do(request, todo, meant, form)
        return redirect(meant.back)
    context = {
        "title": todo.label,
        "act": todo,
        "form": form,
        "count": count,
        "most": MAX_ROWS,
        "snooze_days": SNOOZE_DAYS if act == "snooze" else (),
        "names": meant.customers.order_by("organization", "pk")[:MAX_NAMES],
        "others": count - MAX_NAMES,
        "sent": meant.sent,
        "back": meant.back,
    }
    return admin_response(request, "analytics/bulk/act.html", context, status=form_status(form))


def _do(request: StaffRequest, todo: BulkAct, meant: Selection, form: forms.Form) -> None:
    with transaction.atomic():
        customers = list(meant.customers.select_related("care__owner").order_by("pk"))
        done = todo.apply(customers, form, request.user)
    if done.undo.rows:
        tell_done(request, done.words, done.undo)
    if done.skipped:
        messages.warning(request, done.skipped)


@dataclass(frozen=True)
class _Undoing:
    """How a kind of deed is undone: who may, and what returns how many of its rows it has undone."""

    permission: str
    undo: Callable[[Iterable[Any], User], int]


_UNDOING: Mapping[str, _Undoing] = {
    UNDO_OWNERS: _Undoing(MAY_ASSIGN, give_back),
    UNDO_DEFERRALS: _Undoing(MAY_PUT_ASIDE, undo_deferrals),
    workflow.UNDO_TASKS: _Undoing("analytics.add_task", workflow.take_back),
    UNDO_STOP: _Undoing(MAY_ACT, undo_stop),
}


@admin_page("customers.view_customer")
@sent_by_form(lambda: reverse("admin:index"))
def undo(request: StaffRequest) -> HttpResponse:
    """Undo what a message's button says, as far as nobody has changed it since."""
    asked = read_undo(request.POST.get("undo", ""), request.user)
    if asked is None or asked.kind not in _UNDOING:
        messages.error(request, gettext("This can no longer be undone."))
    else:
        way = _UNDOING[asked.kind]
        if not request.user.has_perm(way.permission):
            raise PermissionDenied
        undone = way.undo(asked.rows, request.user)
        if undone:
            messages.success(request, gettext("Undone."))
        if left := len(asked.rows) - undone:
            said = say_n(
                "{number} of {total} changed since: not undone.",
                "{number} of {total} changed since: not undone.",
                left,
                total=len(asked.rows),
            )
            messages.warning(request, said)
    return redirect(next_page(request, reverse("admin:index")))
