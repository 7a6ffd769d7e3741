"""The forms of a playbook and of its steps."""

from django import forms
from django.utils.translation import gettext_lazy as _

from analytics.alerts.own_rules.forms import MAX_QUERY_LENGTH, ConditionsField
from analytics.models import Playbook, PlaybookStep
from customers.editing.conflicts import EditConflictMixin


class OnlyForField(ConditionsField):
    """A query of filters that must all be understood; an empty one means everybody."""

    def clean(self, value: object) -> str:
        """Return the query; raise ``ValidationError`` with everything that is not understood."""
        return super().clean(value) if value else ""


class PlaybookForm(EditConflictMixin, forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """A playbook; what decides for whom it starts is changed only while it is off."""

    query = OnlyForField(label=_("Only for"), required=False, max_length=MAX_QUERY_LENGTH)

    class Meta:
        model = Playbook
        fields = ("name", "start", "step", "stage", "query", "end", "cooldown")


class PlaybookStepForm(EditConflictMixin, forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """A step of a playbook."""

    class Meta:
        model = PlaybookStep
        fields = ("playbook", "day", "does", "kind", "title", "template", "automatic")
