"""What can be done in place about a customer to act on, each declared once: its words, its permission, its form.

Each is done by the functions of whatever package it is about, which write the entries of the audit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.alerts.acts import acknowledge
from analytics.models import Alert, PortfolioDay, RecommendationRule, Snapshot, Task
from analytics.my_day.deferrals import UNDO_DEFERRALS, bring_back, dismiss, snooze
from analytics.my_day.forms import CallForm, CompleteForm, DismissForm, SnoozeForm
from analytics.tasks import workflow
from analytics.tasks.forms import TaskForm
from analytics.tasks.prefill import prefilled
from analytics.tasks.recommendations import recommended_actions
from customers.clock import program_today
from customers.core.people import name_of
from customers.editing.undo import Undo
from customers.models import Customer, Note
from customers.owners.assign import UNDO_OWNERS, assign
from customers.owners.views import MAY_ASSIGN, OwnerForm
from customers.text.numbers import number_or_none
from customers.text.say import Words, say, say_n

RULE = "rule"
"""The parameter that names which rule recommends a new task."""


class NothingDone(Exception):
    """Somebody else was faster; the message says so."""


@dataclass(frozen=True)
class SentAct:
    """A form as it was sent, or None where it is shown for the first time, with who it is about and from whom."""

    data: QueryDict | None
    customer: Customer
    user: User


@dataclass(frozen=True)
class Done:
    """What was done, in words, and what undoes it."""

    words: str
    undo: Undo | None = None


@dataclass(frozen=True)
class Asked:
    """The form of an act, and what does it once the form is valid; it returns what was done.

    ``apply`` raises ``NothingDone`` where there is nothing to do any more.
    """

    form: forms.BaseForm
    apply: Callable[[], Done]


@dataclass(frozen=True)
class Act:
    """One thing to do: its words, who may, and what ``ask`` makes of a form that is shown or sent."""

    label: Words
    permission: str
    ask: Callable[[SentAct], Asked]
    button: Words


def _log_call(sent: SentAct) -> Asked:
    form = CallForm(sent.data)

    def apply() -> Done:
        note = Note(customer=sent.customer, author=name_of(sent.user), **form.cleaned_data)
        note.save()
        return Done(gettext("Call logged") if note.kind == Note.Kind.CALL else gettext("Meeting logged"))

    return Asked(form, apply)


def _create_task(sent: SentAct) -> Asked:
    """Fill in what the first rule recommends; the form keeps by which one."""
    rule = _rule(sent)
    form = TaskForm(sent.data, instance=prefilled(sent.customer, rule, sent.user))
    form.fields[RULE] = forms.CharField(widget=forms.HiddenInput, required=False, initial=rule.pk if rule else "")
    # As they are prefilled; the task's own page changes them.
    del form.fields["kind"], form.fields["note"]

    def apply() -> Done:
        task: Task = form.instance
        try:
            workflow.take(task, sent.user)
        except workflow.TakenError as error:
            raise NothingDone(f"{error}.") from None
        return Done(say("Task created, due {day}", day=task.due), Undo(workflow.UNDO_TASKS, [task.pk]))

    return Asked(form, apply)


def _rule(sent: SentAct) -> RecommendationRule | None:
    rules = RecommendationRule.objects.all()
    if sent.data is not None:
        return rules.filter(pk=number_or_none(sent.data.get(RULE, "")) or 0).first()
    newest = PortfolioDay.objects.newest()
    snapshots = Snapshot.objects.select_related("policy", "customer").filter(customer=sent.customer)
    snapshot = snapshots.filter(date=newest.date).first() if newest else None
    actions = recommended_actions(snapshot) if snapshot else []
    return rules.filter(pk=actions[0].rule or 0).first() if actions else None


def _complete(sent: SentAct) -> Asked:
    form = CompleteForm(sent.data, sent.customer)

    def apply() -> Done:
        said, task = form.cleaned_data, form.cleaned_data["task"]
        if not workflow.close(task, sent.user, Task.State.DONE, said["outcome"], said["outcome_note"]):
            raise NothingDone(gettext("Somebody has closed this task already."))
        return Done(say("Task completed: {task}", task=task.what))

    return Asked(form, apply)


def _snooze(sent: SentAct) -> Asked:
    form = SnoozeForm(sent.data)

    def apply() -> Done:
        until = form.cleaned_data["until"]
        put_aside = snooze(sent.customer, until, sent.user)
        return Done(say("Snoozed until {day}", day=until), Undo(UNDO_DEFERRALS, [put_aside]))

    return Asked(form, apply)


def _acknowledge(sent: SentAct) -> Asked:
    def apply() -> Done:
        waiting = Alert.objects.waiting(program_today()).filter(customer=sent.customer)
        done = acknowledge(waiting, sent.user)
        if not done:
            raise NothingDone(gettext("There is no alert to acknowledge any more."))
        return Done(say_n("{number} alert acknowledged", "{number} alerts acknowledged", done))

    return Asked(forms.Form(sent.data), apply)


def _assign(sent: SentAct) -> Asked:
    care = getattr(sent.customer, "care", None)
    form = OwnerForm(sent.data, user=sent.user, owner=care.owner_id if care else None)

    def apply() -> Done:
        done = assign(Customer.objects.filter(pk=sent.customer.pk), form.chosen, sent.user)
        return Done(_assigned(form.chosen), Undo(UNDO_OWNERS, done.former))

    return Asked(form, apply)


def _assigned(to: User | None) -> str:
    return say("Assigned to {owner}", owner=name_of(to)) if to else gettext("Assigned to nobody")


def _dismiss(sent: SentAct) -> Asked:
    form = DismissForm(sent.data)

    def apply() -> Done:
        said = form.cleaned_data
        put_aside = dismiss(sent.customer, said["reason"], said["text"], sent.user)
        return Done(gettext("Dismissed"), Undo(UNDO_DEFERRALS, [put_aside]))

    return Asked(form, apply)


def _bring_back(sent: SentAct) -> Asked:
    def apply() -> Done:
        if not bring_back(sent.customer, sent.user):
            raise NothingDone(gettext("Somebody has brought this customer back already."))
        return Done(gettext("Back on the list"))

    return Asked(forms.Form(sent.data), apply)


MAY_PUT_ASIDE = "analytics.add_deferral"
ACTS: Mapping[str, Act] = {
    "call": Act(_("Log call"), "customers.add_note", _log_call, _("Save")),
    "task": Act(_("Create task"), "analytics.add_task", _create_task, _("Create task")),
    "snooze": Act(_("Snooze"), MAY_PUT_ASIDE, _snooze, _("Snooze")),
    "complete": Act(_("Complete a task"), settings.OWNERS_MAY, _complete, _("Complete")),
    "acknowledge": Act(_("Acknowledge alerts"), "analytics.act_on_alert", _acknowledge, _("Acknowledge")),
    "assign": Act(_("Assign owner"), MAY_ASSIGN, _assign, _("Assign")),
    "dismiss": Act(_("Dismiss"), MAY_PUT_ASIDE, _dismiss, _("Dismiss")),
    "bring-back": Act(_("Bring back"), MAY_PUT_ASIDE, _bring_back, _("Bring back")),
}
"""By the name in the address."""
