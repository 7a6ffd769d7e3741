"""Inviting a member of staff: an account without a password, and a mail with a link to choose one."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.mail import message, outbox
from analytics.mail.compose import language_of, render_email
from analytics.mail.post import SmtpSession
from analytics.models import Invitation
from analytics.outreach.draft import sender_name
from customers.audit import trail
from customers.text.say import english, in_english
from rsolv_cs.people.links import InvitationLinks
from rsolv_cs.sso.discovery import label

LINKS = InvitationLinks()
_NO_MAIL = _("No email can be sent from here, because EMAIL_URL is not set.")


@dataclass(frozen=True)
class NewAccount:
    """What an invitation asks for."""

    name: str
    email: str
    login: str
    role: Group


@dataclass(frozen=True)
class MailOutcome:
    """What became of an invitation's mail: '' or why it was not sent, and the link to hand over instead."""

    error: str
    link: str


def create(new: NewAccount, by: User) -> Invitation:
    """Make the account of a member of staff, who cannot log in before choosing a password."""
    first, _blank, last = new.name.rpartition(" ") if " " in new.name else (new.name, "", "")
    with transaction.atomic():
        user = User(username=new.login, first_name=first, last_name=last, email=new.email, is_staff=True)
        user.set_unusable_password()
        user.save(force_insert=True)
        user.groups.add(new.role)
        return Invitation.objects.create(user=user, invited_by=by.get_username())


def send(invitation: Invitation, by: User, site: str) -> MailOutcome:
    """Mail a fresh link, which makes the one before worthless; ``site`` is where people find the pages."""
    now = timezone.now()
    # The moment is a part of the link: two mails of one moment would have the same one.
    moment = max(now, invitation.invited_at + timedelta(microseconds=1))
    if not outbox.claim(invitation, now, invited_at=moment, invited_by=by.get_username()):
        return MailOutcome(gettext("Somebody else is sending it at this moment."), "")
    invitation.refresh_from_db()
    user = invitation.user
    # Where nobody has a password, the first login by the provider takes the invitation.
    link = f"{site}{reverse('sso') if settings.OIDC_ONLY else LINKS.path_for(user)}"
    if not message.is_on():
        with in_english(), transaction.atomic():
            outbox.record(invitation, outbox.Outcome(outbox.Result.REFUSED, str(_NO_MAIL)))
            trail.record(
                trail.Action.MAIL, user, detail=english("Invitation made; no email is set up, the link was shown")
            )
        return MailOutcome(str(_NO_MAIL), link)
    context = {"greeting": sender_name(user), "by": sender_name(by), "login": user.get_username(), "link": link}
    with language_of(user):
        context["provider"] = label() if settings.OIDC_ONLY else ""
        subject = gettext("Your invitation to RSOLV Customer Success")
        mail = render_email("invitation", subject, {**context, "days": settings.INVITATION_DAYS})
    session = SmtpSession()
    outcome = outbox.deliver(
        invitation,
        lambda: session.send(mail.addressed(user.email, f"invitation-{invitation.pk}-{moment.timestamp():.6f}")),
        audit=lambda: trail.record(trail.Action.MAIL, user, detail=english(f"Invitation sent to {user.email}")),
    )
    session.close()
    return MailOutcome(outcome.reason, link if outcome.reason else "")


def withdraw(invitation: Invitation) -> bool:
    """Take an invitation back, and with it the account that nobody has used; False where somebody has joined."""
    with transaction.atomic():
        found = Invitation.objects.select_for_update().filter(pk=invitation.pk, joined_at=None).first()
        if found is None:
            return False
        found.user.delete()
        return True


def joined(user: User) -> None:
    """Note that somebody has joined by their invitation."""
    Invitation.objects.filter(user=user).update(joined_at=timezone.now())
    trail.record(trail.Action.RIGHTS, user, actor=user.get_username(), detail=english("Joined by the invitation"))
