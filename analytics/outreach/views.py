"""The pages that write to a customer: compose, preview, send; and the page of a message."""

from datetime import date
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import Model, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.models import ActionKind, MailTemplate, Message, PortfolioDay, Snapshot, Task
from analytics.models.placeholders import lacking, listed, used
from analytics.outreach import sending
from analytics.outreach.draft import EmailDraft, from_line, sender_name, with_signature
from analytics.outreach.forms import ComposeForm, ScheduleForm, as_typed
from analytics.outreach.kept_words import KeptWords, Words
from analytics.outreach.languages import email_language, language_of_words, spoken_otherwise
from analytics.outreach.merge_fields import merge_fields
from analytics.outreach.recipients import colleagues, recipient_of
from analytics.outreach.scheduled import cancel, scheduled_for
from analytics.outreach.sending import MAY_CONTACT
from analytics.outreach.situations import Situation, situation_of
from analytics.portfolio.figures import stale_days
from customers.core.pages import StaffRequest, admin_page, admin_response, next_page
from customers.models import Customer
from customers.text.numbers import number_or_none
from customers.text.say import english, say, within

BUSY = _("It was not sent: the data are being changed at this moment, perhaps by an import. Try again in a minute.")
State = Message.State
_Row = TypeVar("_Row", bound=Model)


class _ComposePage:
    """One request to write to a customer: what its pages show, and what is sent."""

    def __init__(self, request: StaffRequest, customer: Customer) -> None:
        self.request, self.customer = request, customer
        self.day, self.snapshot = _newest(customer)
        self.asked = request.POST if request.method == "POST" else request.GET
        self.task = _named(Task.objects.select_related("rule").filter(customer=customer), self.asked.get("task"))
        self.situation = situation_of(self.snapshot, self.task)
        chosen = Q(pk=number_or_none(self.asked.get("template")))
        self.templates = list(MailTemplate.objects.filter(Q(active=True) | chosen).order_by("pk"))
        self.words = KeptWords(request, self.templates)
        self.days_old = stale_days(self.day) if self.day else None
        self.obstacles = sending.obstacles(customer, request.user)
        self.recent = sending.last_message(customer)
        self.addressees, self.colleagues = sending.addressees(customer), colleagues()
        self.to = recipient_of(self.asked.get("to"), self.addressees)
        self.cc = self.asked.getlist("cc")
        self.back = _page_of(request, customer)
        self.schedule = ScheduleForm(request.POST, is_asked=request.POST.get("action") == "later")

    @property
    def values(self) -> dict[str, str]:
        """What the placeholders stand for in the language of the template, or of the customer."""
        language = language_of_words(self.words.template, self.customer)
        return merge_fields(self.customer, self.snapshot, sender_name(self.request.user), language)

    def form(self, words: MailTemplate | Message | Words | None, data: QueryDict | None = None) -> ComposeForm:
        """Return the form, with these words to begin with."""
        initial = {"subject": words.subject, "body": words.body} if words else None
        return ComposeForm(data, initial=initial, values=self.values, organization=self.customer.organization)

    def first_form(self) -> ComposeForm:
        """Return the form with the words of a message to write anew, or of the chosen or a fitting template."""
        again = _named(Message.objects.filter(customer=self.customer), self.asked.get("message"))
        if not again and not self.asked.get("template"):
            self.words.template = next((one for one in self._in_order if one.situation == self.situation), None)
        if again:
            self._address_like(again)
        return self.form(again or self.words.template)

    @property
    def _in_order(self) -> list[MailTemplate]:
        """The templates: first those that fit, among them those in the customer's language, or that translate none."""
        language = email_language(self.customer)

        def place(one: MailTemplate) -> tuple[bool, bool, bool, int]:
            return one.situation != self.situation, one.language != language, bool(one.translation_of_id), one.pk

        return sorted(self.templates, key=place)

    def _address_like(self, message: Message) -> None:
        """Choose the people of an earlier email, as far as they may still be written to."""
        self.to = next((one for one in self.addressees if one.email == message.recipient), self.to)
        self.cc = [one.key for one in (*self.addressees, *self.colleagues) if one.email in message.copies]

    def draft(self, form: ComposeForm) -> EmailDraft:
        """Return what a valid form says."""
        user = self.request.user
        subject, body = form.filled["subject"], with_signature(form.filled["body"], user)
        cc = [one.email for one in (*self.addressees, *self.colleagues) if one.key in self.cc]
        about = partial(sending.draft_email, template=self.words.template, task=self.task)
        return about(self.customer, user, subject, body, to=self.to.email, cc=cc)

    def show(self, name: str, form: ComposeForm, status: int = HTTPStatus.OK, **more: object) -> HttpResponse:
        """Return one of the two pages."""
        text = f"{form['subject'].value() or ''}\n{form['body'].value() or ''}"
        context = {
            "title": say("Write to {customer}", customer=self.customer.organization),
            "customer": self.customer,
            "back": self.back,
            "form": form,
            "task": self.task,
            "template": self.words.template,
            "templates": self._in_order,
            "several_languages": len({one.language for one in self.templates}) > 1,
            "spoken": spoken_otherwise(self.customer, self.words.template),
            "situation": within(str(Situation(self.situation).label)),
            "fitting": self.situation,
            "placeholders": listed(self.values),
            "lacking": [] if form.is_bound else lacking(text, self.values),
            "used": used(text),
            "obstacles": self.obstacles,
            "warnings": sending.warnings(self.customer),
            "day": self.day,
            "days_old": self.days_old,
            "aside": self.words.aside,
            "drafts": self.request.POST.getlist("draft"),
            "recent": self.recent,
            "scheduled": scheduled_for(self.customer),
            "at": self.asked.get("at", ""),
            "addressees": self.addressees,
            "colleagues": self.colleagues,
            "to": self.to,
            "cc": self.cc,
            "quiet_days": sending.QUIET.days,
            "from_line": from_line(self.request.user),
            **more,
        }
        return admin_response(self.request, f"analytics/outreach/{name}.html", context, status=status)

    def preview(self, form: ComposeForm, draft: EmailDraft, token: str = "", refusal: str = "") -> HttpResponse:
        """Return the page that shows a draft as it will be sent, and why it was not, if it was to be."""
        more = {"draft": draft, "token": token or sending.sign_preview(draft), "refusal": refusal}
        status = HTTPStatus.UNPROCESSABLE_ENTITY if refusal or self.schedule.errors else HTTPStatus.OK
        zone = timezone.get_current_timezone_name()
        return self.show("preview", form, status, schedule=self.schedule, zone=zone, **more)


