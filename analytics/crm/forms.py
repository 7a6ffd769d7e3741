"""The form of a destination: a row for each value that can be pushed, with its field there and when it is written."""

from typing import Any

from django import forms
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from analytics.crm.credentials import unset_variables
from analytics.models import Destination, FieldMode, PushedValue
from customers.editing.conflicts import EditConflictMixin
from customers.text.say import say

NOT_PUSHED = _("Not pushed")
MODES = [("", NOT_PUSHED), *(choice for choice in FieldMode.choices if choice[0] != FieldMode.IDENTIFIER)]
NAME, MODE = "name_{}", "mode_{}"
FIXED = ("kind", "variables", "prefix", "match_key")
"""What stays once something was pushed: what is there was found by it."""


class BaseDestinationForm(EditConflictMixin, forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """A destination with its fields, which it keeps as one value."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for value in PushedValue:
            known = self.instance.fields.get(value.value, {})
            name, mode = NAME.format(value.value), MODE.format(value.value)
            if name in self.fields:
                self.fields[name].label = say("{value}: field there", value=value.label)
                self.fields[mode].label = value.label
                self.fields[name].initial = known.get("name") or f"{self.instance.prefix}{value.value}"
                self.fields[mode].initial = known.get("mode", "")
        if "variables" in self.fields and self.instance.pk and (unset := unset_variables(self.instance)):
            self.fields["variables"].help_text = say(
                "Not set in the server’s environment: {variables}.", variables=", ".join(unset)
            )

    def clean(self) -> dict[str, Any] | None:
        """Put the fields together, which the model then judges."""
        cleaned = super().clean()
        given = cleaned or self.cleaned_data
        if given.get("kind") == Destination.Kind.SALESFORCE:
            given.update(_as_in_salesforce(given))
        fields = {
            value.value: {"name": given.get(NAME.format(value.value), "").strip(), "mode": mode}
            for value in PushedValue
            if (mode := given.get(MODE.format(value.value)))
        }
        if MODE.format(PushedValue.SCORE) in self.fields:
            self.instance.fields = fields
        return cleaned


def _as_in_salesforce(given: dict[str, Any]) -> dict[str, str]:
    """Return the names that are still as the empty form has them, spelled as Salesforce spells custom fields."""
    spelled = {
        "prefix": ("rsolv_", "RSOLV_"),
        "match_key": ("rsolv_customer_id", "RSOLV_Customer_Id__c"),
        **{NAME.format(one.value): (f"rsolv_{one.value}", f"RSOLV_{one.value.title()}__c") for one in PushedValue},
    }
    return {name: there for name, (here, there) in spelled.items() if given.get(name) == here}


def _row(value: PushedValue) -> dict[str, forms.Field]:
    name = forms.CharField(required=False, max_length=100, widget=UnfoldAdminTextInputWidget)
    mode = forms.ChoiceField(choices=MODES, required=False, widget=UnfoldAdminSelectWidget)
    return {MODE.format(value.value): mode, NAME.format(value.value): name}


_FIELDS = {name: field for value in PushedValue for name, field in _row(value).items()}
DestinationForm = type(BaseDestinationForm)("DestinationForm", (BaseDestinationForm,), _FIELDS)  # type: ignore[misc]  # a class is made here
"""The form with the rows of all values."""
ROWS = tuple((MODE.format(value.value), NAME.format(value.value)) for value in PushedValue)
"""The names of a row's fields, side by side."""


def fields_in_words(destination: Destination) -> str:
    """Return what is pushed into which field there, a line for each, for who may only read it."""
    rows = [(gettext("Customer id"), destination.match_key, FieldMode.IDENTIFIER.label)]
    rows += [
        (PushedValue(value).label, field["name"], FieldMode(field["mode"]).label)
        for value, field in destination.fields.items()
    ]
    return format_html_join("", "<div>{} → <code>{}</code> ({})</div>", rows)
