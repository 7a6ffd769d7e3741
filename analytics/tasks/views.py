"""The pages about tasks: the list, a new one, and one that is changed, closed or opened again."""

from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from analytics.models import ActionKind, RecommendationRule, Task
from analytics.tasks import workflow
from analytics.tasks.forms import ChangeForm, ClosingForm, TaskForm
from analytics.tasks.listing import task_list, whose_in_full
from analytics.tasks.prefill import prefilled
from customers.core.pages import StaffRequest, admin_page, admin_response, next_page
from customers.editing.conflicts import form_status, tell_kept
from customers.editing.undo import Undo, tell_done
from customers.models import Customer
from customers.text.numbers import number_or_none
from customers.text.say import say
from customers.text.text_fields import one_break

MAY_SEE = ("customers.view_customer", "analytics.view_task")
MAY_ADD = (*MAY_SEE, "analytics.add_task")
MAY_CHANGE = settings.OWNERS_MAY
MAX_FOUND = 20
CLOSING = frozenset({Task.State.DONE.value, Task.State.DROPPED.value})


@admin_page(*MAY_SEE)
def task_page_list(request: StaffRequest) -> HttpResponse:
    """Somebody's tasks, which are one's own where the address does not say whose; or everybody's, or nobody's."""
    if address := whose_in_full(request):
        return redirect(f"{request.path}?{address}")
    return admin_response(request, "analytics/tasks/list.html", task_list(request))


@admin_page(*MAY_ADD)
def new_task(request: StaffRequest) -> HttpResponse:
    """Take on a task for a customer: one that a rule recommends, prefilled, or one of one's own."""
    asked = request.GET.get("customer", "")
    if not asked:
        return _choose_customer(request)
    customer = get_object_or_404(Customer.objects.select_related("care__owner"), pk=_clean(asked))
    rule = _rule(request.GET.get("rule", ""))
    taken = workflow.open_task(customer, rule) if rule else None
    note = one_break(request.POST.get("note", "")).strip() if request.method == "POST" else ""
    if taken and note in {"", taken.note}:
        return _taken(request, taken)
    task = prefilled(customer, rule, request.user)
    form = TaskForm(request.POST if request.method == "POST" else None, instance=task)
    if request.method == "POST" and not taken and form.is_valid():
        try:
            workflow.take(form.save(commit=False), request.user)
        except workflow.TakenError as error:
            taken = error.task
            if not taken or note in {"", taken.note}:
                return _taken(request, taken)
        else:
            tell_done(
                request,
                say("Task created: {task}. Due {day}.", task=task.what, day=task.due),
                Undo(workflow.UNDO_TASKS, [task.pk]),
            )
            return redirect(_next(request, task))
    context = {
        "title": say("Create task: {customer}", customer=customer.organization),
        "customer": customer,
        "rule": rule,
        "task": task,
        "form": form,
        "same": taken,
        "is_same": bool(taken),
        "may_write": request.user.has_perm("analytics.contact_customer"),
        "back": next_page(request, reverse("analytics:customer", args=[customer.pk])),
    }
    status = HTTPStatus.CONFLICT if taken else form_status(form)
    return admin_response(request, "analytics/tasks/new.html", context, status=status)


def _next(request: StaffRequest, task: Task) -> str:
    """Where a new task leads: to its letter, where that was asked for, or back."""
    if request.POST.get("then") == "write" and request.user.has_perm("analytics.contact_customer"):
        return f"{reverse('analytics:contact', args=[task.customer_id])}?task={task.pk}"
    return next_page(request, reverse("analytics:customer", args=[task.customer_id]))


@admin_page(*MAY_SEE)
def task(request: StaffRequest, pk: int) -> HttpResponse:
    """One task: what came of it, or what is to be done; with the form for those who may."""
    if request.method != "POST":
        return _TaskPage(request, _task(pk)).show()
    if not request.user.has_perm(MAY_CHANGE):
        raise PermissionDenied(gettext("You may not change tasks."))
    with transaction.atomic():
        return _TaskPage(request, _task(pk, locked=True)).answer()


def _task(pk: int, *, locked: bool = False) -> Task:
    """The task; locked where it is about to be changed, so that it is what a form is compared with."""
    rows = Task.objects.select_related("customer", "owner", "rule")
    return get_object_or_404(rows.select_for_update(of=("self",)) if locked else rows, pk=pk)


