"""The permissions of each role of ``customers.core.roles``, as groups; kept in step after every migration.

Each role may do what the one before it may, and more.
"""

from contextlib import nullcontext

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from customers.audit import trail
from customers.core.roles import Role
from customers.text.say import english

_APPS = ("customers", "analytics")


def _permissions() -> dict[str, QuerySet[Permission]]:
    every = Permission.objects.filter(content_type__app_label__in=_APPS)
    audits = Q(codename__in=["view_auditentry", "export_auditentry"])
    # Whom an erasure was of is known to nobody, and that there was one concerns those alone who may erase.
    erasures = Q(codename__in=["view_erasure", "erase_customer"])
    # What lets programs in, and what lets data out, is an administrator's.
    tokens = Q(content_type__model__in=["apitoken", "webhookendpoint", "webhookdelivery"])
    destinations = Q(content_type__model__in=["destination", "push"])
    pushes = destinations & (Q(codename__startswith="view_") | Q(codename="push_destination"))
    view = Q(codename__startswith="view_") & ~audits & ~erasures & ~tokens & ~destinations
    by_hand = ["change_customercare", "add_customercare", "add_note", "export_customer", "act_on_alert"]
    by_hand += ["add_task", "change_task", "contact_customer", "add_report", "change_report", "delete_report"]
    by_hand += ["add_board", "change_board", "delete_board", "add_deferral"]
    by_hand += ["add_contact", "change_contact", "delete_contact", "act_on_playbookrun"]
    act = view | Q(codename__in=by_hand)
    imports = Q(codename__in=["undo_importrun", "upload_importrun", "fix_quarantinedrow", "delete_fix"])
    rules = Q(content_type__model__in=["scoringpolicy", "recommendationrule", "mailtemplate", "alertrule"])
    rules |= Q(content_type__model__in=["playbook", "playbookstep"])
    steer = act | rules | imports | pushes | Q(codename__in=["manage_every_report", "join_customer"])
    return {
        Role.VIEWER: every.filter(view),
        Role.SUCCESS_MANAGER: every.filter(act),
        Role.PROGRAM_MANAGER: every.filter(steer),
        Role.ADMINISTRATOR: Permission.objects.filter(
            Q(content_type__app_label="auth", content_type__model__in=["user", "group"])
            | Q(codename__in=["view_accessattempt", "delete_accessattempt"])
        )
        | every.filter(steer | audits | erasures | tokens | destinations | Q(codename="delete_note")),
    }


def sync(**_options: object) -> None:
    """Create the groups where they lack, and set their permissions; what that changes goes into the audit."""
    _name_permissions()
    # A migration may lead to a time before the audit.
    with nullcontext() if trail.is_ready() else trail.suspended():
        for name, permissions in _permissions().items():
            group, _created = Group.objects.get_or_create(name=name)
            group.permissions.set(permissions)


def _name_permissions() -> None:
    """Name permissions by what the pages call their rows; Django keeps what a row was called at first."""
    nouns = {
        f"{model._meta.app_label}.{action}_{model._meta.model_name}": english(
            f"Can {action} {model._meta.verbose_name_raw}"
        )
        for model in apps.get_models()
        for action in model._meta.default_permissions
    }
    renamed = []
    for permission in Permission.objects.select_related("content_type"):
        key = f"{permission.content_type.app_label}.{permission.codename}"
        name = nouns.get(key, permission.name)
        if name != permission.name:
            permission.name = name
            renamed.append(permission)
    Permission.objects.bulk_update(renamed, ["name"])
