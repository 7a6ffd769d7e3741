"""What can be done to many customers at once, beside assigning an owner: each is declared once, and can be undone.

Each is done by the functions of whatever package it is about, which write the entries of the audit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django import forms
from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.my_day.acts import MAY_PUT_ASIDE
from analytics.my_day.deferrals import UNDO_DEFERRALS, snooze
from analytics.my_day.forms import SnoozeForm
from analytics.tasks import workflow
from customers.clock import program_today
from customers.editing.undo import Undo
from customers.models import Customer
from customers.text.say import Words, say_n


class ManyTasksForm(forms.Form):
    """What is to be done for each customer, and until when."""

    what = forms.CharField(label=_("Title"), max_length=200, widget=forms.TextInput({"dir": "auto"}))
    due = forms.DateField(label=_("Due date"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))

    def __init__(self, data: QueryDict | None) -> None:
        super().__init__(data, initial={"due": workflow.due_date(workflow.ORDINARY, program_today())})

    def clean_due(self) -> date:
        """Refuse a day that has passed."""
        due: date = self.cleaned_data["due"]
        if due < program_today():
            raise forms.ValidationError(gettext("Choose a due date from today on."))
        return due


@dataclass(frozen=True)
class DoneToMany:
    """What was done, in words, what undoes it, and in words how many customers were skipped and why."""

    words: str
    undo: Undo
    skipped: str = ""


@dataclass(frozen=True)
class BulkAct:
    """One thing to do to many: its words, who may, its form, and what does it once the form is valid."""

    label: Words
    permission: str
    form: Callable[[QueryDict | None], forms.Form]
    apply: Callable[[Sequence[Customer], forms.Form, User], DoneToMany]
    help: Words = ""


def _create_tasks(customers: Sequence[Customer], form: forms.Form, by: User) -> DoneToMany:
    what, due = form.cleaned_data["what"], form.cleaned_data["due"]
    created = workflow.take_for_each(dict.fromkeys(customers, ""), what, due, by)
    done = say_n("{number} task created. Due {day}.", "{number} tasks created. Due {day}.", len(created), day=due)
    skipped = say_n(
        "{number} customer skipped: this task is open for them already.",
        "{number} customers skipped: this task is open for them already.",
        left := len(customers) - len(created),
    )
    undo = Undo(workflow.UNDO_TASKS, [task.pk for task in created])
    return DoneToMany(done, undo, skipped if left else "")


def _snooze(customers: Sequence[Customer], form: forms.Form, by: User) -> DoneToMany:
    until = form.cleaned_data["until"]
    put_aside = [snooze(customer, until, by) for customer in customers]
    words = say_n(
        "{number} customer snoozed until {day}.",
        "{number} customers snoozed until {day}.",
        len(customers),
        day=until,
    )
    return DoneToMany(words, Undo(UNDO_DEFERRALS, put_aside))


BULK_ACTS: Mapping[str, BulkAct] = {
    "task": BulkAct(
        _("Create task"),
        "analytics.add_task",
        ManyTasksForm,
        _create_tasks,
        _("Each task goes to the customer’s owner, or to you where there is none."),
    ),
    "snooze": BulkAct(
        _("Snooze"),
        MAY_PUT_ASIDE,
        SnoozeForm,
        _snooze,
        _("Nobody is asked to act on them on My day until then."),
    ),
}
"""By the name in the address."""
