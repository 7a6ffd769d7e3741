"""The last who may manage users: nobody takes that away, for nobody could give it back."""

from collections.abc import Iterable

from django.contrib.auth.models import Group, User
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.core.roles import staff_who_may

MANAGES = "auth.change_user"
REASON = _("Nobody else could manage users then. Make somebody else an Administrator first.")


def are_last(people: Iterable[User]) -> bool:
    """Return whether these people may manage users, and nobody else who can log in may."""
    managing = staff_who_may(MANAGES).exclude(Q(invitation__isnull=False) & Q(invitation__joined_at=None))
    keys = set(managing.values_list("pk", flat=True))
    chosen = {person.pk for person in people}
    return bool(keys & chosen) and keys <= chosen


def may_manage(*, is_active: bool, is_staff: bool, is_superuser: bool, roles: Iterable[Group]) -> bool:
    """Return whether an account with these rights may manage users."""
    holds = Q(permissions__content_type__app_label="auth", permissions__codename="change_user")
    keys = [role.pk for role in roles]
    return is_active and is_staff and (is_superuser or Group.objects.filter(holds, pk__in=keys).exists())
