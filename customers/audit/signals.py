"""Receivers that write saves, deletions, many-to-many changes and logins to the audit.

``track`` declares for a model that its saves are to be recorded; each app does it for its own, when it is ready.
Loaders, scorers and other machines write by bulk statements, which send no signal: their runs are recorded instead.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ValidationError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import ForeignKey, ManyToManyField, Model
from django.db.models.base import ModelState
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.http import HttpRequest
from django.utils import timezone

from customers.audit import trail
from customers.audit.trail import HIDDEN, Action, AnyField, AuditValue
from customers.models import ApiToken, AuditEntry, CustomerCare, Fix, Note
from customers.text.say import english

MAX_FAILURES = 500
"""So many failed logins of an hour are listed, whatever addresses they come from: anybody can make more."""
# Kept until the signal after a change. By the state: an instance without a key has no hash, and two may be equal.
_before: WeakKeyDictionary[ModelState, dict[str, object]] = WeakKeyDictionary()
_lists: WeakKeyDictionary[ModelState, list[tuple[Model, list[str]]]] = WeakKeyDictionary()
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


def record_creations(rows: Collection[Model]) -> None:
    """Record rows that were created at once as saves of them would be; their models are tracked.

    Nothing is read of related rows that they have with them.
    """
    trail.record_all(
        trail.entry(Action.ADD, row, changes=_changes(type(row), recorded_fields(type(row)), {}, _with_related(row)))
        for row in rows
    )


def recorded_fields(model: type[Model]) -> list[AnyField]:
    """Return the columns of a model whose changes are somebody's doing."""
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
    track(ApiToken, skipped=["digest", "last_used_at"])
    user_logged_in.connect(_logged_in, dispatch_uid="audit.logged_in")
    user_logged_out.connect(_logged_out, dispatch_uid="audit.logged_out")
    user_login_failed.connect(_login_failed, dispatch_uid="audit.login_failed")
    connection_created.connect(_tell_sqlite, dispatch_uid="audit.tell_sqlite")


# --- Rows ---------------------------------------------------------------------------------------------------------


def _values(row: Model) -> dict[str, object]:
    """Return a row's values by column."""
    return {each.attname: getattr(row, each.attname) for each in recorded_fields(type(row))}


def _with_related(row: Model) -> dict[str, object]:
    """Return a row's values by column, of a relation the related row where it is there."""
    fields = recorded_fields(type(row))
    there = {each.attname: each.name for each in fields if isinstance(each, ForeignKey) and each.is_cached(row)}
    return {each.attname: getattr(row, there.get(each.attname, each.attname)) for each in fields}


def _look_before(sender: type[Model], instance: Model, **_signal: object) -> None:
    """Keep what the database has, before it is written over."""
    found = None if instance.pk is None else sender._base_manager.filter(pk=instance.pk).first()
    _before[instance._state] = _values(found) if found is not None else {}


def _saved(
    sender: type[Model],
    instance: Model,
    created: bool,
    update_fields: Collection[str] | None = None,
    **_signal: object,
) -> None:
    before = _before.pop(instance._state, {})
    written = [
        each
        for each in recorded_fields(sender)
        if update_fields is None or each.name in update_fields or each.attname in update_fields
    ]
    changes = _changes(sender, written, before, _values(instance))
    if created or changes:
        trail.record(_action(sender, created, changes), instance, changes=changes)


def _deleted(sender: type[Model], instance: Model, **_signal: object) -> None:
    trail.record(Action.DELETE, instance, changes=_changes(sender, recorded_fields(sender), _values(instance), {}))


