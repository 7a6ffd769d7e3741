"""Optimistic concurrency control of forms: what two people change in one row at the same time is merged by field.

A form keeps a mark of each value that it showed. When it is sent, the row is read again under a lock: a field that
only somebody else has changed keeps theirs, one that only this form changes takes its own, and one that both have
changed to different values is a conflict, which is shown with both texts and never stored until somebody chooses.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import BoundField
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from customers.audit import trail
from customers.editing.last_changes import YOU, LastChange, last_changes
from customers.editing.values import merged_text, value_hash, value_text

CONFLICT = 409
UNPROCESSABLE = 422
VERSION = "row_version"


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
class Conflict:
    """A field that two people have changed to different values; ``merged`` proposes a text of both."""

    name: str
    label: str
    theirs: str
    mine: str
    change: LastChange | None
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

    def changes(self) -> Mapping[str, LastChange]:
        """For each field, by its label in the audit, who changed it last."""
        return last_changes(self.instance)

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
            self._now[name] = value_hash(field, self.get_initial_for_field(field, name))
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

    def _resolve(self, name: str, now: str, change: LastChange | None) -> None:
        """Take what was chosen, if it was chosen with today's value in sight; otherwise it is a conflict."""
        field = self.fields[name]
        html_name = self.add_prefix(f"conflict-{name}")
        chosen, _colon, seen = self.data.get(html_name, "").partition(":")
        stored = self.get_initial_for_field(field, name)
        theirs, mine = value_text(field, stored), value_text(field, self._sent_value(name))
        is_text = isinstance(field.widget, forms.Textarea)
        merged_name = self.add_prefix(f"merged-{name}")
        chosen = chosen if seen == now and chosen in {"theirs", "mine", "merged"} else ""
        merged = (self.data.get(merged_name) if chosen == "merged" else None) or merged_text(theirs, mine)
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
            return value_hash(field, field.clean(self[name].data))
        except ValidationError:
            return f"no value: {self[name].data!r}"

    def _use(self, name: str, kind: type[BoundField]) -> None:
        self.fields[name].bound_field_class = kind
        self._bound_fields_cache.pop(name, None)


def _label(field: forms.Field, name: str) -> str:
    label = str(field.label or name.replace("_", " "))
    return label[:1].upper() + label[1:]


def form_status(*sent: Any) -> int:
    """The status of an answer that shows forms again: a conflict, what cannot be processed, or all is well."""
    bound = [form for form in sent if form is not None and form.is_bound]
    if any(getattr(form, "is_refused", False) for form in bound):
        return CONFLICT
    return UNPROCESSABLE if any(form.errors for form in bound) else 200


def tell_kept(request: HttpRequest, form: Any) -> None:
    """Say which fields somebody else has changed meanwhile, that stay as they are."""
    if kept := getattr(form, "kept", None):
        messages.info(request, f"Somebody else has changed meanwhile, and it stays: {', '.join(kept)}.")
