"""The page of an event whose customer is unknown: the right customer, or its rejection."""

from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext

from customers.archive.erased import ErasedIds
from customers.core.pages import admin_page, admin_response, user_of
from customers.feeds.cell_types import Key
from customers.inbox.by_hand import alike, event_of, give_customer, reject
from customers.jobs.lock import job_lock_within
from customers.jobs.pages import IMPORT_RUNS, failures_told
from customers.models import Customer, ImportRun, InboxEvent, QuarantinedRow
from customers.quarantine.views import fix_address
from customers.text.say import say, say_n

WAIT_SECONDS = 4
_LISTED = reverse_lazy("admin:customers_quarantinedrow_changelist")
_SAVE, _REJECT = "save", "reject"


class EventForm(forms.Form):
    """Whom an event is about; ``named`` is whom it named when the page was opened."""

    customer_id = forms.CharField(
        required=False, widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"})
    )
    named = forms.CharField(widget=forms.HiddenInput, required=False)
    all_alike = forms.BooleanField(required=False, label_suffix="")
    do = forms.ChoiceField(choices=[(_SAVE, _SAVE), (_REJECT, _REJECT)])

    def clean(self) -> None:
        """Refuse whoever is not a customer, unless it is rejected anyway."""
        if self.errors or self.cleaned_data["do"] != _SAVE:
            return
        customer = self.cleaned_data["customer_id"].strip()
        try:
            Key().parse(customer, timezone.now().date())
        except ValueError as error:
            self.add_error("customer_id", str(error))
            return
        if customer in ErasedIds():
            self.add_error("customer_id", gettext("This customer was erased: nothing of them is loaded."))
        elif not Customer.objects.filter(pk=customer).exists():
            self.add_error("customer_id", say("There is no customer {customer}.", customer=customer))
        self.cleaned_data["customer_id"] = customer


@admin_page("customers.view_quarantinedrow", "customers.fix_quarantinedrow")
def fix_event(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an event in quarantine; once sent, give it its customer or reject it."""
    if request.method == "POST":
        with failures_told(request, busy=IMPORT_RUNS), job_lock_within(WAIT_SECONDS, "import"):
            return _deal_with(request, _row(pk))
        return redirect(request.path)
    row = _row(pk)
    return _elsewhere(request, row) or _page(
        request, row, EventForm(initial={"customer_id": row.customer_key, "named": row.customer_key})
    )


def _row(pk: int) -> QuarantinedRow:
    return get_object_or_404(QuarantinedRow.objects.select_related("run"), pk=pk)


def _elsewhere(request: HttpRequest, row: QuarantinedRow) -> HttpResponse | None:
    """Lead to the page of a row of a file, or to the list where the event waits no more; None where it waits here."""
    if row.run.scope != ImportRun.Scope.EVENTS:
        return redirect(fix_address(row))
    if row.status != QuarantinedRow.Status.OPEN:
        status = row.get_status_display().lower()
        messages.error(request, say("This event is no longer in quarantine: {status}.", status=status))
        return redirect(_LISTED)
    return None


def _deal_with(request: HttpRequest, row: QuarantinedRow) -> HttpResponse:
    """Do what was sent, under the import's lock."""
    if elsewhere := _elsewhere(request, row):
        return elsewhere
    if request.POST.get("named", row.customer_key) != row.customer_key:
        customer = row.customer_key
        messages.error(
            request, say("Somebody has given it customer {customer} meanwhile. Look at it again.", customer=customer)
        )
        return redirect(request.path)
    form = EventForm(request.POST)
    if not form.is_valid():
        return _page(request, row, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    asked, actor = form.cleaned_data, user_of(request).get_username()
    rows = list(alike(row)) if asked["all_alike"] else [row]
    if asked["do"] == _SAVE:
        give_customer(rows, asked["customer_id"], actor)
        messages.success(
            request,
            say_n(
                "{number} event: customer {customer}. The next ingest loads it.",
                "{number} events: customer {customer}. The next ingest loads them.",
                len(rows),
                customer=asked["customer_id"],
            ),
        )
    else:
        reject(rows, actor)
        messages.success(request, say_n("{number} event rejected.", "{number} events rejected.", len(rows)))
    return redirect(_LISTED)


def _page(request: HttpRequest, row: QuarantinedRow, form: EventForm, status: int = 200) -> HttpResponse:
    event = get_object_or_404(InboxEvent.objects.select_related("batch__token__user"), pk=event_of(row))
    context = {
        "title": say("Fix event {line} of run {run}", line=str(row.line), run=str(row.run_id)),
        "row": row,
        "form": form,
        "event": event,
        "others": alike(row).count() - 1,
    }
    return admin_response(request, "customers/inbox/fix_event.html", context, status=status)