def _changes(
    model: type[Model], fields: Collection[AnyField], before: Mapping[str, object], after: Mapping[str, object]
) -> dict[str, tuple[AuditValue, AuditValue]]:
    """Return the fields that differ, with both values; a hidden value only says that it is another one."""
    found: dict[str, tuple[AuditValue, AuditValue]] = {}
    for each in fields:
        was, now = before.get(each.attname), after.get(each.attname)
        if each.primary_key and not each.is_relation:
            continue
        if _same(each, was, now):
            continue
        if each.name in _hidden[model]:
            new = english(f"another, {HIDDEN}") if was and now else _hidden_value(now)
            found[trail.field_label(each)] = (_hidden_value(was), new)
            continue
        both = trail.audit_value(each, was), trail.audit_value(each, now)
        if both[0] != both[1]:
            found[trail.field_label(each)] = both
    return found


def _hidden_value(value: object) -> str | None:
    return HIDDEN if value else None


def _same(field: AnyField, was: object, now: object) -> bool:
    """Return whether two values are stored alike: a caller may give the text of the database's date."""
    if was == now or None in (was, now):
        return bool(was == now)
    try:
        return bool(field.to_python(was) == field.to_python(now))
    except ValidationError:
        return False


def _action(model: type[Model], created: bool, changes: Mapping[str, object]) -> Action:
    if created:
        return Action.ADD
    rights = {trail.field_label(trail.field_of(User, name)) for name in _RIGHTS} if model is User else set()
    return Action.RIGHTS if rights & changes.keys() else Action.CHANGE


# --- Many to many -------------------------------------------------------------------------------------------------


def _hears_list(field: "ManyToManyField[Any, Any]") -> Callable[..., None]:
    """Hear a relation from either of its sides, and tell it of the side that declares it."""

    def hear(instance: Model, action: str, reverse: bool, pk_set: set[int] | None, **_signal: object) -> None:
        if action.startswith("pre_"):
            owners = [instance]
            if reverse:
                rows = field.model._base_manager
                found = rows.filter(**{field.name: instance}) if pk_set is None else rows.filter(pk__in=pk_set)
                owners = list(found)
            _lists[instance._state] = [(owner, _names(owner, field)) for owner in owners]
            return
        for owner, before in _lists.pop(instance._state, []):
            after = _names(owner, field)
            if before != after:
                what = Action.RIGHTS if field.model in (User, Group) else Action.CHANGE
                trail.record(what, owner, changes={trail.field_label(field): (before, after)})

    return hear


def _names(owner: Model, field: "ManyToManyField[Any, Any]") -> list[str]:
    return trail.related_names(getattr(owner, field.name).all())


# --- Logins -------------------------------------------------------------------------------------------------------


def _logged_in(user: User, **_signal: object) -> None:
    trail.record(Action.LOGIN, user, actor=user.get_username())


def _logged_out(user: User | None, **_signal: object) -> None:
    if user is not None:
        trail.record(Action.LOGOUT, user, actor=user.get_username())


def _login_failed(credentials: Mapping[str, object], request: HttpRequest | None = None, **_signal: object) -> None:
    """Keep a name only where it is somebody's: people type passwords into the wrong field.

    What a lock stopped is for who locks to count: anybody can send any number of those.
    """
    if getattr(request, "axes_locked_out", False):
        return
    name = str(credentials.get("username") or "").replace("\0", "")
    known = User.objects.filter(username=name).first() if name else None
    record_failed_login(known or english("no login of that name"))


def record_failed_login(about: Model | str, detail: str = "") -> None:
    """Write an entry of what needs no login to happen, unless there were too many within the hour."""
    now = timezone.now()
    # Those of a clock that was ahead are of no hour.
    of_the_hour = AuditEntry.objects.filter(action=Action.LOGIN_FAILED, at__range=(now - timedelta(hours=1), now))
    lately = of_the_hour[:MAX_FAILURES].count()
    if lately < MAX_FAILURES:
        last = english("No more of this hour are listed.") if lately == MAX_FAILURES - 1 else ""
        trail.record(Action.LOGIN_FAILED, about, actor="", detail="\n".join(filter(None, [detail, last])))


def _tell_sqlite(connection: BaseDatabaseWrapper, **_signal: object) -> None:
    """Let the triggers of SQLite ask this process; they refuse where there is nobody to ask."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(trail.WRITABLE, 0, trail.is_writable)
