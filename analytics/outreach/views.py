"""The pages that write to a customer: compose, preview, send; and the page of a message."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from analytics.models import MailTemplate, Message, PortfolioDay, Snapshot, Task
from analytics.models.placeholders import body_faults, fill, lacking, listed, subject_faults, used
from analytics.outreach import sending
from analytics.outreach.draft import LONGEST_BODY, LONGEST_SUBJECT, EmailDraft, from_line, sender_name
from analytics.outreach.merge_fields import merge_fields
from analytics.outreach.situations import Situation, situation_of
from analytics.portfolio.figures import FRESH_DAYS, days_old
from customers.core.pages import admin_page
from customers.models import Customer
from customers.text.numbers import number_or_none
from customers.text.text_fields import TextAreaField

MAY_CONTACT = "analytics.contact_customer"
UNPROCESSABLE = 422
ASIDE = "own_"
"""Begins the names of the fields that keep what a template has taken the place of."""
BUSY = "It was not sent: the data are being changed at this moment, perhaps by an import. Try again in a minute."


class ComposeForm(forms.Form):
    """A subject and a text with placeholders; ``filled`` is what they become for this customer."""

    subject = forms.CharField(
        max_length=LONGEST_SUBJECT, widget=forms.TextInput({"dir": "auto", "autocomplete": "off"})
    )
    body = TextAreaField(
        label="Text", max_length=LONGEST_BODY, strip=False, widget=forms.Textarea({"rows": 14, "dir": "auto"})
    )

    def __init__(self, *args: Any, values: dict[str, str], organization: str, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        self.values, self.organization = values, organization
        self.filled: dict[str, str] = {}
        for name in self.errors if self.is_bound else ():
            self.fields[name].widget.attrs |= {"aria-invalid": "true", "aria-describedby": f"reasons-{name}"}

    def clean_subject(self) -> str:
        """On one line, with placeholders that have a value, and not too long when filled."""
        subject = self._filled("subject", subject_faults(self.cleaned_data["subject"]))
        length = len(self.filled["subject"])
        if length > LONGEST_SUBJECT:
            raise forms.ValidationError(
                f"The subject has {length} characters when it is filled, at most {LONGEST_SUBJECT} are allowed."
            )
        return subject

    def clean_body(self) -> str:
        """With placeholders that have a value."""
        self.cleaned_data["body"] = self.cleaned_data["body"].strip("\n")
        if not self.cleaned_data["body"].strip():
            raise forms.ValidationError("This field is required.")
        return self._filled("body", body_faults(self.cleaned_data["body"]))

    def _filled(self, name: str, faults: list[str]) -> str:
        text = self.cleaned_data[name]
        faults = faults or [
            f"There is no {{{empty}}} for {self.organization}: write something else in its place."
            for empty in lacking(text, self.values)
        ]
        if faults:
            raise forms.ValidationError(faults)
        self.filled[name] = fill(text, self.values)
        return text


@dataclass(frozen=True)
class _Words:
    """A subject and a text that somebody has typed, and the key of the template that they began with."""

    subject: str
    body: str
    template: str

    @property
    def is_there(self) -> bool:
        """Whether there are any."""
        return bool(self.subject.strip() or self.body.strip())

    def is_like(self, template: MailTemplate | None) -> bool:
        """Whether they are nobody's own: none, or the template's."""
        same = template and (self.subject, self.body.strip("\n")) == (template.subject, template.body.strip("\n"))
        return bool(same) or not self.is_there


class _Composing:
    """One request to write to a customer."""

    def __init__(self, request: HttpRequest, customer: Customer) -> None:
        self.request, self.customer, self.user = request, customer, request.user
        day = PortfolioDay.objects.newest()
        self.snapshot = Snapshot.objects.filter(customer=customer, date=day.date).first() if day else None
        self.asked = request.POST if request.method == "POST" else request.GET
        self.task = _found(Task.objects.select_related("rule").filter(customer=customer), self.asked.get("task"))
        self.situation = situation_of(self.snapshot, self.task)
        self.values = merge_fields(customer, self.snapshot, sender_name(self.user))
        self.template: MailTemplate | None = None
        self.templates = list(
            MailTemplate.objects.filter(Q(active=True) | Q(pk=number_or_none(self.asked.get("template")))).order_by(
                "pk"
            )
        )
        aside = self._typed(ASIDE)
        self.aside = aside if request.method == "POST" and aside.is_there else None
        self.stale = f"Data through {day.date:%-d %b %Y}, {days_old(day.date)} days old" if _is_old(day) else ""
        self.obstacles = sending.obstacles(customer, self.user)
        self.recent = sending.last_message(customer)

    def form(self, *data: Any) -> ComposeForm:
        """The form, with the chosen template's words (or those of a message that is written anew) to begin with."""
        again = _found(self.customer.mails, self.asked.get("message"))
        chosen = self.asked.get("template", "")
        self.template = next((one for one in self.templates if str(one.pk) == chosen), None)
        if self.template is None and not chosen and self.request.method != "POST" and not again:
            fitting = (one for one in self.templates if one.situation == self.situation)
            self.template = next(fitting, None)
        words = again or self.template
        initial = {"subject": words.subject, "body": words.body} if words else {}
        return ComposeForm(*data, initial=initial, values=self.values, organization=self.customer.organization)

    def with_template(self) -> HttpResponse:
        """The chosen template's words; what was typed is put aside where it was somebody's own."""
        typed = self._typed("")
        before = next((one for one in self.templates if str(one.pk) == self.asked.get("template")), None)
        if typed.is_like(before) and self.aside:
            typed = self.aside
        self.aside = None if typed.is_like(before) else typed
        chosen = self.asked.get("choose", "")
        self.template = next((one for one in self.templates if str(one.pk) == chosen), None)
        return self.show("compose", self._form_with(self.template))

    def with_own_words(self) -> HttpResponse:
        """What was put aside, back in its place."""
        own = self.aside or self._typed("")
        self.aside = None
        self.template = next((one for one in self.templates if str(one.pk) == own.template), None)
        return self.show("compose", self._form_with(own))

    def _form_with(self, words: Any) -> ComposeForm:
        initial = {"subject": words.subject, "body": words.body} if words else {}
        return ComposeForm(initial=initial, values=self.values, organization=self.customer.organization)

    def _typed(self, prefix: str) -> "_Words":
        names = ("subject", "body", "template")
        return _Words(*(self.asked.get(f"{prefix}{name}", "").replace("\r\n", "\n") for name in names))

    def draft(self, form: ComposeForm) -> EmailDraft:
        """What a valid form says."""
        return sending.draft_email(self.customer, self.user, **form.filled, template=self.template, task=self.task)

    def show(self, name: str, form: ComposeForm, status: int = 200, **more: Any) -> HttpResponse:
        """One of the two pages."""
        text = f"{form['subject'].value() or ''}\n{form['body'].value() or ''}"
        context = {
            **admin.site.each_context(self.request),
            "title": f"Write to {self.customer.organization}",
            "customer": self.customer,
            "form": form,
            "task": self.task,
            "template": self.template,
            "templates": sorted(self.templates, key=lambda one: (one.situation != self.situation, one.pk)),
            "situation": Situation(self.situation).label,
            "fitting": self.situation,
            "placeholders": listed(self.values),
            "lacking": [] if form.is_bound else lacking(text, self.values),
            "used": used(text),
            "obstacles": self.obstacles,
            "warnings": sending.warnings(self.customer),
            "stale": self.stale,
            "aside": self.aside,
            "recent": self.recent,
            "quiet_days": sending.QUIET.days,
            "from_line": from_line(self.user),
            **more,
        }
        return TemplateResponse(self.request, f"analytics/outreach/{name}.html", context, status=status)


