"""The forms about tasks: what is to be done, and what came of it."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.models import Task
from customers.core.people import name_of
from customers.editing.conflicts import EditConflictMixin
from customers.owners.assign import eligible_owners
from customers.text.text_fields import TextAreaField

MAX_NOTE_LENGTH = 5_000


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at runtime
    """A member of staff, by name."""

    def label_from_instance(self, obj: User) -> str:
        """Return what the person is called."""
        return name_of(obj)


class TaskForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """What is to be done, by whom, and until when."""

    class Meta:
        model = Task
        fields = ["what", "kind", "owner", "due", "note"]
        labels = {"kind": _("Kind"), "owner": _("Owner"), "note": _("Note")}
        field_classes = {"owner": PersonField}
        widgets = {
            "what": forms.TextInput(attrs={"dir": "auto"}),
            "due": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "note": forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owner = self.fields["owner"]
        if isinstance(owner, PersonField):
            owner.queryset = eligible_owners(including=self.instance.owner_id)
            owner.empty_label = gettext("Nobody")
        self.fields["what"].label = gettext("Title")
        self.fields["due"].label = gettext("Due date")


class ChangeForm(EditConflictMixin, TaskForm):
    """The form of a task that is there, which somebody else may be changing too; with its outcome."""

    outcome_note = TextAreaField(label=_("Outcome note"), required=False, max_length=MAX_NOTE_LENGTH)

    class Meta(TaskForm.Meta):
        fields = [*TaskForm.Meta.fields, "outcome_note"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_bound and "outcome_note" not in self.data:
            del self.fields["outcome_note"]


class ClosingForm(forms.Form):
    """What came of a task; what was done has an outcome, what was dropped may do without."""

    outcome = forms.ChoiceField(
        label=_("Outcome"), choices=[("", _("Choose…")), *Task.Outcome.choices], required=False
    )
    outcome_note = TextAreaField(
        label=_("Note"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        max_length=MAX_NOTE_LENGTH,
    )
    state = forms.ChoiceField(choices=[(state, state) for state in (Task.State.DONE, Task.State.DROPPED)])

    def clean(self) -> None:
        """Ask for the outcome of what was done, and never call it done because it was not needed."""
        done = self.cleaned_data.get("state") == Task.State.DONE
        outcome = self.cleaned_data.get("outcome")
        if done and not outcome and not self.errors:
            self.add_error("outcome", gettext("Choose an outcome."))
        if done and outcome == Task.Outcome.NOT_NEEDED:
            self.add_error("outcome", gettext("What was not needed was not done: cancel it instead."))
