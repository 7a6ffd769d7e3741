"""The forms about alerts: what to do with some, and the note on one."""

from datetime import date, timedelta

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.alerts.acts import MAX_NOTE_LENGTH
from analytics.models import Alert
from analytics.models.alerts import AlertQuerySet
from customers.editing.conflicts import EditConflictMixin
from customers.text.say import say
from customers.text.text_fields import TextAreaField

MAX_ALERTS = 500
MAX_MATCHING = 5_000
"""Of all that match a list's filters more are allowed than people can select."""
MAX_TASKS = 100
MAX_SNOOZE_DAYS = 366


class ActForm(forms.Form):
    """What to do with which alerts: those that are selected, or where ``all`` is sent, all that ``matching`` has."""

    ACTIONS = [
        ("acknowledge", _("Acknowledge")),
        ("unacknowledge", _("Unacknowledge")),
        ("snooze", _("Snooze")),
        ("unsnooze", _("Unsnooze")),
        ("note", _("Save note")),
        ("add_note", _("Add note")),
        ("task", _("Create task")),
    ]

    alert = forms.ModelMultipleChoiceField(
        Alert.objects.all(), error_messages={"required": _("No alert is selected.")}
    )
    action = forms.ChoiceField(choices=ACTIONS, error_messages={"required": _("Choose an action.")})
    until = forms.DateField(required=False)
    note = TextAreaField(required=False, max_length=MAX_NOTE_LENGTH)
    added_note = TextAreaField(label=_("Note"), required=False, max_length=MAX_NOTE_LENGTH)
    what = forms.CharField(label=_("Task title"), required=False, max_length=200)
    due = forms.DateField(label=_("Due date"), required=False)

    def __init__(self, data: QueryDict, matching: AlertQuerySet | None = None) -> None:
        super().__init__(data)
        self.matching = matching if data.get("all") else None
        if self.matching is not None:
            self.fields["alert"].required = False

    def clean_alert(self) -> AlertQuerySet:
        """Refuse more alerts than a page or two has, or than can be changed at once."""
        most = MAX_ALERTS if self.matching is None else MAX_MATCHING
        chosen: AlertQuerySet = self.cleaned_data["alert"] if self.matching is None else self.matching
        if len(chosen[: most + 1]) > most:
            raise forms.ValidationError(say("These are more than {most} alerts; select fewer.", most=most))
        return chosen

    def clean(self) -> None:
        """Ask for what the action needs: a snooze a date to come, within a year, a note its text, a task its title."""
        today, action = timezone.localdate(), self.cleaned_data.get("action")
        until: date | None = self.cleaned_data.get("until")
        if action == "snooze" and until is None and "until" not in self.errors:
            self.add_error("until", gettext("Choose a date."))
        if until and not today < until <= today + timedelta(days=MAX_SNOOZE_DAYS):
            self.add_error("until", gettext("Choose a future date within a year."))
        if action == "add_note" and not self.cleaned_data.get("added_note", "").strip():
            self.add_error("added_note", gettext("Write a note."))
        if action == "task":
            self._clean_task(today)

    def _clean_task(self, today: date) -> None:
        due = self.cleaned_data.get("due")
        if not self.cleaned_data.get("what"):
            self.add_error("what", gettext("Give the task a title."))
        if "due" not in self.errors and (due is None or due < today):
            self.add_error("due", gettext("Choose a due date from today on."))
        if len(self.cleaned_data.get("alert") or []) > MAX_TASKS:
            self.add_error(
                "alert", say("At most {most} tasks are created at once; select fewer alerts.", most=str(MAX_TASKS))
            )


class AlertNoteForm(EditConflictMixin, forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none when it runs.
    """The note on an alert, which somebody else may be writing too."""

    class Meta:
        model = Alert
        fields = ["note"]