@admin_page("customers.view_customer", MAY_CONTACT)
def compose(request: HttpRequest, pk: str) -> HttpResponse:
    """Write to a customer: first the texts, then what they become, then it is sent."""
    composing = _Composing(request, _customer(pk))
    if request.method != "POST":
        return composing.show("compose", composing.form())
    form, action = composing.form(request.POST), request.POST.get("action")
    if action == "edit":
        return composing.show("compose", form)
    if action == "template":
        return composing.with_template()
    if action == "own":
        return composing.with_own_words()
    sent = sending.already_claimed(request.POST.get("token", "")) if action == "send" else None
    if sent and sent.customer_id == composing.customer.pk:
        return redirect("analytics:message", sent.pk)
    if not form.is_valid() or composing.obstacles:
        return composing.show("compose", form, UNPROCESSABLE)
    draft = composing.draft(form)
    if action == "send":
        return _send(composing, form, draft)
    return composing.show("preview", form, draft=draft, token=sending.sign_preview(draft))


def _send(composing: _Composing, form: ComposeForm, draft: EmailDraft) -> HttpResponse:
    """Send what was previewed, or show the preview again and say why not."""
    request = composing.request
    key = sending.verify_preview(request.POST.get("token", ""), draft)
    token, refusal = request.POST.get("token", ""), ""
    if key is None:
        token = sending.sign_preview(draft)
        refusal = "It was not sent: something has changed since this preview. Look again."
    else:
        try:
            message, ours = sending.claim_draft(draft, key, confirmed="confirmed" in request.POST)
        except sending.NotSent as error:
            refusal, composing.recent = str(error), sending.last_message(composing.customer)
            composing.obstacles = sending.obstacles(composing.customer, composing.user)
        except OperationalError:
            refusal = BUSY
        else:
            if ours:
                sending.send_message(message)
                _tell(request, message)
            return redirect("analytics:message", message.pk)
    return composing.show("preview", form, UNPROCESSABLE, draft=draft, token=token, refusal=refusal)


