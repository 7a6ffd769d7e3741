"""The forms of a webhook: where it is and what it is told of, a test, and what to send again."""

from datetime import datetime, timedelta

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from analytics.display.filter_choices import filter_choices, with_asked
from analytics.models import EventKind, WebhookEndpoint
from analytics.webhooks.addresses import LONGEST, NotAllowed, NotResolved, judged, read_url
from customers.core.people import by_name, name_of
from customers.editing.conflicts import EditConflictMixin

FAILED, SPAN = "failed", "span"
KEPT = timedelta(days=30)
_LOOK_UP_SECONDS = 3.0


class CohortField(forms.ChoiceField):
    """The cohorts that customers have, and the one chosen even where nobody has it any more."""

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        """Offer what there is now, which is read once for each form."""
        known = [choice for choice in filter_choices().cohort if choice[0]]
        chosen = form.get_initial_for_field(self, field_name) or ""
        self.choices = [("", gettext("All customers")), *with_asked(known, [chosen], str)]
        return super().get_bound_field(form, field_name)

    def valid_value(self, value: str) -> bool:
        """Accept the name of any cohort: the next file may bring it."""
        return len(value) <= WebhookEndpoint._meta.get_field("cohort").max_length  # type: ignore[operator]


class OwnerField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at runtime
    """A choice of owners by what they are called."""

    def label_from_instance(self, user: User) -> str:
        """Return the name."""
        return name_of(user)


class EndpointForm(EditConflictMixin, forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """An endpoint; its secret is made for it."""

    url = forms.CharField(
        label="URL",
        max_length=LONGEST,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Where the events are sent by POST; https:// alone."),
    )
    kinds = forms.MultipleChoiceField(
        label=_("Events"), choices=EventKind.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    cohort = CohortField(
        label=_("Cohort"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=_("Only events of customers of this cohort. What is about no customer is sent in any case."),
    )
    owner = OwnerField(
        User.objects.none(),
        label=_("Owner"),
        required=False,
        empty_label=_("All customers"),
        widget=UnfoldAdminSelectWidget,
        help_text=_("Only events of customers whom this person looks after."),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("name", "url", "kinds", "cohort", "owner", "enabled")

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)
        owner = self.fields.get("owner")
        if isinstance(owner, OwnerField):
            owner.queryset = User.objects.filter(is_staff=True).order_by(*by_name(""))

    def clean_name(self) -> str:
        """Return the name on one line."""
        name = " ".join(str(self.cleaned_data["name"]).split())
        if not name:
            raise ValidationError(gettext("Give the webhook a name."))
        return name

    def clean_url(self) -> str:
        """Return the URL in its plain form, unless it leads where no webhook may go."""
        try:
            target = read_url(str(self.cleaned_data["url"]).strip())
            judged(target.host, target.port, _LOOK_UP_SECONDS)
        except NotResolved:
            # It may be known later, and a test says so.
            return target.url
        except NotAllowed as error:
            raise ValidationError(str(error)) from None
        return target.url


class TestForm(forms.Form):
    """What a test sends, and the secret that somebody has noted."""

    kind = forms.ChoiceField(choices=EventKind.choices)
    secret = forms.CharField(max_length=200, required=False)

    def __init__(self, *args: object, kinds: list[str], **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]  # Django's own arguments, passed on
        self.fields["kind"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (kind.value, kind.label) for kind in EventKind if kind in kinds
        ]


class AgainForm(forms.Form):
    """All that has failed, or a span of time within what is kept."""

    what = forms.ChoiceField(choices=[(FAILED, _("All that has failed")), (SPAN, _("All events of a span of time"))])
    start = forms.DateTimeField(required=False)
    end = forms.DateTimeField(required=False)

    def clean(self) -> None:
        """Ask for both ends of a span, in order, and not before what is kept."""
        given = self.cleaned_data
        if given.get("what") != SPAN or self.errors:
            return
        start, end = given.get("start"), given.get("end")
        if start is None or end is None:
            self.add_error("start" if start is None else "end", gettext("Say from when until when."))
        elif end <= start:
            self.add_error("end", gettext("The end must be after the start."))
        elif start < timezone.now() - KEPT:
            self.add_error("start", gettext("Events are kept for 30 days."))

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The span of a valid form, to the end of its last minute: the fields have no seconds."""
        return self.cleaned_data["start"], self.cleaned_data["end"].replace(second=59, microsecond=999_999)
