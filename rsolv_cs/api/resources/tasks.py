"""Tasks: whose they are, a new one, and what came of it. The pages' own functions store and audit them."""

from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, ClassVar, TypedDict

from django.conf import settings
from django.db.models import Q
from django.forms import model_to_dict
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.display.filter_choices import is_key
from analytics.models import ActionKind, RecommendationRule, Task
from analytics.tasks import workflow
from analytics.tasks.forms import MAX_NOTE_LENGTH, ClosingForm, TaskForm
from analytics.tasks.listing import EVERYBODY, UNASSIGNED, tasks_of_whom
from analytics.tasks.prefill import prefilled
from analytics.tasks.views import MAY_ADD, MAY_SEE
from customers.core.pages import user_of
from customers.models import Customer
from customers.text.text_fields import one_break
from rsolv_cs.api.access import Access, Accesses, Scope
from rsolv_cs.api.paging import paging_of
from rsolv_cs.api.reading import AS_OF, PAGING, ReadView, choice_of, end_of, key_of, scored_date
from rsolv_cs.api.resources.alerts import CUSTOMER, PAGE
from rsolv_cs.api.resources.facts import Person, person
from rsolv_cs.api.writing import Conflict, SentSerializer, check_form, find_named, sent_fields

ALL = "all"
STATES = (*Task.State.values, ALL)
WHOSE = OpenApiParameter(
    "whose",
    str,
    description=f"The key of an account, `{EVERYBODY}` (who is meant unless said otherwise) or `{UNASSIGNED}`.",
)
STATE = OpenApiParameter(
    "state",
    {"type": "string", "enum": list(STATES)},
    description="State; open unless `as_of` is given.",
)
SORT = OpenApiParameter("sort", str, description=str(PAGE.description))


class TaskFacts(TypedDict):
    """Something to do for a customer."""

    id: int
    customer: Annotated[str, "The customer's id."]
    organization: str
    what: str
    kind: ActionKind
    reason: Annotated[str, "Why a rule recommended it; empty where none did."]
    rule: Annotated[int | None, "The key of the rule that recommended it."]
    owner: Person | None
    due: date
    note: str
    state: Task.State
    outcome: Annotated[str, "One of reached, solved, no_answer and not_needed; empty where none is known."]
    outcome_note: str
    created_at: datetime
    created_by: Annotated[str, "A login."]
    closed_at: datetime | None
    closed_by: Annotated[str, "A login."]


class TaskPage(TypedDict):
    """A page of tasks."""

    as_of: Annotated[date | None, "The scored date; null where nothing is scored yet."]
    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[TaskFacts]


class NewTask(SentSerializer):
    """A task to take on; what is left out is as the page would propose it."""

    customer = serializers.CharField(max_length=64, help_text="The customer's id.")
    rule = serializers.IntegerField(required=False, min_value=1, help_text="The key of a rule that recommends it.")
    what = serializers.CharField(required=False, max_length=200, help_text="Needed without a rule.")
    kind = serializers.ChoiceField(ActionKind.choices, required=False)
    owner = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        help_text="The key of an account; by default the customer's owner.",
    )
    due = serializers.DateField(required=False)
    note = serializers.CharField(required=False, allow_blank=True, max_length=MAX_NOTE_LENGTH)


class Closing(SentSerializer):
    """What came of a task."""

    state = serializers.ChoiceField([Task.State.DONE.value, Task.State.DROPPED.value], default=Task.State.DONE.value)
    outcome = serializers.ChoiceField(Task.Outcome.choices, required=False, help_text="Needed for what was done.")
    outcome_note = serializers.CharField(required=False, allow_blank=True, max_length=MAX_NOTE_LENGTH)


