"""The roles of staff, and who may do what. The permissions of each role are in ``rsolv_cs.roles``."""

from enum import StrEnum

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_noop

# Named, because there may be others beside it, for a login by another system.
_BACKEND = "django.contrib.auth.backends.ModelBackend"


class Role(StrEnum):
    """The groups of staff, each with more permissions than the one before; pages say it by ``gettext``."""

    VIEWER = gettext_noop("Viewer")
    SUCCESS_MANAGER = gettext_noop("Success manager")
    PROGRAM_MANAGER = gettext_noop("Program manager")
    ADMINISTRATOR = gettext_noop("Administrator")


def role_label(name: str) -> str:
    """Return what pages call a role: one of ours in the reader's language, another one as it was named."""
    return gettext(name) if name in set(Role) else name


def staff_who_may(*permissions: str) -> QuerySet[User]:
    """Return active staff with all ``permissions`` (``customers.view_customer``, say), superusers among them.

    They are people: accounts of programs are not among them.
    """
    found = User.objects.filter(is_staff=True, is_active=True, service_account=None)
    for permission in permissions:
        found = found.filter(pk__in=User.objects.with_perm(permission, backend=_BACKEND).values("pk"))
    return found
