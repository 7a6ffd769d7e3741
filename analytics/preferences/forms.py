"""The form of one's own preferences."""

from collections.abc import Sequence
from itertools import groupby

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.translation import get_language_info, gettext, gettext_lazy

from analytics.models import Preferences, time_zones
from analytics.outreach.sending import MAY_CONTACT
from analytics.preferences.default_view import default_views
from customers.text.say import say

WITH_THE_NIGHT = gettext_lazy("With the nightly run")


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """Language, time zone and first page; the hour of the digest and a signature for those who may have them."""

    language = forms.ChoiceField(required=False)
    time_zone = forms.ChoiceField(required=False)
    digest_hour = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    default_view = forms.ChoiceField(required=False)

    class Meta:
        model = Preferences
        fields = ["language", "time_zone", "digest_hour", "default_view", "signature", "shortcuts"]
        widgets = {"signature": forms.Textarea({"rows": 4, "dir": "auto"})}

    def __init__(self, data: QueryDict | None, user: User) -> None:
        super().__init__(data, instance=Preferences.of(user))
        everyone = [("", say("As set for everyone: {zone}", zone=settings.TIME_ZONE))]
        if len(settings.OFFERED_LANGUAGES) > 1:
            named = [(code, get_language_info(code)["name_local"]) for code in settings.OFFERED_LANGUAGES]
            self._offer("language", [("", gettext("As your browser asks")), *named])
        else:
            del self.fields["language"]
        self._offer("time_zone", [*everyone, *_zones_by_region()])
        self._offer("default_view", default_views(user))
        if user.has_perm(settings.OWNERS_MAY):
            hours = [(str(hour), f"{hour:02}:00") for hour in range(24)]
            self._offer("digest_hour", [("", str(WITH_THE_NIGHT)), *hours])
        else:
            del self.fields["digest_hour"]
        if not user.has_perm(MAY_CONTACT):
            del self.fields["signature"]

    def _offer(self, name: str, choices: Sequence[tuple[str, str] | tuple[str, list[tuple[str, str]]]]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices


def _zones_by_region() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the time zones in groups, such as ``("Europe", [("Europe/Berlin", "Berlin")])``."""
    return [
        (region, [(name, name.partition("/")[2].replace("_", " ") or name) for name in names])
        for region, names in groupby(time_zones(), key=lambda name: name.partition("/")[0])
    ]
