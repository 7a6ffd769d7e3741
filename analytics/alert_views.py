"""The list of alerts, and what staff do with them; every form works without a script."""

from datetime import date, timedelta

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from analytics.alert_list import alert_list
from analytics.models import Alert
from analytics.wording import counted
from customers.audit import update_rows
from customers.pages import admin_page, sent_by_form
from customers.text_fields import TextAreaField

MOST_AT_ONCE = 500
LONGEST_SNOOZE_DAYS = 366


@admin_page("analytics.view_alert")
def alerts(request: HttpRequest) -> HttpResponse:
    """Every alert, open ones first."""
    context = {**admin.site.each_context(request), "title": "Alerts", **alert_list(request)}
    return TemplateResponse(request, "analytics/alerts.html", context)


class ActForm(forms.Form):
    """What to do with which alerts."""

    ACTIONS = [("acknowledge", "Acknowledge"), ("take_back", "Take back"), ("snooze", "Put off"), ("wake", "Wake")]
    ACTIONS += [("note", "Save the note")]

    alert = forms.ModelMultipleChoiceField(Alert.objects.all(), error_messages={"required": "No alert was chosen."})
    action = forms.ChoiceField(choices=ACTIONS)
    until = forms.DateField(required=False)
    note = TextAreaField(required=False, max_length=5_000)

    def clean_alert(self) -> QuerySet[Alert]:
        """Not more than a page or two of them."""
        chosen = self.cleaned_data["alert"]
        if len(chosen) > MOST_AT_ONCE:
            raise forms.ValidationError(f"These are more than {MOST_AT_ONCE} alerts; choose fewer.")
        return chosen

    def clean(self) -> None:
        """A snooze ends on a day to come, within a year."""
        today = timezone.localdate()
        until: date | None = self.cleaned_data.get("until")
        if self.cleaned_data.get("action") != "snooze":
            return
        if until is None and "until" not in self.errors:
            self.add_error("until", "Put off until when?")
        if until and not today < until <= today + timedelta(days=LONGEST_SNOOZE_DAYS):
            self.add_error("until", "Choose a day to come, within a year.")


@admin_page("analytics.view_alert", "analytics.act_on_alert")
@sent_by_form(lambda: reverse("analytics:alerts"))
def act(request: HttpRequest) -> HttpResponse:
    """Acknowledge, put off, or note something on one or many alerts, and go back to where the visitor was."""
    form = ActForm(request.POST)
    if form.is_valid():
        chosen, data = form.cleaned_data["alert"], form.cleaned_data
        done, words = _apply(data["action"], chosen, request.user.get_username(), data["until"], data["note"])
        left = len(chosen) - done
        if done:
            messages.success(request, f"{counted(done, 'alert')} {words}.")
        if left:
            messages.warning(request, f"{counted(left, 'alert')} left alone: over, or {words} already.")
    else:
        for errors in form.errors.values():
            for error in errors:
                messages.error(request, error)
    return redirect(_back(request))


def _apply(action: str, chosen: QuerySet[Alert], login: str, until: date | None, note: str) -> tuple[int, str]:
    """Do it to those that still need it, whoever else is at them; returns to how many, and what in words."""
    keys = [alert.pk for alert in chosen]
    those, now = Alert.objects.filter(pk__in=keys), timezone.now()
    match action:
        case "acknowledge":
            fresh = those.open().filter(acknowledged_at=None)
            return update_rows(fresh, acknowledged_at=now, acknowledged_by=login), "acknowledged"
        case "take_back":
            seen = those.open().exclude(acknowledged_at=None)
            return update_rows(seen, acknowledged_at=None, acknowledged_by=""), "no longer acknowledged"
        case "snooze":
            words = f"put off until {until:%-d %b %Y}"
            return update_rows(those.open(), snoozed_until=until, snoozed_by=login), words
        case "wake":
            asleep = those.open().exclude(snoozed_until=None)
            return update_rows(asleep, snoozed_until=None, snoozed_by=""), "no longer put off"
    return update_rows(those, note=note.strip()), "noted"


def _back(request: HttpRequest) -> str:
    asked = request.POST.get("next", "")
    safe = asked.startswith("/") and url_has_allowed_host_and_scheme(
        asked, {request.get_host()}, require_https=request.is_secure()
    )
    return asked if safe else reverse("analytics:alerts")