@admin_page("customers.view_customer", MAY_CONTACT)
def compose(request: StaffRequest, pk: str) -> HttpResponse:
    """Write to a customer: first the texts, then what they become, then it is sent."""
    page = _ComposePage(request, get_object_or_404(sending.customers_to_write(), pk=pk))
    if request.method != "POST":
        return page.show("compose", page.first_form())
    action, token = request.POST.get("action"), request.POST.get("token", "")
    if action == "template":
        return page.show("compose", page.form(page.words.choose_template()))
    if action == "own":
        return page.show("compose", page.form(page.words.bring_back()))
    form = page.form(page.words.template, request.POST)
    if action == "edit":
        return page.show("compose", form)
    sent = sending.already_claimed(token) if action in {"send", "later"} else None
    if sent and sent.customer_id == page.customer.pk:
        return redirect(_address(sent, page.back))
    if not form.is_valid() or page.obstacles:
        return page.show("compose", form, HTTPStatus.UNPROCESSABLE_ENTITY)
    draft = page.draft(form)
    if action in {"send", "later"}:
        return _send(page, form, draft, token)
    return page.preview(form, draft)


@admin_page("customers.view_customer", MAY_CONTACT)
def preview_typed(request: StaffRequest, pk: str) -> HttpResponse:
    """Preview the ``subject`` and ``text`` typed on the customer's page; show them again where one is wrong."""
    page = _ComposePage(request, get_object_or_404(sending.customers_to_write(), pk=pk))
    page.back = f"{page.back}?{request.GET.urlencode()}" if request.GET else page.back
    form = page.form(None, as_typed(request.POST.get("subject", ""), request.POST.get("text", "")))
    if not form.is_valid() or page.obstacles:
        return page.show("compose", form, HTTPStatus.UNPROCESSABLE_ENTITY)
    return page.preview(form, page.draft(form))


def _send(page: _ComposePage, form: ComposeForm, draft: EmailDraft, token: str) -> HttpResponse:
    """Send or schedule what was previewed, or show the preview again and say why not."""
    request = page.request
    if page.schedule.errors:
        return page.preview(form, draft, token)
    key = sending.verify_preview(token, draft)
    if key is None:
        changed = gettext("It was not sent: something has changed since this preview. Look again.")
        return page.preview(form, draft, refusal=changed)
    send_at = page.schedule.cleaned_data["at"] if page.schedule.is_bound else None
    try:
        message, ours = sending.claim_draft(draft, key, confirmed="confirmed" in request.POST, send_at=send_at)
    except sending.NotSent as error:
        page.recent, page.obstacles = (
            sending.last_message(page.customer),
            sending.obstacles(page.customer, request.user),
        )
        return page.preview(form, draft, token, str(error))
    except OperationalError:
        return page.preview(form, draft, token, str(BUSY))
    if ours and send_at:
        messages.success(request, say("Scheduled for {moment}.", moment=send_at))
    elif ours:
        sending.send_message(message)
        _tell(request, message)
    return redirect(_address(message, page.back))


