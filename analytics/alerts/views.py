"""The list of alerts, and what staff do with them; every form works without a script."""

from dataclasses import dataclass
from datetime import date

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from analytics.alerts.acknowledge import acknowledge
from analytics.alerts.forms import ActForm, AlertNoteForm
from analytics.alerts.listing import alert_list, in_full
from analytics.models import Alert
from analytics.models.alerts import AlertQuerySet
from analytics.wording import counted
from customers.audit.trail import update_rows
from customers.core.pages import StaffRequest, admin_page, admin_response, next_page, sent_by_form
from customers.core.people import name_of_login
from customers.editing.conflicts import form_status
from customers.text.numbers import number_or_none


@admin_page("analytics.view_alert")
def alerts(request: HttpRequest) -> HttpResponse:
    """Show every alert, open ones first."""
    if address := in_full(request):
        return redirect(f"{request.path}?{address}")
    return admin_response(request, "analytics/alerts/page.html", {"title": "Alerts", **alert_list(request)})


@admin_page("analytics.view_alert", "analytics.act_on_alert")
@sent_by_form(lambda: reverse("analytics:alerts"))
def act(request: StaffRequest) -> HttpResponse:
    """Acknowledge, put off, or note something on one or many alerts, and go back to where the visitor was.

    One alert's panel is saved whole: its note and date go along, whichever button was pressed.
    """
    form = ActForm(request.POST)
    with transaction.atomic():
        panel = _alert_of_panel(request)
        note_form = AlertNoteForm(request.POST, instance=panel) if panel else None
        if note_form and not (form.is_valid() and note_form.is_valid()):
            return _again(request, form, note_form)
        if note_form:
            _save_panel(request, form, note_form)
        elif form.is_valid():
            _report(request, form.cleaned_data["alert"], *_apply(request, form))
    for errors in form.errors.values():
        for error in errors:
            messages.error(request, str(error))
    return redirect(next_page(request, reverse("analytics:alerts")))


def _alert_of_panel(request: HttpRequest) -> Alert | None:
    """Return the alert whose panel was sent, locked; None where the form is not one panel."""
    keys = request.POST.getlist("alert")
    key = number_or_none(keys[0]) if len(keys) == 1 and "note" in request.POST else None
    return Alert.objects.select_for_update(of=("self",)).filter(pk=key).first() if key is not None else None


def _save_panel(request: StaffRequest, form: ActForm, note_form: AlertNoteForm) -> None:
    """Save the note and the date of one alert's panel, then do what its button says."""
    chosen, action, until = (form.cleaned_data[name] for name in ("alert", "action", "until"))
    has_new_note = "note" in note_form.changed_data
    noted = has_new_note and update_rows(_rows(chosen), note=note_form.cleaned_data["note"]) > 0
    if until and action not in {"snooze", "unsnooze"}:
        _report(request, chosen, *_snooze(request, chosen, until))
    if action != "note":
        _report(request, chosen, *_apply(request, form), noted=noted)
    elif noted or not until:
        messages.success(request, "1 alert noted." if noted else "The note is as it was.")


@dataclass(frozen=True)
class _Panel:
    """An alert's panel as it was sent, to be shown again."""

    form: ActForm
    note_form: AlertNoteForm
    note: str
    until: str
    back: str


def _again(request: HttpRequest, form: ActForm, note: AlertNoteForm) -> HttpResponse:
    """Show the alert alone, with its panel as it was sent and the errors in it."""
    alerts = Alert.objects.select_related("rule", "customer__care__owner").filter(pk=note.instance.pk)
    sent = _Panel(
        form,
        note,
        note["note"].value() or "",
        request.POST.get("until", ""),
        next_page(request, reverse("analytics:alerts")),
    )
    context = {
        "title": "Alert",
        "alert": alerts.get(),
        "sent": sent,
        "today": timezone.localdate(),
    }
    return admin_response(request, "analytics/alerts/alert_page.html", context, status=form_status(form, note))


def _report(request: HttpRequest, chosen: QuerySet[Alert], done: int, words: str, *, noted: bool = False) -> None:
    """Say how many of the chosen alerts were changed; ``noted`` says that a note was saved, too."""
    left = len(chosen) - done
    if done:
        messages.success(request, f"{counted(done, 'alert')} {words}{', and the note is saved' if noted else ''}.")
    elif noted:
        messages.success(request, "The note is saved.")
    if left:
        messages.warning(request, f"{counted(left, 'alert')} left alone: over, or {words} already.")


def _apply(request: StaffRequest, form: ActForm) -> tuple[int, str]:
    """Apply the form's action to the chosen alerts that still need it; return how many, and the action in words."""
    data, chosen = form.cleaned_data, form.cleaned_data["alert"]
    those = _rows(chosen)
    match data["action"]:
        case "acknowledge":
            return acknowledge(those, request.user), "acknowledged"
        case "unacknowledge":
            seen = those.open().exclude(acknowledged_at=None)
            return update_rows(seen, acknowledged_at=None, acknowledged_by=""), "no longer acknowledged"
        case "snooze":
            return _snooze(request, chosen, data["until"])
        case "unsnooze":
            snoozed = those.open().exclude(snoozed_until=None)
            return update_rows(snoozed, snoozed_until=None, snoozed_by=""), "no longer put off"
    return update_rows(those, note=data["note"].strip()), "noted"


def _snooze(request: StaffRequest, chosen: QuerySet[Alert], until: date) -> tuple[int, str]:
    login, those = request.user.get_username(), _rows(chosen).open()
    snoozed = those.snoozed(timezone.localdate()).exclude(snoozed_by=login).exclude(snoozed_until=until)
    for before in snoozed:
        day = f"{before.snoozed_until:%-d %b %Y}"
        messages.info(
            request, f"Before, {name_of_login(before.snoozed_by)} had put it off until {day}: {before.text}."
        )
    return update_rows(those, snoozed_until=until, snoozed_by=login), f"put off until {until:%-d %b %Y}"


def _rows(chosen: QuerySet[Alert]) -> AlertQuerySet:
    return Alert.objects.filter(pk__in=[alert.pk for alert in chosen])
