"""Playbooks with their steps, and for whom each was started."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, TypedDict

from django.db.models import Q
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter

from analytics.models import Playbook, PlaybookRun, PlaybookStep, PlaybookStepRun
from analytics.playbooks.listing import playbooks_with_numbers, started_runs
from analytics.playbooks.views import MAY_SEE
from rsolv_cs.api.access import Accesses, reads
from rsolv_cs.api.paging import paging_of
from rsolv_cs.api.reading import AS_OF, PAGING, ReadView, choice_of, end_of, key_of, scored_date
from rsolv_cs.api.resources.alerts import CUSTOMER

if TYPE_CHECKING:
    from analytics.playbooks.listing import NumberedPlaybook

STARTED_STATES = [state.value for state in PlaybookRun.State if state != PlaybookRun.State.PASSED]
STATE = OpenApiParameter(
    "state",
    {"type": "string", "enum": STARTED_STATES},
    description="Those that are in this state now; all where it is not given.",
)


class PlaybookStepFacts(TypedDict):
    """What a playbook does on a day after its start."""

    id: int
    day: Annotated[int, "Days after the start; 0 is the day itself."]
    does: PlaybookStep.Does
    what: Annotated[str, "The title of the task, or the email's template."]
    automatic: Annotated[bool, "The email goes without anybody's approval."]


class PlaybookFacts(TypedDict):
    """A playbook, and how often it was started."""

    id: int
    name: str
    active: bool
    start: Playbook.Start
    start_words: Annotated[str, "What starts it, with the step or stage that it names."]
    only_for: Annotated[str, "Filters of the customer table that narrow it; empty where none do."]
    end: Annotated[str, f"What ends it early: {', '.join(Playbook.End.values)}; empty where nothing does."]
    cooldown_days: int
    running: Annotated[int, "For so many customers it runs now."]
    waiting: Annotated[int, "So many of its emails wait for approval."]
    started: int
    steps: list[PlaybookStepFacts]


class PlaybookList(TypedDict):
    """All playbooks, by name."""

    results: list[PlaybookFacts]


class StepRunFacts(TypedDict):
    """What a step became for a customer."""

    step: Annotated[int | None, "Null where the playbook has it no more."]
    what: str
    due: date
    state: PlaybookStepRun.State
    note: Annotated[str, "Why it is held, waits or was skipped; empty otherwise."]
    done_at: datetime
    done_by: Annotated[str, "A login; empty where it was done by itself."]
    task: int | None
    message: Annotated[int | None, "The email that it made."]


class PlaybookRunFacts(TypedDict):
    """A playbook that was started for a customer."""

    id: int
    customer: Annotated[str, "The customer's id."]
    organization: str
    day: Annotated[date, "The scored date by which it started."]
    started_at: datetime
    why: str
    state: PlaybookRun.State
    ended_at: datetime | None
    ended_why: str
    ended_by: Annotated[str, "A login; empty where nobody has ended it."]
    steps: list[StepRunFacts]


class PlaybookRunPage(TypedDict):
    """A page of what was started."""

    as_of: Annotated[date | None, "The scored date; null where nothing is scored yet."]
    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[PlaybookRunFacts]


class PlaybooksView(ReadView):
    """All playbooks, on and off, by name."""

    access: Accesses = reads("customers.view_customer", MAY_SEE)
    operation = "list_playbooks"
    answers = PlaybookList

    def answer(self, request: HttpRequest, **kwargs: object) -> PlaybookList:
        """Return them."""
        found = playbooks_with_numbers().prefetch_related("steps__template")
        return {"results": [_facts(one) for one in found]}


class PlaybookRunsView(ReadView):
    """For whom a playbook was started, the newest first; with `as_of` by the end of that scored date."""

    access: Accesses = reads("customers.view_customer", MAY_SEE)
    operation = "list_playbook_runs"
    parameters: ClassVar = (AS_OF, CUSTOMER, STATE, *PAGING)
    answers = PlaybookRunPage

    def answer(self, request: HttpRequest, **kwargs: object) -> PlaybookRunPage:
        """Return a page of them."""
        paging = paging_of(request)
        playbook = get_object_or_404(Playbook.objects.only("pk"), pk=kwargs["pk"])
        portfolio = scored_date(request).portfolio
        day = portfolio.date if portfolio else None
        until = day if AS_OF.name in request.GET else None
        which = Q(started_at__lt=end_of(until)) if until else Q()
        if key := key_of(request, CUSTOMER.name):
            which &= Q(customer=key)
        if STATE.name in request.GET:
            which &= Q(state=choice_of(request, STATE.name, STARTED_STATES, ""))
        whole = PlaybookRun.objects.select_related("customer").prefetch_related("steps")
        rows, position = paging.rows(started_runs(playbook).filter(which).order_by("-pk"), whole)
        return {"as_of": day, "next": paging.next_page(position, until), "results": [_run(one) for one in rows]}


def _facts(one: "NumberedPlaybook") -> PlaybookFacts:
    return {
        "id": one.pk,
        "name": one.name,
        "active": one.active,
        "start": Playbook.Start(one.start),
        "start_words": one.start_in_words,
        "only_for": one.query,
        "end": one.end,
        "cooldown_days": one.cooldown,
        "running": one.running,
        "waiting": one.waiting,
        "started": one.started,
        "steps": [
            {
                "id": step.pk,
                "day": step.day,
                "does": PlaybookStep.Does(step.does),
                "what": str(step),
                "automatic": step.automatic,
            }
            for step in one.steps.all()
        ],
    }


def _run(one: PlaybookRun) -> PlaybookRunFacts:
    return {
        "id": one.pk,
        "customer": one.customer_id,
        "organization": one.customer.organization,
        "day": one.day,
        "started_at": one.started_at,
        "why": one.why,
        "state": PlaybookRun.State(one.state),
        "ended_at": one.ended_at,
        "ended_why": one.ended_why,
        "ended_by": one.ended_by,
        "steps": [
            {
                "step": step.step_id,
                "what": step.what,
                "due": step.due,
                "state": PlaybookStepRun.State(step.state),
                "note": step.note,
                "done_at": step.done_at,
                "done_by": step.done_by,
                "task": step.task_id,
                "message": step.message_id,
            }
            for step in one.steps.all()
        ],
    }
