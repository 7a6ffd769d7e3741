"""The box of a customer's page that adds a note, logs a call or a meeting, or begins an email."""

from collections.abc import Mapping

from django import forms
from django.utils.translation import gettext_lazy as _

from analytics.outreach.draft import MAX_BODY_LENGTH
from customers.models import Note

EMAIL = "email"
"""The kind of what is no note: it is previewed and sent by ``analytics.outreach``."""


class NoteForm(forms.ModelForm):  # type: ignore[type-arg]  # Django knows the parameter in its stubs alone
    """A note's kind and text; who writes it about whom the page knows."""

    class Meta:
        model = Note
        fields = ["kind", "text"]
        labels = {"text": _("Add a note, log a call or a meeting, or write an email")}
        widgets = {
            # As long as an email may be; a note's own limit is said when it is sent.
            "text": forms.Textarea(
                {"rows": 1, "dir": "auto", "maxlength": MAX_BODY_LENGTH, "placeholder": _("What was said or agreed")}
            )
        }

    def __init__(self, data: Mapping[str, object] | None = None) -> None:
        super().__init__(data)
        self.fields["kind"].required = False

    def clean_kind(self) -> str:
        """Return the kind; a form without one is a note's."""
        return self.cleaned_data["kind"] or Note.Kind.NOTE

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Return the kinds of notes with their labels."""
        return [(kind.value, str(kind.label)) for kind in Note.Kind]
