"""The pages that write to several customers at once: compose, a preview of each, send."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext

from analytics.bulk.letters import MAX_LETTERS, Letter, LettersSent, letters
from analytics.bulk.selection import Selection, nobody_selected, selection
from analytics.models import MailTemplate
from analytics.models.placeholders import PLACEHOLDERS, listed
from analytics.outreach import sending
from analytics.outreach.forms import ComposeForm, ScheduleForm
from analytics.outreach.kept_words import KeptWords, Words
from analytics.outreach.sending import MAY_CONTACT
from customers.core.pages import StaffRequest, admin_page, admin_response
from customers.text.say import say_n

MAX_TOLD = 5
MAX_REASON_LENGTH = 300
ANYTHING = {name: name for name in PLACEHOLDERS}
"""A value for each placeholder, so that only what no customer has is refused."""


@admin_page("customers.view_customer", MAY_CONTACT)
def message_many(request: StaffRequest) -> HttpResponse:
    """Ask for the words, show what each customer would get, and send what was shown."""
    meant = selection(request)
    if meant is None:
        return nobody_selected(request)
    page = _Page(request, meant)
    action = request.POST.get("action")
    if action == "template":
        return page.compose(page.form(page.words.choose_template()))
    if action == "own":
        return page.compose(page.form(page.words.bring_back()))
    if action not in {"preview", "send", "later", "edit"}:
        return page.compose(page.form(page.words.template))
    form = page.typed_form()
    if page.count > MAX_LETTERS or action == "edit" or not form.is_valid():
        return page.compose(form)
    customers = sending.with_mails(meant.customers.select_related("care")).order_by("organization", "pk")
    found = letters(customers, request.user, request.POST, page.words.template)
    if action in {"send", "later"} and not page.schedule.errors:
        send_at = page.schedule.cleaned_data["at"] if page.schedule.is_bound else None
        done = LettersSent(found, request.POST, send_at)
        done.send()
        _tell(request, done)
        if done.sent or done.scheduled or not done.failed:
            return redirect(meant.back)
        # Where nothing has left, the words would be lost.
    return page.previews(form, found)


class _Page:
    """One request to write to several customers: what its pages show."""

    def __init__(self, request: StaffRequest, meant: Selection) -> None:
        self.request, self.meant = request, meant
        self.count = meant.customers.count()
        self.schedule = ScheduleForm(request.POST, is_asked=request.POST.get("action") == "later")
        self.words = KeptWords(request, list(MailTemplate.objects.filter(active=True).order_by("pk")))

    def form(self, words: MailTemplate | Words | None) -> ComposeForm:
        """Return the form with these words to begin with; any placeholder has a value here."""
        initial = {"subject": words.subject, "body": words.body} if words else None
        return ComposeForm(initial=initial, values=ANYTHING, organization="")

    def typed_form(self) -> ComposeForm:
        """Return the form with the words that were typed."""
        return ComposeForm(self.request.POST, values=ANYTHING, organization="")

    def compose(self, form: ComposeForm) -> HttpResponse:
        """Return the page that asks for the words."""
        is_refused = form.is_bound and self.request.POST.get("action") != "edit"
        more = {
            "title": say_n("Message {number} customer", "Message {number} customers", self.count),
            "count": self.count,
            "most": MAX_LETTERS,
            "templates": self.words.templates,
            "placeholders": listed(),
            "sent": self.meant.sent,
        }
        return self._show("compose", form, HTTPStatus.UNPROCESSABLE_ENTITY if is_refused else HTTPStatus.OK, more)

    def previews(self, form: ComposeForm, found: Sequence[Letter]) -> HttpResponse:
        """Return the page that shows what each customer would get."""
        more = {
            "title": gettext("Preview"),
            "letters": [one for one in found if one.draft],
            "skipped": [one for one in found if not one.draft],
            # By their keys: whoever leaves a filter until it is sent was shown all the same.
            "sent": [("customer", one.customer.pk) for one in found],
            "schedule": self.schedule,
            "zone": timezone.get_current_timezone_name(),
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if self.schedule.errors else HTTPStatus.OK
        return self._show("previews", form, status, more)

    def _show(self, name: str, form: ComposeForm, status: int, more: Mapping[str, object]) -> HttpResponse:
        context = {
            "form": form,
            "template": self.words.template,
            "aside": self.words.aside,
            "at": self.request.POST.get("at", ""),
            "drafts": self.request.POST.getlist("draft"),
            "back": self.meant.back,
            **more,
        }
        return admin_response(self.request, f"analytics/bulk/{name}.html", context, status=status)


def _tell(request: StaffRequest, done: LettersSent) -> None:
    if done.sent:
        messages.success(request, say_n("{number} message sent.", "{number} messages sent.", done.sent))
    if done.scheduled and done.send_at:
        said = say_n(
            "{number} message scheduled for {moment}.",
            "{number} messages scheduled for {moment}.",
            done.scheduled,
            moment=done.send_at,
        )
        messages.success(request, said)
    for customer, why in done.failed[:MAX_TOLD]:
        messages.warning(request, f"{customer.organization}: {Truncator(why).chars(MAX_REASON_LENGTH)}")
    if (more := len(done.failed) - MAX_TOLD) > 0:
        messages.warning(request, say_n("{number} more message not sent.", "{number} more messages not sent.", more))
    if not (done.sent or done.scheduled or done.failed):
        known = gettext("They were sent or scheduled before.") if done.known else gettext("No message was sent.")
        messages.info(request, known)
