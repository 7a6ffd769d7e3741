"""An email of a playbook that waits for a person: previewed, changed, sent once, or skipped."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.models import Deferral, MailTemplate, Message, PlaybookRun, PlaybookStepRun
from analytics.outreach import sending
from analytics.outreach.draft import EmailDraft, with_signature
from analytics.outreach.forms import ComposeForm
from analytics.outreach.languages import Versions, language_of_words
from analytics.playbooks.emails import filled
from customers.audit.trail import update_rows
from customers.clock import program_today
from customers.core.people import name_of_login
from customers.models import Customer
from customers.text.say import say

State = PlaybookStepRun.State
GONE = _("This email no longer waits: somebody has sent or skipped it, or its playbook is over.")


@dataclass(frozen=True)
class ToApprove:
    """An email as ``author`` would send it; without a ``draft`` the form says what is wrong with the words."""

    form: ComposeForm
    draft: EmailDraft | None

    @property
    def token(self) -> str:
        """Return what sends exactly this email, once."""
        return sending.sign_preview(self.draft) if self.draft else ""


def is_waiting(email: PlaybookStepRun) -> bool:
    """Return whether an email still waits for a person."""
    return email.state == State.WAITING and email.run.state == PlaybookRun.State.RUNNING


def template_of(email: PlaybookStepRun) -> MailTemplate | None:
    """Return the template of an email in the customer's language, as far as there is one."""
    template = email.step.template if email.step else None
    return Versions(template).of(email.run.customer) if template else None


def as_sent(email: PlaybookStepRun, author: User, template: MailTemplate | None, subject: str, body: str) -> ToApprove:
    """Return what words, which began with a template, become for the customer."""
    customer = email.run.customer
    form = filled(customer, author, subject, body, language_of_words(template, customer))
    if not form.is_valid() or sending.obstacles(customer, author):
        return ToApprove(form, None)
    text = with_signature(form.filled["body"], author)
    to = sending.addressees(customer)[0].email
    draft = sending.draft_email(customer, author, form.filled["subject"], text, template=template, to=to)
    return ToApprove(form, draft)


def deferred(customer: Customer) -> list[str]:
    """Return that somebody has snoozed or dismissed the customer meanwhile, if anybody has."""
    aside = Deferral.objects.standing().filter(customer=customer).first()
    if aside is None or (aside.until and aside.until <= program_today()):
        return []
    by = name_of_login(aside.created_by)
    if aside.until:
        return [say("Snoozed until {day}, by {name}.", day=aside.until, name=by)]
    return [say("Dismissed: {reason}, by {name}.", reason=aside.get_reason_display(), name=by)]


def approve(email: PlaybookStepRun, draft: EmailDraft, key: str, *, confirmed: bool) -> Message | None:
    """Record that an email is sent; None where it no longer waits. ``NotSent`` says why it may not be sent.

    Whoever gets it sends it.
    """
    with transaction.atomic():
        if not _settle(email, State.DONE, draft.author):
            return None
        message, is_ours = sending.claim_draft(draft, key, confirmed=confirmed)
        PlaybookStepRun.objects.filter(pk=email.pk).update(message=message)
    return message if is_ours else None


def skip(email: PlaybookStepRun, by: User) -> bool:
    """Skip an email; False where it no longer waits."""
    with transaction.atomic():
        return _settle(email, State.SKIPPED, by)


def _settle(email: PlaybookStepRun, state: PlaybookStepRun.State, by: User) -> bool:
    """Store what a person has decided; the run's row is locked first, as all do who look at its steps."""
    list(PlaybookRun.objects.select_for_update().filter(pk=email.run_id).values_list("pk"))
    still = PlaybookStepRun.objects.filter(pk=email.pk, state=State.WAITING, run__state=PlaybookRun.State.RUNNING)
    login = by.get_username()
    return update_rows(still, state=state, note="", done_at=timezone.now(), done_by=login) == 1
