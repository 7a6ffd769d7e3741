"""Optimistic concurrency control of forms: what two people change in one row at the same time is merged by field.

A form keeps a hash of each value that it showed. When it is sent, the row is read again under a lock: a field that
only somebody else has changed keeps theirs, one that only this form changes takes its own, and one that both have
changed to different values is a conflict, which is shown with both texts and never stored until somebody chooses.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import BoundField
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from customers.audit import trail
from customers.editing.last_changes import YOU, LastChange, last_changes
from customers.editing.values import merged_text, value_hash, value_text
from customers.text.say import english, say

VERSION = "row_version"


class Decision(StrEnum):
    """The value that a field gets."""

    THEIRS = "theirs"
    MINE = "mine"
    CONFLICT = "conflict"


def decide(read: str | None, theirs: str, mine: str, *, changed_since: bool = True) -> Decision:
    """Merge one field three ways, by the hashes of its values as read, as they are now, and as sent.

    Where the form does not say what it showed, ``changed_since`` says whether somebody else has changed the field.
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
    def message(self) -> str:
        """Return who changed the field and when, as far as that is known."""
        if self.change is None:
            return gettext("Somebody changed this, after you opened the form.")
        if self.change.by == YOU:
            return say("You changed this {ago}, after you opened the form.", ago=self.change.ago)
        return say("{who} changed this {ago}, after you opened the form.", who=self.change.by, ago=self.change.ago)

    @property
    def keep_label(self) -> str:
        """Return the label of the choice that keeps the other's value."""
        if self.change is None or self.change.by == gettext("Somebody"):
            return gettext("Keep what somebody stored")
        if self.change.by == YOU:
            return gettext("Keep what you stored before")
        return say("Keep what {who} stored", who=self.change.by)


class _KeptField(BoundField):
    """A bound field that keeps the stored value, whatever was sent."""

    @property
    def data(self) -> object:
        """Return the stored value as the widget would send it."""
        value, widget = self.field.prepare_value(self.initial), self.field.widget
        return widget.decompress(value) if isinstance(widget, forms.MultiWidget) else value


class _MergedField(BoundField):
    """A bound field that takes the merged text."""

    @property
    def data(self) -> object:
        """Return the merged text."""
        return self.form.data.get(self.form.add_prefix(f"merged-{self.name}"), "")


class ConflictForm(forms.BaseForm):
    """For a form of what is stored, as the first base: it overwrites nothing that somebody else has changed.

    Read what is stored under a lock, in the transaction of the save. Put ``version_input`` into the form, and
    ``customers/editing/conflict.html`` above its fields. A form that is sent without the input, such as by a script,
    is compared with what the audit says that others have changed while a session may last.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conflicts: list[Conflict] = []
        self.kept: list[str] = []
        self._now: dict[str, str] = {}

    def row_fields(self) -> list[str]:
        """Return the names of the fields whose values are stored."""
        return list(self.fields)

    def is_of_a_row(self) -> bool:
        """Return whether there is a row that somebody else may change."""
        return True

    def changes(self) -> Mapping[str, LastChange]:
        """Return who changed each field last, by the field's label in the audit."""
        raise TypeError(f"{type(self).__name__} must say who changed its fields last.")

    def audit_label(self, name: str) -> str:
        """Return what the audit calls a field."""
        return name

    @property
    def version_input(self) -> SafeString:
        """Return the hidden input with the hashes of what the form shows."""
        if not self.is_of_a_row():
            return SafeString("")
        hashes = {name: self._current(name) for name in self.row_fields()}
        if not hashes:
            return SafeString("")
        if self.is_bound:
            read = self._read()
            hashes |= {each.name: read.get(each.name) or "" for each in self.conflicts}
        value = json.dumps(hashes, separators=(",", ":"))
        return format_html('<input type="hidden" name="{}" value="{}">', self.add_prefix(VERSION), value)

    @property
    def is_refused(self) -> bool:
        """Return whether there is a conflict that nobody has decided."""
        return any(not each.chosen for each in self.conflicts)

    def full_clean(self) -> None:
        """Merge before the form is validated, so that it validates what will be stored."""
        if self.is_bound and self.is_of_a_row():
            self._merge()
        super().full_clean()
        for each in self.conflicts if self.is_bound else []:
            if not each.chosen:
                todo = gettext("Choose above what is stored.")
                self.add_error(each.name, f"{each.message} {todo}")

    def _read(self) -> dict[str, str]:
        """Return the hashes of what the form showed; '' stands for an unknown value."""
        try:
            hashes = json.loads(self.data.get(self.add_prefix(VERSION)) or "{}")
        except (ValueError, RecursionError):
            return {}
        return {name: str(value) for name, value in hashes.items()} if isinstance(hashes, dict) else {}

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
        """Take what was chosen where the choice was made beside the present value; otherwise note a conflict."""
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

    def _sent_value(self, name: str) -> object:
        try:
            return self.fields[name].clean(self[name].data)
        except ValidationError:
            return self[name].data

    def _sent(self, name: str) -> str:
        """Return the hash of what was sent; an invalid value has a hash of its own."""
        field = self.fields[name]
        try:
            return value_hash(field, field.clean(self[name].data))
        except ValidationError:
            return english(f"no value: {self[name].data!r}")

    def _use(self, name: str, kind: type[BoundField]) -> None:
        self.fields[name].bound_field_class = kind
        self._bound_fields_cache.pop(name, None)  # type: ignore[attr-defined]  # Django's own, not in its types


class EditConflictMixin(ConflictForm, forms.BaseModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """For a form of a model's row, as the first base: it overwrites nothing that somebody else has changed."""

    def row_fields(self) -> list[str]:
        model = self._meta.model._meta
        stored = {each.name for each in (*model.fields, *model.many_to_many)}
        return [name for name, field in self.fields.items() if name in stored and not field.disabled]

    def is_of_a_row(self) -> bool:
        return not self.instance._state.adding

    def changes(self) -> Mapping[str, LastChange]:
        return last_changes(self.instance)

    def audit_label(self, name: str) -> str:
        return trail.field_label(trail.field_of(self._meta.model, name))


def _label(field: forms.Field, name: str) -> str:
    label = str(field.label or name.replace("_", " "))
    return label[:1].upper() + label[1:]


def form_status(*shown: forms.BaseForm | None) -> HTTPStatus:
    """Return the status of an answer that shows forms: a conflict, an error, or neither."""
    bound = [form for form in shown if form is not None and form.is_bound]
    if any(isinstance(form, ConflictForm) and form.is_refused for form in bound):
        return HTTPStatus.CONFLICT
    return HTTPStatus.UNPROCESSABLE_ENTITY if any(form.errors for form in bound) else HTTPStatus.OK


def tell_kept(request: HttpRequest, form: forms.BaseForm) -> None:
    """Tell which fields keep what somebody else has stored since the form was opened."""
    if isinstance(form, ConflictForm) and form.kept:
        fields = ", ".join(form.kept)
        messages.info(request, say("Somebody else has changed meanwhile, and it stays: {fields}.", fields=fields))
