"""The emails of playbooks: what keeps them from customers, and those that go by themselves."""

from collections.abc import Collection
from datetime import date
from hashlib import sha256

from django.contrib.auth.models import User

from analytics.models import Deferral, MailTemplate, Message, PlaybookStepRun, Snapshot
from analytics.outreach import sending
from analytics.outreach.draft import sender_name, with_signature
from analytics.outreach.forms import ComposeForm, as_typed
from analytics.outreach.languages import Versions
from analytics.outreach.merge_fields import merge_fields
from analytics.outreach.scheduled import next_office_hour
from analytics.outreach.whom import customers_closed, customers_with_scheduled, customers_written_to
from customers.models import Customer
from customers.text.say import english
from customers.text.written import day

State = PlaybookStepRun.State
WRITTEN = english(f"Somebody wrote to them within the last {sending.QUIET.days} days")
ALONE = english("It does not go by itself: ")


class Emails:
    """Emails of one template to customers, about all of whom is asked once what is against writing to them."""

    def __init__(self, template: MailTemplate, customers: Collection[Customer], today: date) -> None:
        self._versions, self._today = Versions(template), today
        keys = [one.pk for one in customers]
        self._closed = customers_closed(customers)
        self._aside = {one.customer_id: one for one in Deferral.objects.standing().filter(customer__in=keys)}
        self._written = customers_written_to(customers)
        self._scheduled = customers_with_scheduled(keys)

    def against(self, customer: Customer) -> tuple[PlaybookStepRun.State, str] | None:
        """Return what keeps the emails of any playbook from a customer for now, or for good."""
        if customer.pk in self._closed:
            return State.SKIPPED, english("Do not contact")
        aside = self._aside.get(customer.pk)
        if aside and aside.until is None:
            return State.SKIPPED, english(f"Dismissed: {aside.get_reason_display()}")
        if aside and aside.until and aside.until > self._today:
            return State.HELD, english(f"Snoozed until {day(aside.until)}")
        if customer.pk in self._written:
            return State.HELD, WRITTEN
        return (State.HELD, english("An email to them is scheduled")) if customer.pk in self._scheduled else None

    def queue(
        self, customer: Customer, owner: User | None, once: str
    ) -> tuple[PlaybookStepRun.State, str, Message | None]:
        """Schedule the email in the owner's name for the next office hour, unless a person is needed.

        The same ``once`` schedules one email, however often it is asked.
        """
        if owner is None or not owner.has_perm(sending.MAY_CONTACT):
            return State.WAITING, english(f"{ALONE}there is no owner who may write to customers"), None
        template = self._versions.of(customer)
        form = filled(customer, owner, template.subject, template.body, template.language)
        if not form.is_valid():
            return State.WAITING, english(f"{ALONE}a placeholder of its template has no value"), None
        if sending.obstacles(customer, owner):
            return State.WAITING, english(f"{ALONE}an address is missing, or email is switched off"), None
        body = with_signature(form.filled["body"], owner)
        to = sending.addressees(customer)[0].email
        draft = sending.draft_email(customer, owner, form.filled["subject"], body, template=template, to=to)
        key = sha256(once.encode()).hexdigest()[:32]
        try:
            message, _ours = sending.claim_draft(draft, key, confirmed=False, send_at=next_office_hour())
        except sending.WrittenRecently:
            return State.HELD, WRITTEN, None
        except sending.NotSent:
            return State.WAITING, english(f"{ALONE}something is against it"), None
        return State.DONE, "", message


def filled(customer: Customer, author: User, subject: str, body: str, language: str) -> ComposeForm:
    """Return the form of an email with these words, filled in for the customer as of the newest scored date."""
    snapshot = Snapshot.objects.filter(customer=customer).order_by("-date").first()
    values = merge_fields(customer, snapshot, sender_name(author), language)
    return ComposeForm(as_typed(subject, body), values=values, organization=customer.organization)
