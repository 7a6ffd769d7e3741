"""Optimistic concurrency control of forms: what two people change in one row at the same time is merged by field.

A form keeps a mark of each value that it showed. When it is sent, the row is read again under a lock: a field that
only somebody else has changed keeps theirs, one that only this form changes takes its own, and one that both have
changed to different values is a conflict, which is shown with both texts and never stored until somebody chooses.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import BoundField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString

from customers.audit import trail
from customers.audit.signals import recorded_fields
from customers.core.people import name_of
from customers.text.text_fields import one_break

CONFLICT = 409
UNPROCESSABLE = 422
VERSION = "row_version"
_MARK_LENGTH = 16


class Decision(StrEnum):
    """Whose value a field gets."""

    THEIRS = "theirs"
    MINE = "mine"
    CONFLICT = "conflict"


def decide(read: str | None, theirs: str, mine: str, *, changed_since: bool = True) -> Decision:
    """Merge one field three ways, by the marks of its values: as it was read, as it is now, and as it was sent.

    Where it is not known what was read, ``changed_since`` says whether somebody else has changed it lately.
    """
    if theirs in {read, mine}:
        return Decision.MINE
    if read == mine:
        return Decision.THEIRS
    return Decision.CONFLICT if read is not None or changed_since else Decision.MINE


@dataclass(frozen=True)
class Change:
    """Who changed a field of a row last, and when."""

    by: str
    at: datetime
    by_form: bool

    @property
    def is_unknown_to_me(self) -> bool:
        """Whether somebody else made it in the pages, so that a form of before may not show it."""
        return self.by_form and self.by != YOU

    def __str__(self) -> str:
        return f"{self.by} changed this {self.ago}"

    @property
    def ago(self) -> str:
        """How long ago that was."""
        return ago(self.at)


@dataclass(frozen=True)
class Conflict:
    """A field that two people have changed to different values; ``merged`` proposes a text of both."""

    name: str
    label: str
    theirs: str
    mine: str
    change: Change | None
    input: str
    merged_input: str
    mark: str
    merged: str | None
    chosen: str

    @property
    def said(self) -> str:
        """Who changed it, and when, as far as it is known."""
        return f"{self.change or 'Somebody changed this'}, after you opened the form."

    @property
    def keep_label(self) -> str:
        """What the choice is called that keeps the other's value."""
        by = self.change.by if self.change else "Somebody"
        return (
            "Keep what you stored before"
            if by == YOU
            else f"Keep what {by.lower() if by == 'Somebody' else by} stored"
        )


class _KeptField(BoundField):
    """A field that keeps what is stored, whatever was sent."""

    @property
    def data(self) -> Any:
        """The stored value, as the form's widget would send it."""
        value, widget = self.field.prepare_value(self.initial), self.field.widget
        return widget.decompress(value) if isinstance(widget, forms.MultiWidget) else value


class _MergedField(BoundField):
    """A field that takes the text that was written of both."""

    @property
    def data(self) -> Any:
        """The merged text."""
        return self.form.data.get(self.form.add_prefix(f"merged-{self.name}"), "")