class _TaskPage:
    """One request for a task. Its form is one: whichever button is pressed, all that was typed is saved."""

    def __init__(self, request: StaffRequest, found: Task) -> None:
        self.request, self.task, self.here = request, found, request.get_full_path()
        posted = request.POST if request.method == "POST" else None
        self.asked = posted.get("do", "") if posted else ""
        closes = self.asked in CLOSING
        has_details = posted is not None and (self.asked == "change" or (closes and "what" in posted))
        self.form = ChangeForm(posted if has_details else None, instance=found)
        known = posted or {"outcome": request.GET.get("outcome", "")}
        self.closing = ClosingForm(
            {**posted.dict(), "state": self.asked} if posted and closes else None,
            initial={
                "outcome": known.get("outcome", ""),
                "outcome_note": known.get("outcome_note", found.outcome_note),
            },
        )

    def answer(self) -> HttpResponse:
        """Do what was sent, or show it again and say why not."""
        try:
            if self.asked == "reopen":
                return self._reopen()
            if self.asked in {"change", *CLOSING}:
                return self._save()
        except workflow.TakenError as error:
            return self._same(error.task)
        return self.show()

    def show(self, status: int = 200, **more: object) -> HttpResponse:
        """The page."""
        self.task.refresh_from_db(fields=["what", "kind", "owner", "due", "note", "outcome_note"])
        may_change = self.request.user.has_perm(MAY_CHANGE)
        context = {
            "title": self.task.what,
            "task": self.task,
            "may_change": may_change,
            "may_write": self.request.user.has_perm("analytics.contact_customer"),
            "is_mail": self.task.kind == ActionKind.EMAIL,
            "form": self.form if may_change and self.task.state == Task.State.OPEN else None,
            "closing": self.closing,
            "history": workflow.task_history(self.task),
            "today": timezone.localdate(),
            "back": next_page(self.request, reverse("analytics:tasks")),
            "query": self.request.GET.urlencode(),
            **more,
        }
        return admin_response(self.request, "analytics/tasks/task.html", context, status=status)

    def _reopen(self) -> HttpResponse:
        if workflow.reopen(self.task, self.request.user):
            messages.success(self.request, gettext("The task is reopened."))
        else:
            messages.warning(self.request, gettext("The task is open already."))
        return redirect(self.here)

    def _save(self) -> HttpResponse:
        if self.task.state != Task.State.OPEN:
            return self._too_late()
        is_well = [form.is_valid() for form in (self.form, self.closing) if form.is_bound]
        if not all(is_well):
            return self.show(form_status(self.form, self.closing))
        closes = self.asked in CLOSING
        changed = [name for name in self.form.changed_data if not closes or name != "outcome_note"]
        if self.form.is_bound:
            workflow.change(self.form.instance, self.request.user, changed)
            tell_kept(self.request, self.form)
        if closes:
            return self._close()
        messages.success(self.request, gettext("The task is saved.") if changed else gettext("Nothing was changed."))
        return redirect(self._here_with(self.closing.initial["outcome"]))

    def _close(self) -> HttpResponse:
        sent = self.closing.cleaned_data
        note = self.form.cleaned_data.get("outcome_note") if self.form.is_bound else None
        note = sent["outcome_note"] if note is None else note
        workflow.close(self.task, self.request.user, sent["state"], sent["outcome"], note)
        messages.success(self.request, f"{Task.State(sent['state']).label}: {self.task.what}.")
        return redirect(next_page(self.request, self.here))

    def _here_with(self, outcome: str) -> str:
        """This page again, with the outcome that was chosen but belongs to a closed task."""
        query = self.request.GET.copy()
        query.pop("outcome", None)
        if outcome:
            query["outcome"] = outcome
        return f"{self.request.path}?{query.urlencode()}" if query else self.request.path

    def _too_late(self) -> HttpResponse:
        """Somebody has closed it: nothing is stored, and what was typed is shown."""
        state = self.task.get_state_display().lower()
        words = say("{who} has closed this task already: {state}.", who=self.task.closed_by, state=state)
        texts = (self.task.what, self.task.note, self.task.outcome_note)
        stored = dict(zip((gettext("Title"), gettext("Note"), gettext("Outcome note")), texts, strict=True))
        sent = dict(zip(stored, map(self.request.POST.get, ("what", "note", "outcome_note")), strict=True))
        unsaved = [
            (label, text) for label, text in sent.items() if text and one_break(text).strip() != stored[label].strip()
        ]
        if unsaved:
            return self.show(HTTPStatus.CONFLICT, too_late=words, unsaved=unsaved)
        messages.warning(self.request, words)
        return redirect(self.here)

    def _same(self, other: Task | None) -> HttpResponse:
        """There is such a task already: lead to it, unless something was typed, which is shown again."""
        if self.asked == "reopen":
            return _taken(self.request, other)
        return self.show(HTTPStatus.CONFLICT, same=other, is_same=True)


def _taken(request: StaffRequest, taken: Task | None) -> HttpResponse:
    """Lead to the task that somebody has already."""
    if taken is None:
        messages.warning(request, gettext("Somebody has just closed the same task; look again."))
        return redirect("analytics:tasks")
    if taken.owner_id == request.user.pk:
        said = say("You have taken this on already: {task}, due {day}.", task=taken.what, day=taken.due)
    else:
        who = taken.owner_name or taken.created_by or gettext("Somebody")
        said = say("{who} has taken this on already: {task}, due {day}.", who=who, task=taken.what, day=taken.due)
    messages.warning(request, said)
    return redirect("analytics:task", pk=taken.pk)


def _choose_customer(request: StaffRequest) -> HttpResponse:
    """Ask for whom a new task is."""
    words = _clean(request.GET.get("q", "")).strip()
    found = Customer.objects.filter(Q(organization__finds=words) | Q(pk=words))
    context = {
        "title": gettext("New task"),
        "words": words,
        "customers": found[: MAX_FOUND + 1] if words else [],
        "most": MAX_FOUND,
    }
    return admin_response(request, "analytics/tasks/choose_customer.html", context)


def _rule(key: str) -> RecommendationRule | None:
    """The rule that the address names; an unknown one is no page."""
    if not key:
        return None
    return get_object_or_404(RecommendationRule, pk=number_or_none(key))


def _clean(text: str) -> str:
    """A text that PostgreSQL takes."""
    if "\0" in text:
        raise Http404
    return text
