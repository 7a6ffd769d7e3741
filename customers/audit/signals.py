"""Hears saves, deletions, many-to-many changes and logins, and writes them to the audit.

``track`` declares for a model that its saves are to be recorded; each app does it for its own, when it is ready.
Loaders, scorers and other machines write by bulk statements, which send no signal: their runs are recorded instead.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ValidationError
from django.db.backends.signals import connection_created
from django.db.models import Field, ManyToManyField, Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.http import HttpRequest
from django.utils import timezone

from customers.audit import trail
from customers.audit.trail import HIDDEN, Action
from customers.models import CustomerCare, Fix, Note
from customers.models.audit import AuditEntry

MOST_FAILURES = 500
"""So many failed logins of an hour are listed, whatever addresses they come from: anybody can make more."""
_BEFORE = "_audit_before"
_LISTS = "_audit_lists"
_RIGHTS = {"is_active", "is_staff", "is_superuser"}
_hidden: dict[type[Model], frozenset[str]] = {}
_skipped: dict[type[Model], frozenset[str]] = {}


def track(model: type[Model], *, hidden: Collection[str] = (), skipped: Collection[str] = ()) -> None:
    """Record each save and deletion of a model: of ``hidden`` fields not the values, of ``skipped`` ones nothing."""
    _hidden[model], _skipped[model] = frozenset(hidden), frozenset(skipped)
    name = f"audit.{model._meta.label_lower}"
    pre_save.connect(_look_before, sender=model, dispatch_uid=f"{name}.before")
    post_save.connect(_saved, sender=model, dispatch_uid=f"{name}.saved")
    post_delete.connect(_deleted, sender=model, dispatch_uid=f"{name}.deleted")
    for each in model._meta.local_many_to_many:
        m2m_changed.connect(_hears_list(each), sender=each.remote_field.through, weak=False, dispatch_uid=str(each))


def recorded_fields(model: type[Model]) -> list["Field[Any, Any]"]:
    """The columns of a model whose changes are somebody's doing."""
    skipped = _skipped.get(model, frozenset())
    return [each for each in model._meta.concrete_fields if each.name not in skipped]


def register() -> None:
    """Hear all that this app and Django's logins have to tell."""
    track(User, hidden=["password"], skipped=["last_login"])
    track(Group)
    track(CustomerCare)
    track(Note)
    # The text is a customer's, and the row that keeps it is there to be read.
    track(Fix, hidden=["raw", "cells"])
    user_logged_in.connect(_logged_in, dispatch_uid="audit.logged_in")
    user_logged_out.connect(_logged_out, dispatch_uid="audit.logged_out")
    user_login_failed.connect(_login_failed, dispatch_uid="audit.login_failed")
    connection_created.connect(_tell_sqlite, dispatch_uid="audit.tell_sqlite")


# --- Rows ---------------------------------------------------------------------------------------------------------


def _values(row: Model) -> dict[str, Any]:
    """A row's values by column."""
    return {each.attname: getattr(row, each.attname) for each in recorded_fields(type(row))}


def _look_before(sender: type[Model], instance: Model, **_kwargs: Any) -> None:
    """Keep what the database has, before it is written over."""
    found = None if instance.pk is None else sender._base_manager.filter(pk=instance.pk).first()
    setattr(instance, _BEFORE, _values(found) if found is not None else None)


def _saved(
    sender: type[Model], instance: Model, created: bool, update_fields: Collection[str] | None = None, **_kwargs: Any
) -> None:
    before = instance.__dict__.pop(_BEFORE, None) or {}
    written = [
        each
        for each in recorded_fields(sender)
        if update_fields is None or each.name in update_fields or each.attname in update_fields
    ]
    changes = _changes(sender, written, before, _values(instance))
    if created or changes:
        trail.record(_action(sender, created, changes), instance, changes=changes)


def _deleted(sender: type[Model], instance: Model, **_kwargs: Any) -> None:
    trail.record(Action.DELETE, instance, changes=_changes(sender, recorded_fields(sender), _values(instance), {}))


