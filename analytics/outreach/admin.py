"""The templates of mails to customers, with what they become; the people there; and the mails, to be read."""

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, TextField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from analytics.mail.message import mail_address
from analytics.models import Contact, MailTemplate, Message, PortfolioDay, Snapshot
from analytics.models.placeholders import body_faults, fill, lacking, listed, subject_faults
from analytics.outreach.draft import sender_name
from analytics.outreach.merge_fields import merge_fields
from analytics.outreach.situations import situation_of
from customers.audit import trail
from customers.core.pages import user_of
from customers.editing.model_admin import ModelAdmin, ReadOnlyAdmin
from customers.text.addresses import mailbox
from customers.text.numbers import number_or_none
from customers.text.written import moment

SAMPLES = 200
"""As many customers are looked through for one whom a template fits."""


@admin.register(MailTemplate)
class MailTemplateAdmin(ModelAdmin):
    """What to write in each situation; a placeholder that is none is refused."""

    nothing_yet = _("Templates save you from writing the same email twice.")
    list_display = ["name", "situation", "subject", "active", "language"]
    list_filter = ["situation", "active"]
    search_fields = ["name", "subject", "body"]
    formfield_overrides = {TextField: {"widget": UnfoldAdminTextareaWidget({"rows": 14})}}  # type: ignore[misc, assignment]  # unfold sets it on itself
    change_form_outer_after_template = "analytics/outreach/template_tools.html"  # type: ignore[assignment]  # None there

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str | list[str]]:
        """Begin in the language that most people here write."""
        return {"language": str(settings.OFFERED_LANGUAGES[0]), **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Model, form: forms.Form, change: bool) -> None:
        """Store the template; its translations go with it into another situation."""
        super().save_model(request, obj, form, change)
        if isinstance(obj, MailTemplate):
            trail.update_rows(obj.translations.exclude(situation=obj.situation), situation=obj.situation)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, object],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: MailTemplate | None = None,
    ) -> HttpResponse:
        """Show the form, the list of placeholders, and the template as stored, filled for a customer whom it fits."""
        stored = MailTemplate.objects.get(pk=obj.pk) if obj else None
        context |= {"placeholders": listed(), **(_sample(stored, request) if stored else {})}
        return super().render_change_form(request, context, add, change, form_url, obj)


def _sample(template: MailTemplate, request: HttpRequest) -> dict[str, object]:
    """Return the preview; a text that cannot be filled has none."""
    day = PortfolioDay.objects.newest()
    if day is None or subject_faults(template.subject) or body_faults(template.body):
        return {}
    newest = Snapshot.objects.filter(date=day.date).select_related("customer").order_by("pk")
    asked = request.GET.get("sample", "").replace("\0", "")
    found = newest.filter(customer_id=asked).first() if asked else None
    if found is None:
        some = list(newest.by_urgency(descending=template.situation == "milestone")[:SAMPLES])
        found = next((one for one in some if situation_of(one) == template.situation), some[0] if some else None)
    if found is None:
        return {}
    values = merge_fields(found.customer, found, sender_name(user_of(request)), template.language)
    return {
        "sample": found.customer,
        "sample_asked": asked,
        "sample_subject": fill(template.subject, values),
        "sample_body": fill(template.body, values),
        "sample_lacks": lacking(f"{template.subject}\n{template.body}", values),
    }


class ContactForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """A person at a customer; the address is one that a mail can go to."""

    def clean_email(self) -> str:
        """Return the address as mails name it; refuse what is none."""
        try:
            return mail_address(self.cleaned_data["email"].strip())
        except ValueError as error:
            raise forms.ValidationError(f"{error}.") from None

    def clean(self) -> None:
        """Refuse an address that the customer has already."""
        super().clean()
        said = self.cleaned_data
        customer, email = said.get("customer") or getattr(self.instance, "customer", None), said.get("email")
        if customer and email:
            others = Contact.objects.filter(customer=customer).exclude(pk=self.instance.pk)
            known = [customer.email, *others.values_list("email", flat=True)]
            if mailbox(email) in map(mailbox, known):
                self.add_error("email", gettext("This customer has this address already."))


@admin.register(Contact)
class ContactAdmin(ModelAdmin):
    """The people at the customers."""

    nothing_yet = _("Contacts are the people at your customers, beside the address of the feed.")
    form = ContactForm
    list_display = ["name", "customer", "email", "role", "is_primary"]
    fields = ["customer", "name", "email", "role", "is_primary"]
    list_select_related = ["customer"]
    search_fields = ["name", "email", "role", "customer__organization", "=customer__id"]
    autocomplete_fields = ["customer"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Keep the customer of a contact that is stored."""
        return ["customer"] if obj else []

    def save_model(self, request: HttpRequest, obj: Model, form: forms.Form, change: bool) -> None:
        """Store the contact; where it is the primary one, no other of the customer is."""
        super().save_model(request, obj, form, change)
        if isinstance(obj, Contact) and obj.is_primary:
            others = Contact.objects.filter(customer=obj.customer_id, is_primary=True).exclude(pk=obj.pk)
            trail.update_rows(others, is_primary=False)

    def response_post_save_add(self, request: HttpRequest, obj: Contact) -> HttpResponseRedirect:
        """Lead to the customer."""
        return redirect("analytics:customer", obj.customer_id)

    def response_post_save_change(self, request: HttpRequest, obj: Contact) -> HttpResponseRedirect:
        """Lead to the customer."""
        return redirect("analytics:customer", obj.customer_id)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """All mails to customers."""

    nothing_yet = _("Emails appear here when somebody writes to a customer.")
    list_display = ["subject", "customer", "state_label", "author", "when", "recipient"]
    list_filter = ["state", "sent_by", "template"]
    list_select_related = ["customer", "sender"]
    search_fields = ["subject", "body", "recipient", "sent_by", "customer__organization", "=customer__id"]

    @display(
        description=_("state"),  # type: ignore[arg-type]  # unfold declares a str, and takes a lazy text
        ordering="state",
        label={
            Message.State.SENT.value: "success",
            Message.State.FAILED.value: "danger",
            Message.State.SENDING.value: "info",
            Message.State.SCHEDULED.value: "info",
            Message.State.CANCELED.value: "default",
            "unsure": "warning",
        },
    )
    def state_label(self, message: Message) -> tuple[str, str]:
        """Say what became of the message, as a pill."""
        return ("unsure" if message.delivery_unknown else message.state), message.state_in_words

    @admin.display(description=_("date"), ordering="attempted_at")
    def when(self, message: Message) -> str:
        """Say when the mail server was last asked, or will be, in one line."""
        waits = message.state == Message.State.SCHEDULED and message.send_at
        return moment(waits or message.attempted_at).replace(" ", "\u00a0")

    @admin.display(description=pgettext_lazy("a column: by whom", "by"), ordering="sent_by")
    def author(self, message: Message) -> str:
        """Say who wrote the message."""
        return message.author

    def change_view(self, request: HttpRequest, object_id: str, *_args: object, **_kwargs: object) -> HttpResponse:
        """Lead to the message's page, which is no page of the admin."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        pk = number_or_none(unquote(object_id))
        return redirect("analytics:message", pk) if pk is not None else redirect("admin:analytics_message_changelist")
