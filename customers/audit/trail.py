"""Writes the audit: who acts is known from the request or the command, what changed from the rows themselves.

``record`` is for all that is no plain save: exports, mails, runs, logins. ``update_rows`` takes the place of
``QuerySet.update`` where people do it. ``customers.audit.signals`` records saves and deletions. Each entry is written
in the transaction of what it tells, so that neither is there without the other.
"""

import getpass
import json
import re
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

from django.conf import settings
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, transaction
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from customers.core.client import client_address
from customers.core.limits import BATCH_SIZE
from customers.core.log_context import holding
from customers.core.sql import execute
from customers.models import AuditEntry, Customer
from customers.text.say import english, in_english

Action = AuditEntry.Action
AuditValue = str | int | list[str] | None
"""A field's value as an entry keeps it: text, a number, a truth value, names of related rows, or nothing."""
Changes = Mapping[str, tuple[AuditValue, AuditValue]]
"""For each field, named as people see it, its value before and after."""
AnyField: TypeAlias = "Field[Any, Any]"
"""A field of whatever Python type."""

HIDDEN = "hidden"
ERASED = "erased"
MAX_VALUE_LENGTH = 10_000
WRITABLE = "audit_open"
"""The function (SQLite) and the setting (PostgreSQL, after ``rsolv.``) by which the triggers let a change pass."""


# --- Who, and from where ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Actor:
    """Who acts: a request, whose user is known when it is asked for, or somebody at a command line."""

    login: str = ""
    source: str = ""
    address: str | None = None
    request: HttpRequest | None = None
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def name(self) -> str:
        """Return the login; '' for a visitor who has none."""
        user = getattr(self.request, "user", None)
        return user.get_username() if user is not None else self.login

    @property
    def place(self) -> str:
        """Return where it is done from, and by which token of the API."""
        token = getattr(self.request, "api_token", "")
        return english(f"{self.source} by token {token}") if token else self.source


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)
_is_writable: ContextVar[bool] = ContextVar("is_writable", default=False)
_is_suspended: ContextVar[bool] = ContextVar("is_suspended", default=False)


class AuditMiddleware:
    """Says who acts while a request is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        source = f"{request.method} {request.path}"
        actor = Actor(source=source, address=client_address(request), request=request)
        with acting(actor):
            return self.get_response(request)


def acting(actor: Actor) -> AbstractContextManager[None]:
    """Record what is done inside as done by ``actor``."""
    return holding(_actor, actor)


def user_name() -> str:
    """Return the system user who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return english("unknown user")


def _at_the_command_line() -> Actor:
    """Return who acts where nobody has said so: in Django's own commands, and in the shell."""
    program, *arguments = sys.argv or [""]
    return Actor(user_name(), " ".join([Path(program).name, *arguments[:1]]))


def current_actor() -> str:
    """Return the login of whoever acts now; '' for a visitor who has none."""
    return (_actor.get() or _at_the_command_line()).name


def recent_changes(*rows: Model) -> QuerySet[AuditEntry]:
    """Return who changed or deleted rows while a session may last, newest first: no open form is older."""
    since = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    models = {row._meta.label_lower for row in rows}
    keys = [str(row.pk)[:64] for row in rows]
    found = AuditEntry.objects.filter(model__in=models, key__in=keys, at__gte=since)
    return found.exclude(action=Action.ADD).order_by("-pk")


# --- Write --------------------------------------------------------------------------------------------------------


def record(
    action: Action,
    about: Model | str,
    *,
    actor: str | None = None,
    customer: str | None = None,
    changes: Changes | None = None,
    detail: str = "",
) -> None:
    """Write an entry, as ``entry`` makes it."""
    record_all([entry(action, about, actor=actor, customer=customer, changes=changes, detail=detail)])


def record_all(entries: Iterable[AuditEntry]) -> None:
    """Write many entries at once."""
    if not _is_suspended.get():
        AuditEntry.objects.bulk_create(entries)


def entry(
    action: Action,
    about: Model | str,
    *,
    actor: str | None = None,
    customer: str | None = None,
    changes: Changes | None = None,
    detail: str = "",
) -> AuditEntry:
    """Return an entry, to be written by ``record_all``.

    ``about`` is the row, or words where it is none; ``customer`` is the row's own unless it is given. An entry is
    English, whoever acts: so are the words that are given.
    """
    with in_english():
        return _entry(action, about, actor, customer, changes, detail)


def _entry(
    action: Action, about: Model | str, actor: str | None, customer: str | None, changes: Changes | None, detail: str
) -> AuditEntry:
    who = _actor.get() or _at_the_command_line()
    row = about if isinstance(about, Model) else None
    if customer is None:
        customer = customer_of(row) if row is not None else ""
    # In the order of the names, because PostgreSQL keeps no other.
    cleaned = {
        _clean(name): (_clean_value(before), _clean_value(after))
        for name, (before, after) in sorted((changes or {}).items())
    }
    return AuditEntry(
        actor=_clean(who.name if actor is None else actor)[:150],
        action=action,
        model=row._meta.label_lower if row is not None else "",
        key=_clean(str(row.pk))[:64] if row is not None else "",
        subject=_clean(str(about))[: AuditEntry.MAX_SUBJECT_LENGTH],
        customer=customer,
        changes=cleaned,
        text="\n".join(filter(None, [_clean(detail), *changes_in_words(cleaned, action)])),
        source=_clean(who.place)[:200],
        address=who.address,
        request=who.key,
    )