@admin_page("customers.view_customer", "analytics.view_message")
def message(request: StaffRequest, pk: int) -> HttpResponse:
    """Show a message's page; when posted, send the message again or record what somebody has found out."""
    found = get_object_or_404(Message.objects.select_related("customer", "sender", "template", "task"), pk=pk)
    may_contact = request.user.has_perm(MAY_CONTACT)
    if request.method == "POST":
        if not may_contact:
            raise PermissionDenied
        return _act_on(request, found)
    unsent = found.state in {State.FAILED, State.SCHEDULED, State.CANCELED} or found.delivery_unknown
    context = {
        "title": found.subject,
        "message": found,
        "customer": found.customer,
        "back": _page_of(request, found.customer),
        "may_contact": may_contact,
        "unsent": unsent,
        "against": sending.may_send_again(found, request.user) if unsent and may_contact else "",
        "recent": sending.last_message(found.customer, found) if unsent and may_contact else None,
        "zone": timezone.get_current_timezone_name(),
        "today": timezone.localdate(),
        **_open_task(request, found),
    }
    return admin_response(request, "analytics/outreach/message.html", context)


def _page_of(request: HttpRequest, customer: Customer) -> str:
    """Return the customer's page from which one came, with the list that it was opened from."""
    page = reverse("analytics:customer", args=[customer.pk])
    asked = next_page(request, page, "back")
    return asked if asked.partition("?")[0] == page else page


def _address(message: Message, back: str) -> str:
    """Return where a message's page is, which leads back to the customer's as one came from it."""
    way = urlencode(_way(back))
    return f"{reverse('analytics:message', args=[message.pk])}{'?' if way else ''}{way}"


def _way(back: str) -> dict[str, str]:
    """Return what an address takes along of the customer's page: nothing where that was opened from no list."""
    return {"back": back} if "?" in back else {}


def _act_on(request: StaffRequest, found: Message) -> HttpResponse:
    """Do what a form of the message's page, or of the customer's, asks for, and lead back."""
    action, back = request.POST.get("action"), _page_of(request, found.customer)
    here = _address(found, back)
    if action == "again":
        return redirect(next_page(request, here) if _send_again(request, found) else here)
    if action in {"sent", "failed"}:
        sending.resolve(found, sent=action == "sent", by=request.user.get_username())
    elif action in {"cancel", "edit"}:
        if not cancel(found, request.user):
            messages.warning(request, gettext("It was no longer waiting."))
            return redirect(here)
        if action == "edit":
            anew = {"message": str(found.pk), **_way(back)}
            return redirect(f"{reverse('analytics:contact', args=[found.customer_id])}?{urlencode(anew)}")
        messages.success(request, gettext("Canceled: it will not be sent."))
        return redirect(next_page(request, here))
    return redirect(here)


def _open_task(request: StaffRequest, found: Message) -> dict[str, object]:
    """Return the task that a sent message was written for, where it is open and the visitor may close it.

    A message that was written for none may have done the visitor's own task to write to the customer.
    """
    if found.state != State.SENT or not request.user.has_perm(settings.OWNERS_MAY):
        return {}
    task = found.task
    if task is None:
        to_write = Task.objects.open().filter(customer=found.customer, kind=ActionKind.EMAIL, owner=request.user)
        task = to_write.filter(created_at__lte=found.attempted_at).order_by("due", "pk").first()
    if task is None or task.state != Task.State.OPEN:
        return {}
    return {"open_task": task, "outcome_note": task.outcome_note or english(f"Wrote “{found.subject}”.")}


def _send_again(request: StaffRequest, found: Message) -> bool:
    """Send a message again, or now; return whether it was sent."""
    try:
        ours = sending.claim_again(found, request.user, confirmed="confirmed" in request.POST)
    except sending.NotSent as error:
        messages.error(request, str(error))
    except OperationalError:
        messages.error(request, BUSY)
    else:
        if ours:
            sending.send_message(found)
            return _tell(request, found)
    return False


def _tell(request: HttpRequest, sent: Message) -> bool:
    """Return whether it was sent, and say so at the top of the next page; the message's page says what went wrong."""
    sent.refresh_from_db(fields=["state"])
    was_sent = sent.state == State.SENT
    if was_sent:
        messages.success(request, say("Sent to {address}.", address=sent.recipient))
    return was_sent


def _newest(customer: Customer) -> tuple[date | None, Snapshot | None]:
    """Return the newest scored date, and the customer's snapshot on it; one query for whoever has been scored."""
    newest = PortfolioDay.objects.order_by("-date").values("date")[:1]
    snapshot = Snapshot.objects.filter(customer=customer, date=Subquery(newest)).first()
    if snapshot:
        return snapshot.date, snapshot
    day = PortfolioDay.objects.newest()
    return (day.date if day else None), None


def _named(rows: QuerySet[_Row], text: str | None) -> _Row | None:
    """The row that an address names; None where it names none, not found where there is no such row."""
    return get_object_or_404(rows, pk=number_or_none(text)) if text else None
