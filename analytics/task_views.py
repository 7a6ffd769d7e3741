"""The pages about tasks: the list, a new one, and one that is changed, closed or opened again."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import Truncator

from analytics import tasks
from analytics.conditions import why
from analytics.dashboard import newest_day
from analytics.models import RecommendationRule, Snapshot, Task
from analytics.task_forms import ClosingForm, TaskForm
from analytics.task_list import task_list
from customers.models import Customer
from customers.owners import able
from customers.pages import admin_page

MAY_SEE = ("customers.view_customer", "analytics.view_task")
MAY_ADD = (*MAY_SEE, "analytics.add_task")
MAY_CHANGE = settings.OWNERS_MAY
MOST_FOUND = 20
UNPROCESSABLE = 422
REASON_LENGTH = Task._meta.get_field("reason").max_length


@admin_page(*MAY_SEE)
def task_page_list(request: HttpRequest) -> HttpResponse:
    """My tasks, or everybody's, or nobody's."""
    context = {**admin.site.each_context(request), "title": "My tasks", **task_list(request)}
    return TemplateResponse(request, "analytics/tasks/list.html", context)


@admin_page(*MAY_ADD)
def new_task(request: HttpRequest) -> HttpResponse:
    """Take on a task for a customer: one that a rule recommends, prefilled, or one of one's own."""
    asked = request.GET.get("customer", "")
    if not asked:
        return _choose_customer(request)
    customer = get_object_or_404(Customer.objects.select_related("care__owner"), pk=_clean(asked))
    rule = _rule(request.GET.get("rule", ""))
    taken = tasks.open_task(customer, rule) if rule else None
    if taken:
        return _taken(request, taken)
    task = _prefilled(customer, rule, request.user)
    form = TaskForm(request.POST if request.method == "POST" else None, instance=task)
    if request.method == "POST" and form.is_valid():
        try:
            tasks.take(form.save(commit=False), request.user)
        except tasks.TakenError as error:
            return _taken(request, error.task)
        messages.success(request, f"Taken on: {task.what}. Due {task.due:%-d %b %Y}.")
        return redirect(_back(request, reverse("analytics:customer", args=[customer.pk])))
    context = {
        **admin.site.each_context(request),
        "title": f"New task for {customer.organization}",
        "customer": customer,
        "rule": rule,
        "task": task,
        "form": form,
        "back": _back(request, reverse("analytics:customer", args=[customer.pk])),
    }
    return TemplateResponse(request, "analytics/tasks/new.html", context, status=_status(form))


@admin_page(*MAY_SEE)
def task(request: HttpRequest, pk: int) -> HttpResponse:
    """One task: what came of it, or what is to be done; with the forms for those who may."""
    found = get_object_or_404(Task.objects.select_related("customer", "owner", "rule"), pk=pk)
    tasks.name_people([found])
    may_change = request.user.has_perm(MAY_CHANGE)
    asked = request.POST.get("do", "") if request.method == "POST" else ""
    if request.method == "POST" and not may_change:
        raise PermissionDenied("You may not change tasks.")
    form = TaskForm(request.POST if asked == "change" else None, instance=found)
    closing = ClosingForm(_closing_data(request) if asked in {"done", "dropped"} else None)
    try:
        answer = _done(request, found, asked, form, closing)
    except tasks.TakenError as error:
        return _taken(request, error.task)
    if answer:
        return answer
    found.refresh_from_db(fields=["what", "kind", "owner", "due", "note"])
    context = {
        **admin.site.each_context(request),
        "title": found.what,
        "task": found,
        "may_change": may_change,
        "form": form if may_change and found.state == Task.State.OPEN else None,
        "closing": closing,
        "history": tasks.history(found),
        "today": timezone.localdate(),
        "back": _back(request, reverse("analytics:tasks")),
        "query": request.GET.urlencode(),
    }
    return TemplateResponse(request, "analytics/tasks/task.html", context, status=_status(form, closing))