def update_rows(rows: QuerySet[Model], action: Action = Action.CHANGE, *, detail: str = "", **values: object) -> int:
    """Do ``rows.update(**values)`` with an entry for each row, except rows that others have changed meanwhile."""
    with transaction.atomic():
        before = list(rows.order_by("pk").select_for_update(of=("self",)))
        found = rows.model._base_manager.filter(pk__in=[row.pk for row in before])
        count = found.update(**values) if before else 0
        fields = [field_of(rows.model, name) for name in values]
        after = {each.name: audit_value(each, value) for each, value in zip(fields, values.values(), strict=True)}
        record_all(
            entry(
                action,
                row,
                detail=detail,
                changes={
                    field_label(each): (was, after[each.name])
                    for each in fields
                    if (was := audit_value(each, getattr(row, each.attname))) != after[each.name]
                },
            )
            for row in before
        )
    return count


def customer_of(row: Model) -> str:
    """Return the key of the customer whom a row is about; '' where it is about none."""
    key = row.pk if isinstance(row, Customer) else getattr(row, "customer_id", None)
    return str(key or "")


# --- Values -------------------------------------------------------------------------------------------------------


def field_of(model: type[Model], name: str) -> AnyField:
    """Return a model's column by the name of its field."""
    field = model._meta.get_field(name)
    if not isinstance(field, Field):
        raise FieldDoesNotExist(f"{name} is no column of {model._meta.label}")
    return field


def field_label(field: AnyField) -> str:
    """Return what an entry calls a field."""
    with in_english():
        return str(field.verbose_name)


def audit_value(field: AnyField, value: object) -> AuditValue:
    """Return a field's value as an entry keeps it; a key becomes the name of its row."""
    if value is None or value == "":
        return None
    with in_english():
        if isinstance(value, Model):
            return str(value)
        if isinstance(field, ForeignKey):
            named = field.related_model._base_manager.filter(pk=value).first()
            return str(named) if named is not None else str(value)
        if field.flatchoices:
            return str(dict(field.flatchoices).get(value, value))
    return _plain(value)


def related_names(rows: QuerySet[Model]) -> list[str]:
    """Name the rows of a many-to-many relation, in order."""
    if rows.model is Permission:
        return sorted(".".join(pair) for pair in rows.values_list("content_type__app_label", "codename"))
    return sorted(map(str, rows))


def changes_in_words(changes: Changes, action: str) -> list[str]:
    """Return a line for each change. A list gets only what came and went, a new or deleted row its values alone."""
    lines = []
    for name, (before, after) in sorted(changes.items()):
        if isinstance(before, list) and isinstance(after, list):
            came = [f"+ {one}" for one in after if one not in before]
            went = [f"− {one}" for one in before if one not in after]
            lines.append(f"{name}: {', '.join([*came, *went])}")
        elif action in {Action.ADD, Action.DELETE}:
            lines.append(f"{name}: {_word(before if after is None else after)}")
        else:
            lines.append(f"{name}: {_word(before)} → {_word(after)}")
    return lines


def _word(value: AuditValue) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _plain(value: object) -> str | int:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, date | datetime):
        return value.isoformat()
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    if len(text) <= MAX_VALUE_LENGTH:
        return text
    return english(f"{text[:MAX_VALUE_LENGTH]}… ({format(len(text), ',')} characters)")


def _clean(text: str) -> str:
    """Return text that both databases take: neither NUL nor half of a pair of surrogates."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _clean_value(value: AuditValue) -> AuditValue:
    if isinstance(value, list):
        return [_clean(name) for name in value]
    return _clean(value) if isinstance(value, str) else value


# --- Write protection ------------------------------------------------------------------------------------------------


@contextmanager
def writable() -> Iterator[None]:
    """Let entries be changed and deleted, in a transaction: for a restored backup, retention, and erasure alone."""
    with transaction.atomic(), holding(_is_writable, True):
        _set_writable("on")
        yield
        _set_writable("off")


def _set_writable(value: str) -> None:
    if connection.vendor == "postgresql":
        execute("SELECT set_config(%s, %s, true)", [f"rsolv.{WRITABLE}", value])


def is_writable() -> bool:
    """Return whether the audit may be written; the triggers of SQLite ask."""
    return _is_writable.get()


def suspended() -> AbstractContextManager[None]:
    """Record nothing: where the table is not there yet, or no more."""
    return holding(_is_suspended, True)


def is_ready() -> bool:
    """Return whether the audit's table is there."""
    return AuditEntry._meta.db_table in connection.introspection.table_names()


def anonymise(customer_id: str, words: re.Pattern[str] | None = None) -> int:
    """Take a customer out of every entry about them or with one of the ``words``; return their number.

    Who did what, when and to which field stays; the customer's key and every text go.
    """
    # An address of the admin has the key in its own spelling.
    spellings = {customer_id, quote(customer_id)}
    with writable():
        every = AuditEntry.objects.order_by("pk").iterator(chunk_size=BATCH_SIZE)
        found = [one for one in every if _is_about(one, customer_id, words)]
        for one in found:
            one.subject = one.text = ERASED
            one.changes = {name: [_erased(value) for value in both] for name, both in one.changes.items()}
            if any(spelling in one.source for spelling in spellings):
                one.source = ERASED
            one.key = "" if one.key == customer_id else one.key
            one.customer = ""
        AuditEntry.objects.bulk_update(
            found, ["subject", "text", "changes", "source", "key", "customer"], batch_size=BATCH_SIZE
        )
    return len(found)


def _is_about(one: AuditEntry, customer_id: str, words: re.Pattern[str] | None) -> bool:
    if one.customer == customer_id or (one.model == Customer._meta.label_lower and one.key == customer_id):
        return True
    # The filters of an export stand there as an address has them.
    return bool(words and any(map(words.search, (one.subject, one.text, unquote_plus(one.text), one.source))))


def _erased(value: AuditValue) -> AuditValue:
    if isinstance(value, list):
        return [ERASED] * len(value)
    return ERASED if isinstance(value, str) else value