@admin_page("customers.view_customer", "analytics.view_message")
def message(request: HttpRequest, pk: int) -> HttpResponse:
    """A message's page; when sent, it sends the message again or records what somebody has found out."""
    found = get_object_or_404(Message.objects.select_related("customer", "sender", "template", "task"), pk=pk)
    may_contact = request.user.has_perm(MAY_CONTACT)
    if request.method == "POST":
        if not may_contact:
            raise PermissionDenied
        action = request.POST.get("action")
        if action == "again":
            _send_again(request, found)
        elif action in {"sent", "failed"}:
            sending.resolve(found, sent=action == "sent", by=request.user.get_username())
        return redirect("analytics:message", pk)
    unsent = found.state == Message.State.FAILED or found.delivery_unknown
    context = {
        **admin.site.each_context(request),
        "title": found.subject,
        "message": found,
        "customer": found.customer,
        "may_contact": may_contact,
        "unsent": unsent,
        "against": sending.may_send_again(found, request.user) if unsent and may_contact else "",
        "recent": sending.last_message(found.customer, found) if unsent and may_contact else None,
        "today": timezone.localdate(),
        **_open_task(request, found),
    }
    return TemplateResponse(request, "analytics/outreach/message.html", context)


def _open_task(request: HttpRequest, found: Message) -> dict[str, Any]:
    """The task that a sent message was written for, where it is open and the visitor may close it."""
    task = found.task
    if found.state != Message.State.SENT or task is None or task.state != Task.State.OPEN:
        return {}
    if not request.user.has_perm(settings.OWNERS_MAY):
        return {}
    return {"open_task": task, "outcome_note": task.outcome_note or f"Wrote “{found.subject}”."}


def _send_again(request: HttpRequest, found: Message) -> None:
    try:
        ours = sending.claim_again(found, request.user, confirmed="confirmed" in request.POST)
    except sending.NotSent as error:
        messages.error(request, str(error))
    except OperationalError:
        messages.error(request, BUSY)
    else:
        if ours:
            sending.send_message(found)
            _tell(request, found)


def _tell(request: HttpRequest, sent: Message) -> None:
    """Say at the top of the next page that it was sent; what went wrong stands on the message's page itself."""
    sent.refresh_from_db(fields=["state"])
    if sent.state == Message.State.SENT:
        messages.success(request, f"Sent to {sent.recipient}.")


def _customer(pk: str) -> Customer:
    return get_object_or_404(Customer.objects.select_related("care"), pk=pk)


def _is_old(day: Any) -> bool:
    return day is not None and days_old(day.date) > FRESH_DAYS


def _found(rows: Any, text: str | None) -> Any:
    """The row that an address names; None where it names none, not found where there is no such row."""
    return get_object_or_404(rows, pk=number_or_none(text)) if text else None
