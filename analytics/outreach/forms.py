"""What is typed to write to a customer: a subject and a text with placeholders."""

from datetime import datetime

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.models.placeholders import body_faults, fill, lacking, subject_faults
from analytics.outreach.draft import MAX_BODY_LENGTH, MAX_SUBJECT_LENGTH
from analytics.outreach.scheduled import FARTHEST, next_morning
from customers.text.say import say, say_n
from customers.text.text_fields import TextAreaField


class ComposeForm(forms.Form):
    """A subject and a text with placeholders; ``filled`` is what they become for this customer."""

    subject = forms.CharField(
        label=_("Subject"),
        max_length=MAX_SUBJECT_LENGTH,
        widget=forms.TextInput({"dir": "auto", "autocomplete": "off"}),
    )
    body = TextAreaField(
        label=_("Text"), max_length=MAX_BODY_LENGTH, strip=False, widget=forms.Textarea({"rows": 14, "dir": "auto"})
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        initial: dict[str, str] | None = None,
        values: dict[str, str],
        organization: str,
    ) -> None:
        super().__init__(data, initial=initial, label_suffix="")
        self.values, self.organization = values, organization
        self.filled: dict[str, str] = {}
        for name in self.errors if self.is_bound else ():
            self.fields[name].widget.attrs |= {"aria-invalid": "true", "aria-describedby": f"reasons-{name}"}

    def clean_subject(self) -> str:
        """Refuse several lines, placeholders without a value, and a subject that is too long when filled."""
        subject = self._filled("subject", subject_faults(self.cleaned_data["subject"]))
        length = len(self.filled["subject"])
        if length > MAX_SUBJECT_LENGTH:
            raise forms.ValidationError(
                say_n(
                    "The subject has {number} character when it is filled, at most {most} are allowed.",
                    "The subject has {number} characters when it is filled, at most {most} are allowed.",
                    length,
                    most=MAX_SUBJECT_LENGTH,
                )
            )
        return subject

    def clean_body(self) -> str:
        """Refuse placeholders without a value."""
        self.cleaned_data["body"] = self.cleaned_data["body"].strip("\n")
        if not self.cleaned_data["body"].strip():
            raise forms.ValidationError(gettext("This field is required."))
        return self._filled("body", body_faults(self.cleaned_data["body"]))

    def _filled(self, name: str, faults: list[str]) -> str:
        text: str = self.cleaned_data[name]
        faults = faults or [
            say(
                "There is no {placeholder} for {customer}: write something else in its place.",
                placeholder=placeholder,
                customer=self.organization,
            )
            for placeholder in (f"{{{empty}}}" for empty in lacking(text, self.values))
        ]
        if faults:
            raise forms.ValidationError(faults)
        self.filled[name] = fill(text, self.values)
        return text


def as_typed(subject: str, body: str) -> QueryDict:
    """Return what the form of an email would send with these words."""
    words = QueryDict(mutable=True)
    words.update({"subject": subject, "body": body})
    return words


class ScheduleForm(forms.Form):
    """When an email is to be sent, in the time zone of the page."""

    use_required_attribute = False
    """Whoever sends at once needs no time."""

    at = forms.DateTimeField(
        label=_("Send later"), widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )

    def __init__(self, data: QueryDict, *, is_asked: bool) -> None:
        super().__init__(data if is_asked else None, initial={"at": data.get("at") or next_morning()}, label_suffix="")
        if self.errors:
            self.fields["at"].widget.attrs |= {"aria-invalid": "true", "aria-describedby": "reasons-at"}

    def clean_at(self) -> datetime:
        """Refuse what is past or too far away."""
        at: datetime = self.cleaned_data["at"]
        if at <= timezone.now():
            raise forms.ValidationError(gettext("Choose a time to come."))
        if at > timezone.now() + FARTHEST:
            raise forms.ValidationError(say("Choose a time within {days} days.", days=FARTHEST.days))
        return at
