"""What the pages of playbooks show: each with its numbers, whom it would start for, and its runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, TypedDict

from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, When
from django.utils.translation import gettext

from analytics.models import Playbook, PlaybookRun, PlaybookStepRun, PortfolioDay, Snapshot
from analytics.playbooks.conditions import is_known, reason
from analytics.playbooks.start import NotUnderstood, candidates
from analytics.segments.segment import Segment
from customers.clock import program_today
from customers.models import Customer
from customers.text.say import say

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class Numbers(TypedDict):
        """What ``playbooks_with_numbers`` says of each."""

        running: int
        waiting: int
        started: int

    NumberedPlaybook = WithAnnotations[Playbook, Numbers]

MAX_SHOWN = 20
ROWS_PER_PAGE = 50
_WITH_STEPS = ("playbook__steps__template", "steps__task", "steps__message")
"""What a run's steps are told from: those that are done, and those to come."""
Run, StepRun = PlaybookRun.State, PlaybookStepRun.State


@dataclass(frozen=True)
class WouldStart:
    """For how many a playbook would start now, the first of them with the reasons; or why nobody can know."""

    count: int = 0
    first: Sequence[tuple[Customer, str]] = ()
    problem: str = ""

    @property
    def others(self) -> int:
        """How many are not listed."""
        return self.count - len(self.first)


def playbooks_with_numbers() -> "QuerySet[NumberedPlaybook]":
    """Return the playbooks, each with how many run, wait for approval, and were started; one query."""
    started = Count("runs", filter=~Q(runs__state=Run.PASSED), distinct=True)
    running = Count("runs", filter=Q(runs__state=Run.RUNNING), distinct=True)
    waits = Q(runs__state=Run.RUNNING, runs__steps__state=StepRun.WAITING)
    return Playbook.objects.annotate(
        running=running, waiting=Count("runs__steps", filter=waits, distinct=True), started=started
    )


def waiting_emails() -> "QuerySet[PlaybookStepRun]":
    """Return the emails of running playbooks that wait for a person, the oldest first."""
    waiting = PlaybookStepRun.objects.filter(state=StepRun.WAITING, run__state=Run.RUNNING)
    return waiting.select_related("run__playbook", "run__customer").order_by("due", "pk")


def would_start(playbook: Playbook) -> WouldStart:
    """Return for whom a playbook would start now, whether it is on or off."""
    newest = PortfolioDay.objects.newest()
    if newest is None:
        return WouldStart(problem=gettext("Nothing is scored yet."))
    if not is_known(playbook, newest.date):
        return WouldStart(problem=say("There is no forecast of {day}.", day=newest.date))
    try:
        found = candidates(playbook, newest.date, program_today())
    except NotUnderstood as problem:
        return WouldStart(problem=say("Its filters are not understood: {problem}", problem=str(problem)))
    rows: list[Snapshot] = list(found.select_related("customer", "policy").order_by("score", "pk")[:MAX_SHOWN])
    return WouldStart(found.count(), [(one.customer, reason(one, playbook)) for one in rows])


def segment_words(playbook: Playbook, day: date) -> str:
    """Return the filters of a playbook in words; '' where it has none."""
    return Segment(playbook.query, day).words if playbook.query else ""


def started_runs(playbook: Playbook) -> "QuerySet[PlaybookRun]":
    """Return the runs of a playbook, but for those whom it passed over."""
    return PlaybookRun.objects.filter(playbook=playbook).exclude(state=Run.PASSED)


def runs_page(playbook: Playbook, number: str | None) -> "Page[PlaybookRun]":
    """Return a page of the runs of a playbook with their steps, those that are running first."""
    rank = Case(When(state=Run.RUNNING, then=0), default=1, output_field=IntegerField())
    runs = started_runs(playbook).order_by(rank, "-started_on", "-pk")
    rows = runs.select_related("customer").prefetch_related(*_WITH_STEPS)
    return Paginator(rows, ROWS_PER_PAGE).get_page(number)


def with_playbooks(customers: "QuerySet[Customer]") -> "QuerySet[Customer]":
    """Say of each customer whether any playbook runs for it, to ask for them only where one does."""
    running = PlaybookRun.objects.filter(customer=OuterRef("pk"), state=Run.RUNNING).order_by()
    return customers.annotate(has_playbooks=Exists(running))


def runs_of(customer: Customer) -> Sequence[PlaybookRun]:
    """Return the playbooks that run for a customer with their steps; no query where it is known to have none."""
    if not getattr(customer, "has_playbooks", True):
        return []
    running = PlaybookRun.objects.filter(customer=customer, state=Run.RUNNING).order_by("pk")
    return list(running.select_related("customer").prefetch_related(*_WITH_STEPS))