class EditConflictMixin:
    """For a form of a stored row, as the first base: nothing that somebody else changed is overwritten in silence.

    Read the row under a lock, in the transaction of the save (``locked``); put ``version_input`` into the form, and
    ``customers/editing/conflict.html`` above its fields. A form without the input (a script, a page of before) is
    compared with what the audit says that others changed while a session may last.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conflicts: list[Conflict] = []
        self.kept: list[str] = []
        self._now: dict[str, str] = {}

    def row_fields(self) -> list[str]:
        """The fields whose values are stored in the row."""
        stored = {each.name for each in (*self._meta.model._meta.fields, *self._meta.model._meta.many_to_many)}
        return [name for name, field in self.fields.items() if name in stored and not field.disabled]

    def is_of_a_row(self) -> bool:
        """Whether there is a row that somebody else may change."""
        return not self.instance._state.adding

    def changes(self) -> Mapping[str, Change]:
        """For each field, by its label in the audit, who changed it last."""
        return changes_of(self.instance)

    def audit_label(self, name: str) -> str:
        """What the audit calls a field."""
        return trail.name_of(self._meta.model._meta.get_field(name))

    @property
    def version_input(self) -> SafeString:
        """The hidden input that keeps what the form shows of the row."""
        if not self.is_of_a_row():
            return SafeString("")
        marks = {name: self._current(name) for name in self.row_fields()}
        if not marks:
            return SafeString("")
        if self.is_bound:
            read = self._read()
            marks |= {each.name: read.get(each.name) or "" for each in self.conflicts}
        value = json.dumps(marks, separators=(",", ":"))
        return format_html('<input type="hidden" name="{}" value="{}">', self.add_prefix(VERSION), value)

    @property
    def is_refused(self) -> bool:
        """Whether there is a conflict that nobody has decided."""
        return any(not each.chosen for each in self.conflicts)

    def full_clean(self) -> None:
        """Merge first, so that what is checked and stored is the row as it will be."""
        if self.is_bound and self.is_of_a_row():
            self._merge()
        super().full_clean()
        for each in self.conflicts if self.is_bound else []:
            if not each.chosen:
                self.add_error(each.name, f"{each.said} Choose above what is stored.")

    def _read(self) -> dict[str, str]:
        """The marks of what the form showed; '' is a value that nobody knows."""
        try:
            found = json.loads(self.data.get(self.add_prefix(VERSION)) or "{}")
        except (ValueError, RecursionError):
            return {}
        return {name: str(mark) for name, mark in found.items()} if isinstance(found, dict) else {}

    def _current(self, name: str) -> str:
        if name not in self._now:
            field = self.fields[name]
            self._now[name] = mark_of(field, self.get_initial_for_field(field, name))
        return self._now[name]

    def _merge(self) -> None:
        self.conflicts, self.kept = [], []
        read, changes = self._read(), None
        for name in self.row_fields():
            field, known, now = self.fields[name], read.get(name), self._current(name)
            if known == now:
                continue
            mine = self._sent(name)
            if mine == now:
                continue
            changes = self.changes() if changes is None else changes
            change = changes.get(self.audit_label(name))
            decision = decide(known, now, mine, changed_since=change is not None and change.is_unknown_to_me)
            if decision == Decision.THEIRS:
                self._use(name, _KeptField)
                self.kept.append(_label(field, name))
            elif decision == Decision.CONFLICT:
                self._resolve(name, now, change)

    def _resolve(self, name: str, now: str, change: Change | None) -> None:
        """Take what was chosen, if it was chosen with today's value in sight; otherwise it is a conflict."""
        field = self.fields[name]
        html_name = self.add_prefix(f"conflict-{name}")
        chosen, _colon, seen = self.data.get(html_name, "").partition(":")
        stored = self.get_initial_for_field(field, name)
        theirs, mine = in_words(field, stored), in_words(field, self._sent_value(name))
        is_text = isinstance(field.widget, forms.Textarea)
        merged_name = self.add_prefix(f"merged-{name}")
        chosen = chosen if seen == now and chosen in {"theirs", "mine", "merged"} else ""
        merged = (self.data.get(merged_name) if chosen == "merged" else None) or both_texts(theirs, mine)
        if chosen == "theirs":
            self._use(name, _KeptField)
        elif chosen == "merged" and is_text:
            self._use(name, _MergedField)
        self.conflicts.append(
            Conflict(
                name=name,
                label=_label(field, name),
                theirs=theirs,
                mine=mine,
                change=change,
                input=html_name,
                merged_input=merged_name,
                mark=now,
                merged=merged if is_text else None,
                chosen=chosen,
            )
        )

    def _sent_value(self, name: str) -> Any:
        try:
            return self.fields[name].clean(self[name].data)
        except ValidationError:
            return self[name].data

    def _sent(self, name: str) -> str:
        """The mark of what was sent; what is no value of the field differs from every value."""
        field = self.fields[name]
        try:
            return mark_of(field, field.clean(self[name].data))
        except ValidationError:
            return f"no value: {self[name].data!r}"

    def _use(self, name: str, kind: type[BoundField]) -> None:
        self.fields[name].bound_field_class = kind
        self._bound_fields_cache.pop(name, None)


# --- Values -------------------------------------------------------------------------------------------------------


def mark_of(field: forms.Field, value: Any) -> str:
    """A short hash of a field's value, the same for a stored value and for the one that a form makes of it."""
    if isinstance(field, forms.JSONField):
        plain: Any = json.dumps(value, sort_keys=True, default=str)
    else:
        plain = _plain(value, strip=getattr(field, "strip", False))
    return hashlib.sha256(repr(plain).encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_LENGTH]


def _plain(value: Any, *, strip: bool) -> Any:
    """A value as text, a list of texts, or None where there is none."""
    if isinstance(value, str):
        text = one_break(value)
        return (text.strip() if strip else text) or None
    if isinstance(value, datetime):
        # A form's inputs have no fractions of a second.
        aware = value if timezone.is_aware(value) else timezone.make_aware(value)
        return aware.astimezone(UTC).replace(microsecond=0).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Model):
        return str(value.pk)
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, QuerySet | list | tuple | set):
        return sorted(str(_plain(one, strip=strip)) for one in value) or None
    return None if value is None else str(value)


