"""Does the steps that are due: tasks, and emails that go by themselves or wait for a person.

What a step became is stored in the transaction of what it made, so that a kill at any point does nothing twice. A step
is done for many customers at once: the queries are those of a batch, not of each of them. No reason repeats a name or
an address, because the customer of these may be erased one day.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from analytics.models import Message, PlaybookRun, PlaybookStep, PlaybookStepRun, Task
from analytics.playbooks.emails import Emails
from analytics.playbooks.end import SETTLED
from analytics.tasks.workflow import take_by_themselves
from customers.clock import working_day
from customers.core.database_errors import is_unavailable
from customers.core.limits import batches
from customers.jobs.lock import LockHeld
from customers.models import Customer
from customers.owners.assign import eligible_owners
from customers.text.say import english, in_english

logger = logging.getLogger(__name__)

State = PlaybookStepRun.State


@dataclass(frozen=True)
class Became:
    """What a step became, why, and the task or the email that it made."""

    state: PlaybookStepRun.State
    note: str = ""
    task: Task | None = None
    message: Message | None = None


Make = Callable[[PlaybookStep, Sequence[PlaybookRun], date], Mapping[int, Became]]
"""Does a step for some runs, and says by their keys what it became."""


def do_steps(step: PlaybookStep, today: date, among: Q) -> Iterator[PlaybookStepRun.State]:
    """Do a step wherever it is due, a batch in each transaction; yield what it became, but where that is as it was."""
    make = _tasks if step.does == step.Does.TASK else _emails
    for keys in batches(list(_due(step, today, among))):
        yield from _do_each(step, keys, today, make)


def _do_each(step: PlaybookStep, keys: Sequence[int], today: date, make: Make) -> Iterator[PlaybookStepRun.State]:
    """Do a step for runs; where that fails, halve them until those are found by which it does, and hold these."""
    try:
        with in_english(), transaction.atomic():  # What a step became is stored.
            became = _do(step, keys, today, make)
    except Exception as error:
        if is_unavailable(error) or isinstance(error, LockHeld):
            raise
        if len(keys) > 1:
            half = len(keys) // 2
            for some in (keys[:half], keys[half:]):
                yield from _do_each(step, some, today, make)
            return
        logger.exception("Step %s could not be done in playbook run %s", step.pk, keys[0])
        # What an error says may have a name in it.
        held = Became(State.HELD, english(f"It could not be done: {type(error).__name__}. The log says more"))
        with in_english(), transaction.atomic():
            became = _do(step, keys, today, lambda _step, runs, _today: {run.pk: held for run in runs})
    yield from became


def _due(step: PlaybookStep, today: date, among: Q) -> Iterator[int]:
    """Yield the runs for which a step is due on a working day, and not settled nor left to a person."""
    settled = PlaybookStepRun.objects.filter(run=OuterRef("pk"), step=step, state__in=[*SETTLED, State.WAITING])
    begun = PlaybookRun.objects.filter(
        among,
        playbook=step.playbook_id,
        state=PlaybookRun.State.RUNNING,
        started_on__lte=today - timedelta(days=step.day),
    )
    yield from begun.exclude(Exists(settled)).order_by("pk").values_list("pk", flat=True)


def _do(step: PlaybookStep, keys: Sequence[int], today: date, make: Make) -> list[PlaybookStepRun.State]:
    """Do a step for runs, whose rows are locked; return what it became."""
    running = PlaybookRun.objects.select_for_update(of=("self",)).filter(pk__in=keys, state=PlaybookRun.State.RUNNING)
    runs = list(running.select_related("customer__care", "playbook").order_by("pk"))
    # Another process may have done it while this one waited for the rows.
    known = {one.run_id: one for one in PlaybookStepRun.objects.filter(step=step, run__in=[run.pk for run in runs])}
    left = [run for run in runs if run.pk not in known or known[run.pk].state == State.HELD]
    became = make(step, left, today)
    new: list[PlaybookStepRun] = []
    changed: list[PlaybookStepRun] = []
    for run in left:
        now, before = became[run.pk], known.get(run.pk)
        if before and (before.state, before.note) == (now.state, now.note):
            continue
        stored = before or PlaybookStepRun(run=run, step=step, what=str(step), due=run.due(step))
        stored.state, stored.note, stored.done_at = now.state, now.note, timezone.now()
        stored.task, stored.message = now.task, now.message
        (changed if before else new).append(stored)
    PlaybookStepRun.objects.bulk_create(new)
    PlaybookStepRun.objects.bulk_update(changed, ["state", "note", "done_at", "task", "message"])
    return [State(one.state) for one in [*new, *changed]]


def _tasks(step: PlaybookStep, runs: Sequence[PlaybookRun], today: date) -> Mapping[int, Became]:
    """Create a task for each customer's owner; without one who can do it, for nobody, as the managers see it."""
    owners = _able_owners()
    most = Task._meta.get_field("reason").max_length
    tasks = [
        Task(
            customer=run.customer,
            kind=step.kind,
            what=step.title,
            reason=f"{run.playbook}: {run.why}"[:most],
            owner=_owner(run.customer, owners),
            due=max(run.due(step), working_day(today)),
        )
        for run in runs
    ]
    there = take_by_themselves(tasks, english(f"Playbook {step.playbook}"))
    became = {}
    for run, task, found in zip(runs, tasks, there, strict=True):
        is_new = found is task
        note = "" if is_new else english("There is such a task already")
        became[run.pk] = Became(State.DONE if is_new else State.SKIPPED, note, task=found)
    return became


def _emails(step: PlaybookStep, runs: Sequence[PlaybookRun], today: date) -> Mapping[int, Became]:
    if (template := step.template) is None or not template.active:
        gone = Became(
            State.SKIPPED,
            english("Its template was deleted") if template is None else english("Its template is turned off"),
        )
        return {run.pk: gone for run in runs}
    owners = _able_owners() if step.automatic else {}
    emails = Emails(template, [run.customer for run in runs], today)
    became = {}
    for run in runs:
        state, note = emails.against(run.customer) or (State.WAITING, "")
        message = None
        if step.automatic and state == State.WAITING:
            # So that a step that begins anew after a stop is another email.
            key = english(f"playbook {run.pk} {run.started_at.isoformat()} {step.pk}")
            state, note, message = emails.queue(run.customer, _owner(run.customer, owners), key)
        became[run.pk] = Became(state, note, message=message)
    return became


def _able_owners() -> dict[int, User]:
    """Return who can act for customers, by their keys."""
    return {one.pk: one for one in eligible_owners()}


def _owner(customer: Customer, able: Mapping[int, User]) -> User | None:
    """Return the customer's owner, if that one can act."""
    care = getattr(customer, "care", None)
    return able.get(care.owner_id) if care and care.owner_id else None
