"""The forms about alerts: what to do with some, and the note on one."""

from datetime import date, timedelta

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from analytics.models import Alert
from customers.editing.conflicts import EditConflictMixin
from customers.text.text_fields import TextAreaField

MAX_ALERTS = 500
MAX_SNOOZE_DAYS = 366
MAX_NOTE_LENGTH = 5_000


class ActForm(forms.Form):
    """What to do with which alerts."""

    ACTIONS = [
        ("acknowledge", "Acknowledge"),
        ("unacknowledge", "Take back"),
        ("snooze", "Put off"),
        ("unsnooze", "Wake"),
    ]
    ACTIONS += [("note", "Save the note")]

    alert = forms.ModelMultipleChoiceField(Alert.objects.all(), error_messages={"required": "No alert was chosen."})
    action = forms.ChoiceField(choices=ACTIONS)
    until = forms.DateField(required=False)
    note = TextAreaField(required=False, max_length=MAX_NOTE_LENGTH)

    def clean_alert(self) -> QuerySet[Alert]:
        """Refuse more alerts than a page or two has."""
        chosen: QuerySet[Alert] = self.cleaned_data["alert"]
        if len(chosen) > MAX_ALERTS:
            raise forms.ValidationError(f"These are more than {MAX_ALERTS} alerts; choose fewer.")
        return chosen

    def clean(self) -> None:
        """Let a snooze end on a day to come, within a year."""
        today = timezone.localdate()
        until: date | None = self.cleaned_data.get("until")
        if self.cleaned_data.get("action") == "snooze" and until is None and "until" not in self.errors:
            self.add_error("until", "Put off until when?")
        if until and not today < until <= today + timedelta(days=MAX_SNOOZE_DAYS):
            self.add_error("until", "Choose a day to come, within a year.")


class AlertNoteForm(EditConflictMixin, forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none when it runs.
    """The note on an alert, which somebody else may be writing too."""

    class Meta:
        model = Alert
        fields = ["note"]
