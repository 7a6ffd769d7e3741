"""Does the steps that are due: a task, or an email that goes by itself or waits for a person.

What a step became is stored in the transaction of what it made, so that a kill at any point does nothing twice.
No reason repeats a name or an address, because the customer of these may be erased one day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict
from django.utils import timezone

from analytics.models import (
    Deferral,
    MailTemplate,
    Message,
    PlaybookRun,
    PlaybookStep,
    PlaybookStepRun,
    Snapshot,
    Task,
)
from analytics.outreach import sending
from analytics.outreach.draft import sender_name, with_signature
from analytics.outreach.forms import ComposeForm
from analytics.outreach.merge_fields import merge_fields
from analytics.outreach.scheduled import next_office_hour, scheduled_for
from analytics.playbooks.end import SETTLED
from analytics.tasks.workflow import TakenError, take_by_itself
from customers.clock import working_day
from customers.models import Customer
from customers.owners.assign import eligible_owners

State = PlaybookStepRun.State


@dataclass(frozen=True)
class Became:
    """What a step became, why, and the task or the email that it made."""

    state: PlaybookStepRun.State
    note: str = ""
    task: Task | None = None
    message: Message | None = None


def due_runs(step: PlaybookStep, today: date, among: Q) -> Iterator[PlaybookRun]:
    """Yield the runs for which a step is due on a working day, and not settled nor left to a person."""
    settled = PlaybookStepRun.objects.filter(run=OuterRef("pk"), step=step, state__in=[*SETTLED, State.WAITING])
    begun = PlaybookRun.objects.filter(
        among,
        playbook=step.playbook_id,
        state=PlaybookRun.State.RUNNING,
        started_on__lte=today - timedelta(days=step.day),
    )
    due = begun.exclude(Exists(settled)).select_related("customer__care__owner", "playbook")
    yield from list(due.order_by("pk"))


def do_step(run: PlaybookRun, step: PlaybookStep, today: date) -> PlaybookStepRun.State | None:
    """Do a step of a run that is due; return what it became, None where that has not changed, or the run is over."""
    with transaction.atomic():
        still = PlaybookRun.objects.select_for_update().filter(pk=run.pk, state=PlaybookRun.State.RUNNING)
        if not still.values_list("pk", flat=True):
            return None
        # Another process may have done it while this one waited for the row.
        known = PlaybookStepRun.objects.filter(run=run, step=step).first()
        if known and known.state != State.HELD:
            return None
        became = _task(run, step, today) if step.does == step.Does.TASK else _email(run, step, today)
        if known and (known.state, known.note) == (became.state, became.note):
            return None
        stored = known or PlaybookStepRun(run=run, step=step, what=str(step), due=run.due(step))
        stored.state, stored.note, stored.done_at = became.state, became.note, timezone.now()
        stored.task, stored.message = became.task, became.message
        stored.save()
    return became.state


def _task(run: PlaybookRun, step: PlaybookStep, today: date) -> Became:
    """Create the task for the customer's owner; without one who can do it, for nobody, as the managers see it."""
    task = Task(
        customer=run.customer,
        kind=step.kind,
        what=step.title,
        reason=f"{run.playbook}: {run.why}"[: Task._meta.get_field("reason").max_length],
        owner=_owner(run.customer),
        due=max(run.due(step), working_day(today)),
    )
    try:
        return Became(State.DONE, task=take_by_itself(task, f"Playbook {run.playbook}"))
    except TakenError as taken:
        return Became(State.SKIPPED, "There is such a task already", task=taken.task)


def _email(run: PlaybookRun, step: PlaybookStep, today: date) -> Became:
    if (template := step.template) is None or not template.active:
        return Became(State.SKIPPED, "Its template was deleted" if template is None else "Its template is turned off")
    if against := _against(run.customer, today):
        return against
    if not step.automatic:
        return Became(State.WAITING)
    owner = _owner(run.customer)
    if owner is None or not owner.has_perm(sending.MAY_CONTACT):
        return Became(State.WAITING, "It does not go by itself: there is no owner who may write to customers")
    return _queue(run, step, template, owner)


def _against(customer: Customer, today: date) -> Became | None:
    """Return what keeps the emails of any playbook from a customer for now, or for good."""
    if sending.why_closed(customer):
        return Became(State.SKIPPED, "Do not contact")
    if aside := Deferral.objects.standing().filter(customer=customer).first():
        if aside.until is None:
            return Became(State.SKIPPED, f"Dismissed: {aside.get_reason_display()}")
        if aside.until > today:
            return Became(State.HELD, f"Snoozed until {aside.until:%-d %b %Y}")
    if sending.last_message(customer):
        return Became(State.HELD, f"Somebody wrote to them within the last {sending.QUIET.days} days")
    return Became(State.HELD, "An email to them is scheduled") if scheduled_for(customer) else None


def _queue(run: PlaybookRun, step: PlaybookStep, template: MailTemplate, owner: User) -> Became:
    """Schedule the email in the owner's name for the next office hour, unless a person is needed."""
    customer = run.customer
    form = filled(customer, owner, template.subject, template.body)
    if not form.is_valid():
        return Became(State.WAITING, "It does not go by itself: a placeholder of its template has no value")
    if sending.obstacles(customer, owner):
        return Became(State.WAITING, "It does not go by itself: an address is missing, or email is switched off")
    body = with_signature(form.filled["body"], owner)
    to = sending.addressees(customer)[0].email
    draft = sending.draft_email(customer, owner, form.filled["subject"], body, template=template, to=to)
    key = sha256(f"playbook {run.pk} {run.started_at.isoformat()} {step.pk}".encode()).hexdigest()[:32]
    try:
        message, _ours = sending.claim_draft(draft, key, confirmed=False, send_at=next_office_hour())
    except sending.WrittenRecently:
        return Became(State.HELD, f"Somebody wrote to them within the last {sending.QUIET.days} days")
    except sending.NotSent:
        return Became(State.WAITING, "It does not go by itself: something is against it")
    return Became(State.DONE, message=message)


def filled(customer: Customer, author: User, subject: str, body: str) -> ComposeForm:
    """Return the form of an email with these words, filled in for the customer as of the newest scored date."""
    snapshot = Snapshot.objects.filter(customer=customer).order_by("-date").first()
    words = QueryDict(mutable=True)
    words.update({"subject": subject, "body": body})
    values = merge_fields(customer, snapshot, sender_name(author))
    return ComposeForm(words, values=values, organization=customer.organization)


def _owner(customer: Customer) -> User | None:
    """Return the customer's owner, if that one can act."""
    owner: User | None = getattr(getattr(customer, "care", None), "owner", None)
    return owner if owner and eligible_owners().filter(pk=owner.pk).exists() else None
