"""The forms of what is done in place about a customer to act on."""

from datetime import date, timedelta

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext, gettext_lazy

from analytics.models import Deferral, Task
from analytics.tasks.forms import MAX_NOTE_LENGTH
from customers.clock import program_today
from customers.models import Customer, Note
from customers.text.text_fields import TextAreaField

MAX_SNOOZE_DAYS = 366
SNOOZE_DAYS = ((1, gettext_lazy("1 day")), (3, gettext_lazy("3 days")), (7, gettext_lazy("1 week")))


class CallForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """What was said in a call or a meeting."""

    class Meta:
        model = Note
        fields = ["kind", "text"]
        labels = {"kind": gettext_lazy("How"), "text": gettext_lazy("What was said")}
        widgets = {"text": forms.Textarea(attrs={"rows": 3, "dir": "auto"})}

    def __init__(self, data: QueryDict | None) -> None:
        super().__init__(data)
        kind = self.fields["kind"]
        if isinstance(kind, forms.TypedChoiceField):
            kind.choices = [(one.value, one.label) for one in Note.CONTACTS]
        self.initial["kind"] = Note.Kind.CALL


class SnoozeForm(forms.Form):
    """Until when: so many days, or a date."""

    until = forms.DateField(
        label=gettext_lazy("Or until"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    days = forms.TypedChoiceField(choices=SNOOZE_DAYS, coerce=int, required=False, empty_value=None)

    def clean(self) -> None:
        """Let a snooze end on a future date within a year."""
        today, days = program_today(), self.cleaned_data.get("days")
        until: date | None = today + timedelta(days=days) if days else self.cleaned_data.get("until")
        if until is None and "until" not in self.errors:
            self.add_error("until", gettext("Choose a date."))
        if until and not today < until <= today + timedelta(days=MAX_SNOOZE_DAYS):
            self.add_error("until", gettext("Choose a future date within a year."))
        self.cleaned_data["until"] = until


class DismissForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """Why nothing is to be done."""

    class Meta:
        model = Deferral
        fields = ["reason", "text"]
        labels = {"reason": gettext_lazy("Reason"), "text": gettext_lazy("Details")}
        widgets = {"text": forms.Textarea(attrs={"rows": 2, "dir": "auto"})}

    def __init__(self, data: QueryDict | None) -> None:
        super().__init__(data)
        self.fields["reason"].required = True

    def _get_validation_exclusions(self) -> set[str]:
        """Leave it to the database that one stands for a customer: another one is replaced."""
        return {field.name for field in Deferral._meta.fields} - {"reason", "text"}

    def validate_constraints(self) -> None:
        """Check none, for the row is not made of the form alone."""


class CompleteForm(forms.Form):
    """Which task is done, and what came of it."""

    task = forms.ModelChoiceField(Task.objects.none(), label=gettext_lazy("Task"), empty_label=None)
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        choices=[
            ("", gettext_lazy("Choose…")),
            *(pair for pair in Task.Outcome.choices if pair[0] != Task.Outcome.NOT_NEEDED),
        ],
    )
    outcome_note = TextAreaField(
        label=gettext_lazy("Note"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
        max_length=MAX_NOTE_LENGTH,
    )

    def __init__(self, data: QueryDict | None, customer: Customer) -> None:
        super().__init__(data)
        task = self.fields["task"]
        if isinstance(task, forms.ModelChoiceField):
            task.queryset = Task.objects.open().filter(customer=customer)
