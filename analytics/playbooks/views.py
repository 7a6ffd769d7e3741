"""The pages of playbooks: the list, one of them, turning it on and off, and an email that waits for approval."""

from http import HTTPStatus

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.models import Playbook, PlaybookRun, PlaybookStepRun, PortfolioDay
from analytics.outreach import sending
from analytics.playbooks import approval
from analytics.playbooks.end import UNDO_STOP, stop
from analytics.playbooks.listing import (
    ROWS_PER_PAGE,
    playbooks_with_numbers,
    runs_page,
    segment_words,
    waiting_emails,
    would_start,
)
from analytics.playbooks.turning import switch_off, switch_on
from customers.clock import program_today
from customers.core.pages import StaffRequest, admin_page, admin_response, next_page, sent_by_form
from customers.editing.undo import Undo, tell_done
from customers.text.say import say, say_n

MAY_SEE, MAY_CHANGE = "analytics.view_playbook", "analytics.change_playbook"
MAY_ACT = "analytics.act_on_playbookrun"
BUSY = _("It was not sent: the data are being changed at this moment. Try again in a minute.")


@admin_page("customers.view_customer", MAY_SEE)
def playbooks(request: HttpRequest) -> HttpResponse:
    """List the playbooks with their numbers, and the emails that wait for approval."""
    page = Paginator(waiting_emails(), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    context = {"title": gettext("Playbooks"), "playbooks": playbooks_with_numbers(), "page": page}
    return admin_response(request, "analytics/playbooks/list.html", context)


@admin_page("customers.view_customer", MAY_SEE)
def playbook(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a playbook: its steps, whom it would start for, and its runs."""
    found = get_object_or_404(playbooks_with_numbers(), pk=pk)
    newest = PortfolioDay.objects.newest()
    context = {
        "title": found.name,
        "playbook": found,
        "steps": found.steps.select_related("template"),
        "only_for": segment_words(found, newest.date if newest else program_today()),
        "would_start": would_start(found),
        "page": runs_page(found, request.GET.get("page")),
        "passed": found.runs.filter(state=PlaybookRun.State.PASSED, left_on=None).count(),
        "as_of": newest.date if newest else None,
    }
    return admin_response(request, "analytics/playbooks/page.html", context)


@admin_page("customers.view_customer", MAY_SEE, MAY_CHANGE)
def turn_playbook_on(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask whether to start it for those, too, for whom its start holds already; then turn it on."""
    found = get_object_or_404(Playbook, pk=pk)
    here = redirect("analytics:playbook", pk)
    if found.active or not found.steps.exists():
        messages.info(request, _is_on(found) if found.active else gettext("Add a step first."))
        return here
    if request.method == "POST" and request.POST.get("for") in {"new", "also"}:
        passed = switch_on(found, also_those=request.POST["for"] == "also")
        messages.success(request, _is_on(found, passed))
        return here
    context = {"title": say("Turn on {name}", name=found.name), "playbook": found, "would_start": would_start(found)}
    return admin_response(request, "analytics/playbooks/turn_on.html", context)


def _is_on(found: Playbook, passed: int = 0) -> str:
    """Say that a playbook is on, and whom it passed over."""
    if not passed:
        return say("“{name}” is on.", name=found.name)
    return say_n(
        "“{name}” is on. {number} customer passed over.",
        "“{name}” is on. {number} customers passed over.",
        passed,
        name=found.name,
    )


@admin_page("customers.view_customer", MAY_SEE, MAY_CHANGE)
def turn_playbook_off(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask, then turn it off, which ends its runs."""
    found = get_object_or_404(playbooks_with_numbers(), pk=pk)
    if request.method == "POST":
        ended = switch_off(found, request.user)
        said = say_n(
            "“{name}” is off; it ended for {number} customer.",
            "“{name}” is off; it ended for {number} customers.",
            ended,
            name=found.name,
        )
        messages.success(request, said)
    if request.method == "POST" or not found.active:
        return redirect("analytics:playbook", pk)
    context = {"title": say("Turn off {name}", name=found.name), "playbook": found}
    return admin_response(request, "analytics/playbooks/turn_off.html", context)


@admin_page("customers.view_customer", MAY_SEE, MAY_ACT)
@sent_by_form(lambda pk: reverse("analytics:playbooks"))
def stop_playbook(request: StaffRequest, pk: int) -> HttpResponse:
    """Stop a playbook for a customer; a button undoes it."""
    run = get_object_or_404(PlaybookRun.objects.select_related("playbook", "customer"), pk=pk)
    if stop(run, request.user):
        said = say(
            "{customer}: playbook “{name}” stopped.", customer=run.customer.organization, name=run.playbook.name
        )
        tell_done(request, said, Undo(UNDO_STOP, [run.pk]))
    else:
        messages.warning(request, gettext("This playbook is over already."))
    return redirect(next_page(request, reverse("analytics:playbook", args=[run.playbook_id])))


@admin_page("customers.view_customer", MAY_SEE, MAY_ACT, sending.MAY_CONTACT)
def playbook_email(request: StaffRequest, pk: int) -> HttpResponse:
    """Preview an email that waits for approval; send, change or skip it."""
    emails = PlaybookStepRun.objects.select_related("run__playbook", "run__customer__care", "step__template")
    email = get_object_or_404(emails, pk=pk)
    back = next_page(request, reverse("analytics:playbooks"))
    if not approval.is_waiting(email):
        messages.warning(request, approval.GONE)
        return redirect(back)
    action = request.POST.get("action") if request.method == "POST" else ""
    if action == "skip":
        if approval.skip(email, request.user):
            messages.success(request, say("Skipped: {what}.", what=email.what))
        return redirect(back)
    template = approval.template_of(email)
    asked = request.POST if action else {"subject": template.subject, "body": template.body} if template else {}
    shown = approval.as_sent(email, request.user, template, asked.get("subject", ""), asked.get("body", ""))
    refusal = _send(request, email, shown) if action == "send" else ""
    if refusal is None:
        return redirect(back)
    customer = email.run.customer
    context = {
        "title": say("{what} to {name}", what=email.what, name=customer.organization),
        "email": email,
        "customer": customer,
        "form": shown.form,
        "draft": shown.draft,
        "token": shown.token,
        "obstacles": sending.obstacles(customer, request.user),
        "warnings": [*sending.warnings(customer), *approval.deferred(customer)],
        "recent": sending.last_message(customer),
        "quiet_days": sending.QUIET.days,
        "refusal": refusal,
        "back": back,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refusal or (action and shown.draft is None) else HTTPStatus.OK
    return admin_response(request, "analytics/playbooks/email.html", context, status=status)


def _send(request: StaffRequest, email: PlaybookStepRun, shown: approval.ToApprove) -> str | None:
    """Send what was previewed; return why it was not, or None where it was."""
    if shown.draft is None:
        return gettext("It was not sent. See below what is in the way.")
    key = sending.verify_preview(request.POST.get("token", ""), shown.draft)
    if key is None:
        return gettext("It was not sent yet: the text has changed. This is how it reads now.")
    try:
        message = approval.approve(email, shown.draft, key, confirmed="confirmed" in request.POST)
    except (sending.NotSent, OperationalError) as error:
        return str(error) if isinstance(error, sending.NotSent) else str(BUSY)
    if message is None:
        messages.warning(request, approval.GONE)
        return None
    sending.send_message(message)
    message.refresh_from_db(fields=["state", "error"])
    if message.state == message.State.SENT:
        messages.success(request, say("Sent to {address}.", address=message.recipient))
    else:
        messages.error(request, say("Not sent: {reason}", reason=message.error))
    return None