def _changes(
    model: type[Model], fields: Collection["Field[Any, Any]"], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """The fields that differ, with both values; a value that is not to be seen only says that it is another one."""
    found = {}
    for each in fields:
        was, now = before.get(each.attname), after.get(each.attname)
        if each.primary_key and not each.is_relation:
            continue
        if _same(each, was, now):
            continue
        if each.name in _hidden[model]:
            found[trail.name_of(each)] = (was and HIDDEN, now and (f"another, {HIDDEN}" if was else HIDDEN))
            continue
        both = trail.shown(each, was), trail.shown(each, now)
        if both[0] != both[1]:
            found[trail.name_of(each)] = both
    return found


def _same(field: "Field[Any, Any]", was: Any, now: Any) -> bool:
    """Whether two values are stored alike: a caller may give a date's text where the database gives the date."""
    if was == now or None in (was, now):
        return was == now
    try:
        return bool(field.to_python(was) == field.to_python(now))
    except ValidationError:
        return False


def _action(model: type[Model], created: bool, changes: Mapping[str, Any]) -> Action:
    if created:
        return Action.ADD
    rights = {trail.name_of(model._meta.get_field(name)) for name in _RIGHTS} if model is User else set()
    return Action.RIGHTS if rights & changes.keys() else Action.CHANGE


# --- Many to many -------------------------------------------------------------------------------------------------


def _hears_list(field: "ManyToManyField[Any, Any]") -> Any:
    """Hears a relation from either of its sides, and tells it of the side that declares it."""

    def hear(instance: Any, action: str, reverse: bool, pk_set: set[Any] | None, **_kwargs: Any) -> None:
        if action.startswith("pre_"):
            owners = [instance]
            if reverse:
                rows = field.model._base_manager
                found = rows.filter(**{field.name: instance}) if pk_set is None else rows.filter(pk__in=pk_set)
                owners = list(found)
            setattr(instance, _LISTS, [(owner, _names(owner, field)) for owner in owners])
            return
        for owner, before in instance.__dict__.pop(_LISTS, []):
            after = _names(owner, field)
            if before != after:
                what = Action.RIGHTS if field.model in (User, Group) else Action.CHANGE
                trail.record(what, owner, changes={trail.name_of(field): (before, after)})

    return hear


def _names(owner: Model, field: "ManyToManyField[Any, Any]") -> list[str]:
    return trail.names_in(getattr(owner, field.name).all())


# --- Logins -------------------------------------------------------------------------------------------------------


def _logged_in(user: Any, **_kwargs: Any) -> None:
    trail.record(Action.LOGIN, user, actor=user.get_username())


def _logged_out(user: Any, **_kwargs: Any) -> None:
    if user is not None:
        trail.record(Action.LOGOUT, user, actor=user.get_username())


def _login_failed(credentials: Mapping[str, Any], request: HttpRequest | None = None, **_kwargs: Any) -> None:
    """Keep a name only where it is somebody's: people type passwords into the wrong field.

    What a lock stopped is for who locks to count: anybody can send any number of those.
    """
    if getattr(request, "axes_locked_out", False):
        return
    name = str(credentials.get("username") or "").replace("\0", "")
    known = User.objects.filter(username=name).first() if name else None
    record_failed_login(known or "no login of that name")


def record_failed_login(about: Model | str, detail: str = "") -> None:
    """Write an entry of what needs no login to happen, unless there were too many within the hour."""
    now = timezone.now()
    # Those of a clock that was ahead are of no hour.
    of_the_hour = AuditEntry.objects.filter(action=Action.LOGIN_FAILED, at__range=(now - timedelta(hours=1), now))
    lately = of_the_hour[:MOST_FAILURES].count()
    if lately < MOST_FAILURES:
        last = "No more of this hour are listed." if lately == MOST_FAILURES - 1 else ""
        trail.record(Action.LOGIN_FAILED, about, actor="", detail="\n".join(filter(None, [detail, last])))


def _tell_sqlite(connection: Any, **_kwargs: Any) -> None:
    """The triggers of SQLite ask this process, and refuse where there is nobody to ask."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(trail.OPEN, 0, trail.is_open)