class TasksView(ReadView):
    """Tasks, the newest first: those that are open, or with `as_of` those that were open at the end of that date."""

    access: Accesses = {"GET": Access(Scope.READ, MAY_SEE), "POST": Access(Scope.WRITE, MAY_ADD)}
    operation = "list_tasks"
    parameters: ClassVar = (AS_OF, CUSTOMER, WHOSE, STATE, PAGE, SORT, *PAGING)
    answers = TaskPage

    def answer(self, request: HttpRequest, **kwargs: object) -> TaskPage:
        """Return a page of tasks."""
        paging = paging_of(request)
        portfolio = scored_date(request).portfolio
        day = portfolio.date if portfolio else None
        is_earlier = day is not None and AS_OF.name in request.GET
        state = choice_of(request, STATE.name, STATES, ALL if is_earlier else Task.State.OPEN.value)
        whose = request.GET.get(WHOSE.name, EVERYBODY)
        if whose not in {EVERYBODY, UNASSIGNED} and not is_key(whose):
            raise ValidationError({WHOSE.name: f"Allowed: the key of an account, {EVERYBODY} or {UNASSIGNED}."})
        found = tasks_of_whom(whose).order_by("-pk")
        if day and is_earlier:
            still_open = Q(closed_at=None) | Q(closed_at__gte=end_of(day))
            found = found.filter(still_open, created_at__lt=end_of(day))
        if state != ALL:
            found = found.filter(state=state)
        if key := key_of(request, CUSTOMER.name):
            found = found.filter(customer=key)
        rows, position = paging.rows(found, Task.objects.select_related("customer", "owner"))
        following = paging.next_page(position, day if is_earlier else None)
        return {"as_of": day, "next": following, "results": [_facts(one) for one in rows]}

    @extend_schema(
        operation_id="create_task", request=NewTask, responses={201: TaskFacts, 200: TaskFacts}, parameters=[]
    )
    def post(self, request: Request) -> Response:
        """Take on a task. Sent twice it is created once: the second answer, 200, is the same task."""
        sent = sent_fields(NewTask, request)
        customer = find_named(Customer.objects.select_related("care__owner"), "customer", sent.pop("customer"))
        rule = find_named(RecommendationRule.objects.all(), "rule", sent.pop("rule")) if "rule" in sent else None
        user = user_of(request._request)
        taken = workflow.open_task(customer, rule) if rule else None
        if taken is None:
            task = prefilled(customer, rule, user)
            form = TaskForm({**model_to_dict(task, TaskForm.Meta.fields), **sent}, instance=task)
            check_form(form)
            try:
                task = workflow.take(form.save(commit=False), user)
            except workflow.TakenError as error:
                taken = error.task
            else:
                return _created(task)
        if taken is None or one_break(str(sent.get("note", ""))) not in {"", taken.note}:
            raise _taken(taken)
        return Response(_facts(taken))


class TaskView(ReadView):
    """One task."""

    access: Accesses = {"GET": Access(Scope.READ, MAY_SEE), "DELETE": Access(Scope.WRITE, MAY_ADD)}
    operation = "get_task"
    answers = TaskFacts

    def answer(self, request: HttpRequest, **kwargs: object) -> TaskFacts:
        """Return the task."""
        return _facts(_find(kwargs["pk"]))

    @extend_schema(operation_id="undo_task", responses={204: None}, parameters=[])
    def delete(self, request: Request, pk: int) -> Response:
        """Undo the creation of a task of your own that nobody has touched since."""
        _find(pk)
        if not workflow.take_back([pk], user_of(request._request)):
            raise Conflict("It is not of your making, or has been touched since.")
        return Response(status=HTTPStatus.NO_CONTENT)


class ClosedTaskView(APIView):
    """What closes a task."""

    access: Accesses = {"POST": Access(Scope.WRITE, (*MAY_SEE, settings.OWNERS_MAY))}

    @extend_schema(operation_id="close_task", request=Closing, responses={200: TaskFacts})
    def post(self, request: Request, pk: int) -> Response:
        """Close an open task as done, or as canceled (`dropped`)."""
        sent = sent_fields(Closing, request)
        form = ClosingForm(sent)
        check_form(form)
        data = form.cleaned_data
        task = _find(pk)
        if not workflow.close(task, user_of(request._request), data["state"], data["outcome"], data["outcome_note"]):
            task.refresh_from_db()
            raise Conflict(f"{task.closed_by} has closed this task already: {task.get_state_display().lower()}.")
        return Response(_facts(_find(pk)))


class ReopenedTaskView(APIView):
    """What opens a closed task again: the undo of closing it."""

    access: Accesses = {"POST": Access(Scope.WRITE, (*MAY_SEE, settings.OWNERS_MAY))}

    @extend_schema(operation_id="reopen_task", request=None, responses={200: TaskFacts})
    def post(self, request: Request, pk: int) -> Response:
        """Open a closed task again."""
        try:
            is_reopened = workflow.reopen(_find(pk), user_of(request._request))
        except workflow.TakenError as error:
            raise _taken(error.task) from None
        if not is_reopened:
            raise Conflict("The task is open already.")
        return Response(_facts(_find(pk)))


def _find(pk: object) -> Task:
    return get_object_or_404(Task.objects.select_related("customer", "owner"), pk=pk)


def _created(task: Task) -> Response:
    address = reverse("api:task", args=[task.pk])
    return Response(_facts(_find(task.pk)), status=HTTPStatus.CREATED, headers={"Location": address})


def _taken(taken: Task | None) -> Conflict:
    if taken is None:
        return Conflict("Somebody has just closed the same task; look again.")
    who = taken.owner_name or taken.created_by or "Somebody"
    return Conflict(f"{who} has taken this on already: task {taken.pk}, due {taken.due}.")


def _facts(one: Task) -> TaskFacts:
    return {
        "id": one.pk,
        "customer": one.customer_id,
        "organization": one.customer.organization,
        "what": one.what,
        "kind": ActionKind(one.kind),
        "reason": one.reason,
        "rule": one.rule_id,
        "owner": person(one.owner),
        "due": one.due,
        "note": one.note,
        "state": Task.State(one.state),
        "outcome": one.outcome,
        "outcome_note": one.outcome_note,
        "created_at": one.created_at,
        "created_by": one.created_by,
        "closed_at": one.closed_at,
        "closed_by": one.closed_by,
    }
