"""Whose account it is: by the provider's lasting name for a person, and by the address at the first login alone."""

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from analytics.models import Invitation
from customers.audit import trail
from customers.models import ProviderIdentity, ServiceAccount
from customers.text.say import english
from rsolv_cs.login import own_sessions
from rsolv_cs.people import invitations
from rsolv_cs.sso import roles
from rsolv_cs.sso.claims import LONGEST_NAME, Told
from rsolv_cs.sso.refusal import Refused, Why


def account_of(told: Told) -> User:
    """Return the account, with the roles that it has now; raises ``Refused`` where nobody may log in."""
    try:
        user = _settled(told)
    except IntegrityError:
        # The same person has just logged in for the first time, in another tab.
        user = _settled(told)
    if roles.are_given_by_claim() and not user.groups.exists() and not user.is_superuser:
        raise Refused(Why.NO_ROLE, english("the claim gives no role"), user)
    return user


@transaction.atomic
def unlink(user: User) -> None:
    """End the link of an account to its person at the provider, and its sessions."""
    for identity in ProviderIdentity.objects.filter(user=user):
        identity.delete()
        trail.record(trail.Action.RIGHTS, user, detail=english(f"Unlinked from {identity.issuer}"))
    own_sessions.end_all(user)


@transaction.atomic
def _settled(told: Told) -> User:
    granted = roles.granted(told) if roles.are_given_by_claim() else []
    known = ProviderIdentity.objects.select_related("user").filter(issuer=told.issuer, subject=told.subject).first()
    user = known.user if known else _first_seen(told, granted)
    if not (user.is_active and user.is_staff):
        raise Refused(Why.CLOSED, english("the account is deactivated or not of staff"), user)
    if roles.are_given_by_claim():
        roles.apply(user, granted)
    _follow(user, told)
    return user


def _first_seen(told: Told, granted: list[Group]) -> User:
    """Return the account that somebody gets at their first login: the one they were invited to, or a new one."""
    found = list(User.objects.filter(email__iexact=told.email)[:2])
    if roles.are_given_by_claim() and not granted:
        raise Refused(Why.NO_ROLE, english("the claim gives no role"), found[0] if found else None)
    if not found and not roles.are_given_by_claim():
        raise Refused(Why.OUTSIDER, english("there is no account of that address, and no claim that gives roles"))
    user = _linkable(found, told) if found else _created(told)
    ProviderIdentity.objects.create(user=user, issuer=told.issuer, subject=told.subject)
    trail.record(trail.Action.RIGHTS, user, detail=english(f"Linked to {told.issuer}"))
    if Invitation.objects.filter(user=user, joined_at=None).exists():
        invitations.joined(user)
    return user


def _linkable(found: list[User], told: Told) -> User:
    """Return the account of an address, if the address alone is enough to have it."""
    user = found[0]
    if not user.is_active:
        raise Refused(Why.CLOSED, english("the account is deactivated or not of staff"), user)
    if len(found) > 1:
        raise Refused(Why.TAKEN, english("several accounts have that address"), user)
    if ServiceAccount.objects.filter(user=user).exists():
        raise Refused(Why.TAKEN, english("the account is a program's"), user)
    if user.is_superuser:
        raise Refused(Why.TAKEN, english("the account is a superuser's, which no address gives"), user)
    if ProviderIdentity.objects.filter(user=user, issuer=told.issuer).exists():
        raise Refused(Why.TAKEN, english("the account is linked to another person of the provider"), user)
    if user.has_usable_password() and not settings.OIDC_LINK_ACCOUNTS:
        raise Refused(Why.PASSWORD, english("the account has a password, and OIDC_LINK_ACCOUNTS is not set"), user)
    return user


def _created(told: Told) -> User:
    login = wanted = told.email.lower()[:LONGEST_NAME]
    number = 1
    while User.objects.filter(username__iexact=login).exists():
        number += 1
        login = f"{wanted[: LONGEST_NAME - 6]}-{number}"
    user = User(username=login, email=told.email, first_name=told.first_name, last_name=told.last_name, is_staff=True)
    user.set_unusable_password()
    user.save(force_insert=True)
    return user


def _follow(user: User, told: Told) -> None:
    """Take over another address of the same person, unless somebody else has it; and a name where there is none."""
    changed = []
    is_others = User.objects.filter(email__iexact=told.email).exclude(pk=user.pk).exists()
    if user.email != told.email and not is_others:
        user.email = told.email
        changed.append("email")
    if not (user.first_name or user.last_name) and (told.first_name or told.last_name):
        user.first_name, user.last_name = told.first_name, told.last_name
        changed += ["first_name", "last_name"]
    if changed:
        user.save(update_fields=changed)
