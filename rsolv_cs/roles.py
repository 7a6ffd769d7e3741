"""The roles, as groups: each may do what the one before it may, and more. Kept in step after every migration."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

VIEWER = "Viewer"
SUCCESS_MANAGER = "Success manager"
PROGRAM_MANAGER = "Program manager"
ADMINISTRATOR = "Administrator"

_APPS = ("customers", "analytics")


def _permissions() -> dict[str, QuerySet[Permission]]:
    every = Permission.objects.filter(content_type__app_label__in=_APPS)
    view = Q(codename__startswith="view_")
    act = view | Q(codename__in=["change_customercare", "add_customercare", "export_customer", "contact_customer"])
    steer = act | Q(content_type__model__in=["scoringpolicy", "mailtemplate"])
    steer |= Q(codename__in=["undo_importrun", "fix_quarantinedrow"])
    return {
        VIEWER: every.filter(view),
        SUCCESS_MANAGER: every.filter(act),
        PROGRAM_MANAGER: every.filter(steer),
        ADMINISTRATOR: Permission.objects.filter(
            Q(content_type__app_label="auth", content_type__model__in=["user", "group"])
        )
        | every.filter(steer),
    }


def sync(**_options: Any) -> None:
    """Create the groups where they lack, and set their permissions."""
    for name, permissions in _permissions().items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.set(permissions)
