"""The roles that a provider's claim gives: they are set at every login, so that what is taken there is taken here."""

import logging

from django.conf import settings
from django.contrib.auth.models import Group, User

from customers.audit import trail
from customers.text.say import english
from rsolv_cs.login import own_sessions
from rsolv_cs.people import guard
from rsolv_cs.sso.claims import Told

logger = logging.getLogger(__name__)


def are_given_by_claim() -> bool:
    """Return whether the provider says who has which role; else Administrators do, here."""
    return bool(settings.OIDC_ROLE_CLAIM)


def granted(told: Told) -> list[Group]:
    """Return the roles that the claim gives somebody."""
    names = {name.lower() for value, name in settings.OIDC_ROLES.items() if value in told.role_values}
    if not names:
        return []
    found = [role for role in Group.objects.order_by("pk") if role.name.lower() in names]
    if missing := len(names) - len(found):
        logger.error("OIDC_ROLES names %d roles that a login has and this database does not", missing)
    return found


def apply(user: User, roles: list[Group]) -> None:
    """Give a user these roles and no others; where that changes anything, the sessions of before end.

    So may the last who manages users lose that, which log and audit say: the provider alone can give it back.
    """
    if set(user.groups.all()) == set(roles):
        return
    was_last = guard.are_last([user])
    user.groups.set(roles)
    if was_last and not guard.are_last([user]):
        logger.warning("The provider took user %s the last role that may manage users: nobody has it now", user.pk)
        said = english("The provider gives another role, and nobody is left who may manage users")
        trail.record(trail.Action.RIGHTS, user, detail=said)
    if ended := own_sessions.end_all(user):
        said = english(f"{ended} session{'' if ended == 1 else 's'} ended, because the provider gives other roles")
        trail.record(trail.Action.LOGOUT, user, detail=said)
