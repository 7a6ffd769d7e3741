"""The list of alerts, and what staff do with them; every form works without a script."""

from dataclasses import dataclass
from datetime import date

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from analytics.alert_list.forms import MAX_ALERTS, ActForm, AlertNoteForm
from analytics.alert_list.list_page import alert_list, in_full
from analytics.alert_list.listing import matching_alerts
from analytics.alerts import acts
from analytics.models import Alert
from analytics.models.alerts import AlertQuerySet
from customers.audit.trail import update_rows
from customers.core.pages import StaffRequest, admin_page, admin_response, next_page, sent_by_form
from customers.core.people import name_of_login
from customers.editing.conflicts import form_status
from customers.text.numbers import number_or_none
from customers.text.say import say, say_n

TYPED = ("until", "added_note", "what", "due")
REFUSED = "refused_alert_act"
"""Names in the session what was refused of many alerts, so that the list shows it again."""
MAX_TOLD = 5
"""So many snoozes of others are told one by one."""


@admin_page("analytics.view_alert")
def alerts(request: HttpRequest) -> HttpResponse:
    """Show the alerts, the worst first; at first those that the visitor is told of who owns customers."""
    if address := in_full(request):
        return redirect(f"{request.path}?{address}")
    context = {"title": gettext("Alerts"), **alert_list(request, request.session.pop(REFUSED, None))}
    return admin_response(request, "analytics/alert_list/page.html", context)


@admin_page("analytics.view_alert", "analytics.act_on_alert")
@sent_by_form(lambda: reverse("analytics:alerts"))
def act(request: StaffRequest) -> HttpResponse:
    """Acknowledge, snooze, note something on or create tasks for alerts, and go back to where the visitor was.

    One alert's panel is saved whole: its note and date go along, whichever button was pressed. What is done to all
    alerts that match is done to those that the filters of the address leave.
    """
    form = ActForm(request.POST, matching_alerts(request) if request.POST.get("all") else None)
    with transaction.atomic():
        panel = _alert_of_panel(request)
        note_form = AlertNoteForm(request.POST, instance=panel) if panel else None
        if note_form and not (form.is_valid() and note_form.is_valid()):
            return _again(request, form, note_form)
        if note_form:
            _save_panel(request, form, note_form)
        elif form.is_valid() and form.cleaned_data["action"] == "task":
            _create_tasks(request, form)
        elif form.is_valid():
            _report(request, form.cleaned_data["alert"], *_apply(request, form))
    for errors in form.errors.values():
        for error in errors:
            messages.error(request, str(error))
    if form.errors:
        typed = {name: request.POST.get(name, "") for name in TYPED}
        request.session[REFUSED] = {
            **typed,
            "alerts": request.POST.getlist("alert")[:MAX_ALERTS],
            "all": "all" in request.POST,
        }
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
        messages.success(request, gettext("1 alert noted.") if noted else gettext("The note is as it was."))


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
        "title": gettext("Alert"),
        "alert": alerts.get(),
        "sent": sent,
        "today": timezone.localdate(),
    }
    return admin_response(request, "analytics/alert_list/alert_page.html", context, status=form_status(form, note))


def _report(request: HttpRequest, chosen: AlertQuerySet, done: int, words: str, *, noted: bool = False) -> None:
    """Say how many of the chosen alerts were changed; ``noted`` says that a note was saved, too."""
    left = len(chosen) - done
    if done:
        messages.success(request, _done_in_words(done, words, noted=noted))
    elif noted:
        messages.success(request, gettext("The note is saved."))
    if left:
        skipped = say_n(
            "{number} alert skipped: resolved, or {done} already.",
            "{number} alerts skipped: resolved, or {done} already.",
            left,
            done=words,
        )
        messages.warning(request, skipped)


def _done_in_words(number: int, words: str, *, noted: bool) -> str:
    if noted:
        return say_n(
            "{number} alert {done}, and the note is saved.",
            "{number} alerts {done}, and the note is saved.",
            number,
            done=words,
        )
    return say_n("{number} alert {done}.", "{number} alerts {done}.", number, done=words)


def _apply(request: StaffRequest, form: ActForm) -> tuple[int, str]:
    """Apply the form's action to the chosen alerts that still need it; return how many, and the action in words."""
    data, chosen = form.cleaned_data, form.cleaned_data["alert"]
    those = _rows(chosen)
    match data["action"]:
        case "acknowledge":
            return acts.acknowledge(those, request.user), gettext("acknowledged")
        case "unacknowledge":
            return acts.unacknowledge(those), gettext("unacknowledged")
        case "snooze":
            return _snooze(request, chosen, data["until"])
        case "unsnooze":
            return acts.unsnooze_alerts(those), gettext("unsnoozed")
        case "add_note":
            return acts.append_note(those, data["added_note"].strip()), gettext("noted")
    return update_rows(those, note=data["note"].strip()), gettext("noted")


def _create_tasks(request: StaffRequest, form: ActForm) -> None:
    """Create a task for each customer of the chosen alerts, and say how many."""
    if not request.user.has_perm("analytics.add_task"):
        raise PermissionDenied(gettext("You may not create tasks."))
    data = form.cleaned_data
    customers = _rows(data["alert"]).exclude(customer=None).order_by().values("customer").distinct().count()
    created = acts.create_tasks(_rows(data["alert"]), data["what"], data["due"], request.user)
    if created:
        created_in_words = say_n(
            "{number} task created. Due {day}.", "{number} tasks created. Due {day}.", created, day=data["due"]
        )
        messages.success(request, created_in_words)
    if skipped := customers - created:
        said = say_n(
            "{number} customer skipped: this task is open for them already.",
            "{number} customers skipped: this task is open for them already.",
            skipped,
        )
        messages.warning(request, said)
    if not customers:
        messages.warning(request, gettext("None of these alerts is about a customer."))


def _snooze(request: StaffRequest, chosen: AlertQuerySet, until: date) -> tuple[int, str]:
    those = _rows(chosen).open()
    snoozed = those.snoozed(timezone.localdate()).exclude(snoozed_by=request.user.get_username())
    for before in snoozed.exclude(snoozed_until=until)[:MAX_TOLD]:
        said = say(
            "Before, {who} had snoozed it until {day}: {alert}.",
            who=name_of_login(before.snoozed_by),
            day=before.snoozed_until or "",
            alert=before.words,
        )
        messages.info(request, said)
    return acts.snooze_alerts(those, until, request.user), say("snoozed until {day}", day=until)


def _rows(chosen: AlertQuerySet) -> AlertQuerySet:
    return Alert.objects.filter(pk__in=[alert.pk for alert in chosen])