def in_words(field: forms.Field, value: Any) -> str:
    """A field's value as people read it: what is stored, what a form made of what was sent, or that itself."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(field, forms.ModelChoiceField):
        return "\n".join(sorted(_names(field, value)))
    if choices := getattr(field, "choices", None):
        return str(dict(choices).get(value, value or ""))
    if isinstance(value, datetime):
        return localize(timezone.localtime(value))
    if isinstance(value, date | Decimal):
        return localize(value)
    if isinstance(value, list | tuple):
        return " ".join(str(one) for one in value if one)
    return "" if value is None else one_break(str(value))


def _names(field: forms.ModelChoiceField, value: Any) -> list[str]:
    chosen = value if isinstance(value, QuerySet | list | tuple) else [value] if value else []
    keys = [one.pk if isinstance(one, Model) else one for one in chosen]
    try:
        known = {one.pk: field.label_from_instance(one) for one in field.queryset.filter(pk__in=keys)}
        rows = field.queryset.model._base_manager.filter(pk__in=keys)
        return [known.get(one.pk) or str(one) for one in rows]
    except (TypeError, ValueError, OverflowError):
        return [str(key) for key in keys]


def both_texts(theirs: str, mine: str) -> str:
    """The lines of both texts: what they share once, then theirs, then mine."""
    first, second = theirs.splitlines(), mine.splitlines()
    lines: list[str] = []
    for _tag, a, b, c, d in difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        lines += first[a:b] if first[a:b] == second[c:d] else [*first[a:b], *second[c:d]]
    return "\n".join(lines)


def _label(field: forms.Field, name: str) -> str:
    label = str(field.label or name.replace("_", " "))
    return label[:1].upper() + label[1:]


def rows_mark(rows: Iterable[Model]) -> str:
    """A hash of rows of one model, as they are: their columns and lists, but for what nobody changes by hand."""
    found = []
    for row in sorted(rows, key=lambda one: str(one.pk)):
        lists = [sorted(getattr(row, each.name).values_list("pk", flat=True)) for each in row._meta.many_to_many]
        found.append([*(str(getattr(row, each.attname)) for each in recorded_fields(type(row))), lists])
    return hashlib.sha256(json.dumps(found, default=str).encode("utf-8", "surrogatepass")).hexdigest()


# --- Who, and when ------------------------------------------------------------------------------------------------

YOU = "You"
MOST_ENTRIES = 200


def ago(moment: datetime) -> str:
    """How long ago a moment was, in words."""
    words = naturaltime(moment)
    return "just now" if words == "now" else words


def changes_of(row: Model) -> dict[str, Change]:
    """Who changed each field of a row last, by its name in the audit, while a session may last."""
    return changes_among(trail.lately(row))


def changes_among(entries: Iterable[trail.AuditEntry]) -> dict[str, Change]:
    """The newest change of each field, of entries that come newest first."""
    entries = list(entries)[:MOST_ENTRIES]
    people = names_of(entries)
    found: dict[str, Change] = {}
    for each in entries:
        for name in each.changes:
            found.setdefault(name, Change(people[each.actor], each.at, is_by_form(each)))
    return found


def is_by_form(entry: trail.AuditEntry) -> bool:
    """Whether an entry tells of a form that somebody sent, not of a command."""
    return entry.source.startswith("POST ")


def names_of(entries: Iterable[trail.AuditEntry]) -> dict[str, str]:
    """The people who made entries of the audit, by login: oneself, a full name, or the login itself."""
    logins = {each.actor for each in entries}
    people = {one.username: name_of(one) for one in User.objects.filter(username__in=logins)}
    names = {login: people.get(login, login) or "Somebody" for login in logins}
    me = trail.current_actor()
    return {**names, me: YOU} if me in names else names


# --- For views ----------------------------------------------------------------------------------------------------


def status_of(*sent: Any) -> int:
    """The status of an answer that shows forms again: a conflict, what cannot be processed, or all is well."""
    bound = [form for form in sent if form is not None and form.is_bound]
    if any(getattr(form, "is_refused", False) for form in bound):
        return CONFLICT
    return UNPROCESSABLE if any(form.errors for form in bound) else 200


def tell_kept(request: HttpRequest, form: Any) -> None:
    """Say which fields somebody else has changed meanwhile, that stay as they are."""
    if kept := getattr(form, "kept", None):
        messages.info(request, f"Somebody else has changed meanwhile, and it stays: {', '.join(kept)}.")
