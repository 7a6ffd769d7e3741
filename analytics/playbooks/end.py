"""Ends playbooks: by their condition, with the contract, with their last step, or by hand, which can be undone."""

from collections.abc import Iterable
from datetime import date

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from analytics.models import Message, Playbook, PlaybookRun, PlaybookStep, PlaybookStepRun
from analytics.outreach.scheduled import cancel_waiting
from analytics.playbooks.conditions import ENDED_CONTRACT, ending, is_known
from customers.audit.trail import update_rows
from customers.core.limits import batches
from customers.models import Customer
from customers.text.say import english, in_english

State, StepState = PlaybookRun.State, PlaybookStepRun.State
SETTLED = (StepState.DONE, StepState.SKIPPED)
"""Of a step with which nothing is to be done any more."""
UNDO_STOP = "playbooks"
"""The kind of ``Undo`` whose rows are keys of runs."""


def end_early(playbook: Playbook, day: date, among: Q) -> int:
    """End the runs of a playbook whose end holds on the date, or whose contract is over; return how many."""
    running = PlaybookRun.objects.filter(among, playbook=playbook, state=State.RUNNING).order_by()
    ended = _end(running.filter(customer__status__in=Customer.Status.over()), State.ENDED, ENDED_CONTRACT)
    if playbook.end and is_known(playbook, day):
        with in_english():  # It is stored.
            why = playbook.get_end_display()
        ended += _end(running.filter(Exists(ending(playbook, day))), State.ENDED, why)
    return ended


def end_done(playbook: Playbook, steps: Iterable[PlaybookStep], among: Q) -> int:
    """End the runs of a playbook all of whose steps are settled; return how many."""
    done = PlaybookRun.objects.filter(among, playbook=playbook, state=State.RUNNING).order_by()
    for step in steps:
        done = done.filter(Exists(PlaybookStepRun.objects.filter(run=OuterRef("pk"), step=step, state__in=SETTLED)))
    return done.update(state=State.DONE, ended_at=timezone.now(), ended_why=english("All steps are done"))


def end_all(playbook: Playbook, by: str) -> int:
    """End all runs of a playbook that is turned off; return how many."""
    running = PlaybookRun.objects.filter(playbook=playbook, state=State.RUNNING).order_by()
    return _end(running, State.ENDED, english("The playbook was turned off"), by)


def stop(run: PlaybookRun, by: User) -> bool:
    """Stop a run by hand; False where it is over already."""
    running = PlaybookRun.objects.filter(pk=run.pk, state=State.RUNNING)
    with transaction.atomic():
        _withdraw_emails(running, english("The playbook was stopped."))
        login = by.get_username()
        return update_rows(running, state=State.STOPPED, ended_at=timezone.now(), ended_by=login) == 1


def undo_stop(rows: Iterable[int], by: User) -> int:
    """Let runs go on that one has stopped, where none of the playbook runs for the customer since; count them.

    An email that was withdrawn waits for approval.
    """
    undone = 0
    for key in rows:
        mine = PlaybookRun.objects.filter(pk=key, state=State.STOPPED, ended_by=by.get_username())
        try:
            with transaction.atomic():
                undone += update_rows(mine, state=State.RUNNING, ended_at=None, ended_by="")
                withdrawn = PlaybookStepRun.objects.filter(run=key, message__state=Message.State.CANCELED)
                withdrawn.update(state=StepState.WAITING, message=None, note="")
        except IntegrityError:
            continue
    return undone


def _end(running: QuerySet[PlaybookRun], state: PlaybookRun.State, why: str, by: str = "") -> int:
    ended = 0
    for keys in batches(list(running.values_list("pk", flat=True))):
        some = PlaybookRun.objects.filter(pk__in=keys, state=State.RUNNING)
        with transaction.atomic():
            _withdraw_emails(some, english(f"The playbook ended: {why}."))
            ended += some.update(state=state, ended_at=timezone.now(), ended_why=why, ended_by=by)
    return ended


def _withdraw_emails(runs: QuerySet[PlaybookRun], why: str) -> None:
    """Cancel the emails of runs that go by themselves and have not gone yet; their rows are locked."""
    keys = list(runs.select_for_update().order_by("pk").values_list("pk", flat=True))
    queued = PlaybookStepRun.objects.filter(run__in=keys, message__state=Message.State.SCHEDULED)
    if found := list(queued.values_list("message", flat=True)):
        cancel_waiting(Message.objects.filter(pk__in=found), why)