def _done(request: HttpRequest, found: Task, asked: str, form: TaskForm, closing: ClosingForm) -> HttpResponse | None:
    """Do what was sent; None where nothing was, or where a form must be shown again."""
    here = request.get_full_path()
    if asked == "reopen":
        opened = tasks.reopen(found, request.user)
        messages.success(request, "The task is open again.") if opened else _too_late(request, found)
        return redirect(here)
    if asked and found.state != Task.State.OPEN:
        _too_late(request, found)
        return redirect(here)
    if asked == "change" and form.is_valid():
        tasks.change(form.instance, request.user, form.changed_data)
        messages.success(request, "The task is saved." if form.changed_data else "Nothing was changed.")
        return redirect(here)
    if asked in {"done", "dropped"} and closing.is_valid():
        sent = closing.cleaned_data
        if tasks.close(found, request.user, sent["state"], sent["outcome"], sent["outcome_note"]):
            messages.success(request, f"{Task.State(sent['state']).label}: {found.what}.")
            return redirect(_back(request, here))
        _too_late(request, found)
        return redirect(here)
    return None


def _closing_data(request: HttpRequest) -> dict[str, Any]:
    """The pressed button says the state."""
    return {**request.POST.dict(), "state": request.POST["do"]}


def _too_late(request: HttpRequest, found: Task) -> None:
    now = Task.objects.get(pk=found.pk)
    if now.state == Task.State.OPEN:
        messages.warning(request, "The task is open already.")
    else:
        messages.warning(request, f"{now.closed_by} has closed this task already: {now.get_state_display().lower()}.")


def _taken(request: HttpRequest, taken: Task | None) -> HttpResponse:
    """Lead to the task that somebody has already."""
    if taken is None:
        messages.warning(request, "Somebody has just closed the same task; look again.")
        return redirect("analytics:tasks")
    who = (
        "You have"
        if taken.owner_id == request.user.pk
        else f"{taken.owner_name or taken.created_by or 'Somebody'} has"
    )
    messages.warning(request, f"{who} taken this on already: {taken.what}, due {taken.due:%-d %b %Y}.")
    return redirect("analytics:task", pk=taken.pk)


def _prefilled(customer: Customer, rule: RecommendationRule | None, user: User) -> Task:
    """A task as the rule recommends it, for the customer's owner (who must be able to do it) or for the user."""
    owner = getattr(getattr(customer, "care", None), "owner", None)
    if owner != user and not (owner and able().filter(pk=owner.pk).exists()):
        owner = user
    today = timezone.localdate()
    if rule is None:
        return Task(customer=customer, owner=owner, due=tasks.due_date(tasks.ORDINARY, today))
    portfolio = newest_day()
    snapshots = Snapshot.objects.select_related("policy", "customer")
    snapshot = snapshots.filter(customer=customer, date=portfolio.date).first() if portfolio else None
    reason = (snapshot and why(snapshot, rule)) or ""
    return Task(
        customer=customer,
        rule=rule,
        kind=rule.kind,
        what=rule.text,
        reason=Truncator(reason).chars(REASON_LENGTH),
        owner=owner,
        due=tasks.due_date(rule.urgency, today),
    )


def _choose_customer(request: HttpRequest) -> HttpResponse:
    """Ask for whom a new task is."""
    words = _clean(request.GET.get("q", "")).strip()
    found = Customer.objects.filter(Q(organization__finds=words) | Q(pk=words))
    context = {
        **admin.site.each_context(request),
        "title": "New task",
        "words": words,
        "customers": found[: MOST_FOUND + 1] if words else [],
        "most": MOST_FOUND,
    }
    return TemplateResponse(request, "analytics/tasks/choose_customer.html", context)


def _rule(key: str) -> RecommendationRule | None:
    """The rule that the address names; an unknown one is no page."""
    if not key:
        return None
    if not (key.isascii() and key.isdecimal() and len(key) < 19):
        raise Http404
    return get_object_or_404(RecommendationRule, pk=int(key))


def _clean(text: str) -> str:
    """A text that PostgreSQL takes."""
    if "\0" in text:
        raise Http404
    return text


def _back(request: HttpRequest, otherwise: str) -> str:
    """Where the address says one came from, if that is a page of ours."""
    asked = request.GET.get("next", "")
    ours = asked.startswith("/") and url_has_allowed_host_and_scheme(asked, {request.get_host()})
    return asked if ours else otherwise


def _status(*forms: Any) -> int:
    return UNPROCESSABLE if any(form.is_bound and not form.is_valid() for form in forms) else 200
