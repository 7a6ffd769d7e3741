"""The pages of pushes: the preview, and what is done from it and from the page of a push."""

from collections.abc import Callable
from typing import IO

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext

from analytics.crm.begin import NotPushable, why_not_undoable
from analytics.crm.changed_rows import file_of
from analytics.crm.credentials import unset_variables
from analytics.crm.ledger import GOES_ON, MAY_SEE, export_push
from analytics.crm.preview import preview_push
from analytics.crm.pushing import push_to, resume_push, undo_push
from analytics.models import Destination, PortfolioDay, Push
from analytics.pages.user_summary import user_summary
from customers.audit.export import Export, export_response
from customers.core.pages import StaffRequest, admin_page, admin_response, next_page, sent_by_form
from customers.jobs.pages import failures_told
from customers.models import Customer
from customers.owners.sync import set_do_not_sync
from customers.owners.views import MAY_ASSIGN
from customers.text.say import english, in_english, say
from customers.text.written import day

MAY_PREVIEW = ("customers.view_customer", "analytics.view_destination")
MAY_PUSH = "analytics.push_destination"
SECONDS = 20.0
"""A page sends for so long; what is left then, the push's page sends as long as it is open."""


@admin_page(*MAY_PREVIEW)
def show_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """What a push would send: each customer beside what was last pushed."""
    destination = get_object_or_404(Destination, pk=pk)
    portfolio = PortfolioDay.objects.newest()
    context: dict[str, object] = {
        "title": say("Preview: {destination}", destination=destination.name),
        "destination": destination,
        "portfolio": portfolio,
        "unset": unset_variables(destination),
        "is_first": not destination.pushes.exists(),
        "unfinished": destination.pushes.filter(state=Push.State.UNFINISHED).first(),
    }
    if portfolio:
        asked, page = request.GET.get("show", ""), request.GET.get("page", "")
        version = user_summary(request).version
        context["preview"] = preview_push(destination, portfolio, version, asked=asked, page=page)
    return admin_response(request, "analytics/crm/preview.html", context)


def _preview_address(pk: int) -> str:
    return reverse("analytics:push-preview", args=[pk])


def _push_address(pk: int) -> str:
    return reverse("admin:analytics_push_change", args=[pk])


@admin_page(*MAY_PREVIEW, MAY_PUSH)
@sent_by_form(_preview_address)
def push_now(request: StaffRequest, pk: int) -> HttpResponse:
    """Push what differs, and lead to the push's page."""
    destination = get_object_or_404(Destination, pk=pk)
    name = request.user.get_username()
    return _done(request, lambda: push_to(destination, name, seconds=SECONDS), _preview_address(pk))


@admin_page(*MAY_SEE, MAY_PUSH)
@sent_by_form(_push_address)
def resume_now(request: StaffRequest, pk: int) -> HttpResponse:
    """Go on with a push that is not finished."""
    push = get_object_or_404(Push, pk=pk)
    return _done(request, lambda: resume_push(push, seconds=SECONDS), _push_address(pk))


@admin_page(*MAY_SEE, MAY_PUSH)
def undo_now(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask, then write again what a push has replaced."""
    push = get_object_or_404(Push.objects.select_related("destination"), pk=pk)
    if request.method == "POST":
        name = request.user.get_username()
        return _done(request, lambda: undo_push(push, name, seconds=SECONDS), _push_address(pk))
    if reason := why_not_undoable(push):
        messages.info(request, reason)
        return redirect(_push_address(pk))
    title = say("Undo push {number} to {name}?", number=str(push.pk), name=push.destination.name)
    context = {"title": title, "push": push, "written": push.new + push.changed}
    return admin_response(request, "analytics/crm/undo.html", context)


def _done(request: HttpRequest, act: Callable[[], Push], otherwise: str) -> HttpResponse:
    """Act, and lead to the page of the push that came of it; where there is none, say why."""
    busy = gettext("Another push to this destination is going on; see it among the pushes.")
    with failures_told(request, NotPushable, busy=busy):
        push = act()
        if push.state == Push.State.DONE:
            messages.success(request, f"{push}: {push.in_words}.")
        goes_on = push.state == Push.State.UNFINISHED and not push.reason
        return redirect(f"{_push_address(push.pk)}{f'?{GOES_ON}=1' if goes_on else ''}")
    return redirect(otherwise)


@admin_page("customers.view_customer", MAY_ASSIGN)
@sent_by_form(lambda pk: reverse("analytics:customer", args=[pk]))
def change_sync(request: StaffRequest, pk: str) -> HttpResponse:
    """Keep a customer from being pushed, or let it be pushed again."""
    customer = get_object_or_404(Customer, pk=pk)
    held = request.POST.get("sync") == "no"
    if set_do_not_sync(customer, held, request.user):
        who = customer.organization
        messages.success(
            request,
            say("{customer} is not pushed to any CRM any more.", customer=who)
            if held
            else say("{customer} is pushed to the CRM again, from the next push on.", customer=who),
        )
    return redirect(next_page(request, reverse("analytics:customer", args=[pk])))


@admin_page(*MAY_SEE, "customers.export_customer")
def export_rows(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Download the rows of a push."""
    push = get_object_or_404(Push, pk=pk)

    def write(file: IO[bytes]) -> Export:
        return export_push(file, push)

    return export_response(write)


@admin_page(*MAY_SEE, "customers.export_customer")
def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Download the file that a push wrote, while it is there."""
    push = get_object_or_404(Push, pk=pk)
    stored = file_of(push)
    if not push.is_of_file or not stored.is_there():
        raise Http404(gettext("That file is not there."))
    with in_english():
        Export(stored.name, str(push), english(f"file of changed rows as of {day(push.as_of)}")).record()
    return FileResponse(stored.open(), as_attachment=True, filename=stored.name)
