"""The pages that write to several customers at once: compose, a preview of each, send."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.text import Truncator

from analytics.bulk.letters import MAX_LETTERS, LettersSent, letters
from analytics.bulk.selection import Selection, nobody_selected, selection
from analytics.models import MailTemplate
from analytics.models.placeholders import PLACEHOLDERS, listed
from analytics.outreach.forms import ComposeForm
from analytics.outreach.sending import MAY_CONTACT
from analytics.wording import counted
from customers.core.pages import StaffRequest, admin_page, admin_response
from customers.text.numbers import number_or_none

MAX_TOLD = 5
MAX_REASON_LENGTH = 300


@admin_page("customers.view_customer", MAY_CONTACT)
def message_many(request: StaffRequest) -> HttpResponse:
    """Ask for the words, show what each customer would get, and send what was shown."""
    meant = selection(request)
    if meant is None:
        return nobody_selected(request)
    action, template = request.POST.get("action"), _template(request)
    if meant.customers.count() > MAX_LETTERS or action not in {"preview", "send", "edit"}:
        initial = {"subject": template.subject, "body": template.body} if template else None
        return _compose(request, meant, _form(request, initial), template)
    form = _form(request)
    if action == "edit" or not form.is_valid():
        return _compose(request, meant, form, template)
    customers = meant.customers.select_related("care").order_by("organization", "pk")
    found = letters(customers, request.user, request.POST, template)
    if action == "send":
        done = LettersSent(found, request.POST)
        done.send()
        _tell(request, done)
        return redirect(meant.back)
    context = {
        "title": "Preview",
        "letters": [one for one in found if one.draft],
        "skipped": [one for one in found if not one.draft],
        "form": form,
        "template": template,
        # By their keys: whoever leaves a filter until it is sent was shown all the same.
        "sent": [("customer", one.customer.pk) for one in found],
        "back": meant.back,
    }
    return admin_response(request, "analytics/bulk/previews.html", context)


def _form(request: StaffRequest, initial: dict[str, str] | None = None) -> ComposeForm:
    """Return the form of the words, bound if a preview or an edit was asked for; any placeholder has a value here."""
    is_typed = request.POST.get("action") in {"preview", "send", "edit"}
    values = {name: name for name in PLACEHOLDERS}
    return ComposeForm(request.POST if is_typed else None, initial=initial, values=values, organization="")


def _template(request: StaffRequest) -> MailTemplate | None:
    chosen = "choose" if request.POST.get("action") == "template" else "template"
    return MailTemplate.objects.filter(active=True, pk=number_or_none(request.POST.get(chosen, "")) or 0).first()


def _compose(
    request: StaffRequest, meant: Selection, form: ComposeForm, template: MailTemplate | None
) -> HttpResponse:
    count = meant.customers.count()
    context = {
        "title": f"Message {counted(count, 'customer')}",
        "count": count,
        "most": MAX_LETTERS,
        "form": form,
        "template": template,
        "templates": MailTemplate.objects.filter(active=True).order_by("pk"),
        "placeholders": listed(),
        "sent": meant.sent,
        "back": meant.back,
    }
    is_refused = form.is_bound and request.POST.get("action") != "edit"
    status = HTTPStatus.UNPROCESSABLE_ENTITY if is_refused else HTTPStatus.OK
    return admin_response(request, "analytics/bulk/compose.html", context, status=status)


def _tell(request: StaffRequest, done: LettersSent) -> None:
    if done.sent:
        messages.success(request, f"{counted(done.sent, 'message')} sent.")
    for customer, why in done.failed[:MAX_TOLD]:
        messages.warning(request, f"{customer.organization}: {Truncator(why).chars(MAX_REASON_LENGTH)}")
    if (more := len(done.failed) - MAX_TOLD) > 0:
        messages.warning(request, f"{counted(more, 'more message')} not sent.")
    if not done.sent and not done.failed:
        messages.info(request, "No message was sent.")
