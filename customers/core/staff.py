"""Staff by their roles and by what they may do: one answer for who is offered, told, and sent something."""

from enum import StrEnum

from django.contrib.auth.models import User
from django.db.models import QuerySet

# Named, because there may be others beside it, for a login by another system.
_BACKEND = "django.contrib.auth.backends.ModelBackend"


class Role(StrEnum):
    """The groups of staff, each with more permissions than the one before; ``rsolv_cs.roles`` makes them."""

    VIEWER = "Viewer"
    SUCCESS_MANAGER = "Success manager"
    PROGRAM_MANAGER = "Program manager"
    ADMINISTRATOR = "Administrator"


def staff_who_may(*permissions: str) -> QuerySet[User]:
    """Active staff with all ``permissions``, such as ``customers.view_customer``; superusers among them."""
    found = User.objects.filter(is_staff=True, is_active=True)
    for permission in permissions:
        found = found.filter(pk__in=User.objects.with_perm(permission, backend=_BACKEND).values("pk"))
    return found
