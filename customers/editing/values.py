"""The values of a form's fields: as a hash to compare them by, and as a text to read."""

import difflib
import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal

from django import forms
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext

from customers.audit.signals import recorded_fields
from customers.text.text_fields import one_break

_HASH_LENGTH = 16


def value_hash(field: forms.Field, value: object) -> str:
    """Hash a field's value; a stored value and the one that a form makes of it have the same hash."""
    if isinstance(field, forms.JSONField):
        plain: object = json.dumps(value, sort_keys=True, default=str)
    else:
        plain = _plain(value, strip=getattr(field, "strip", False))
    return hashlib.sha256(repr(plain).encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]


def _plain(value: object, *, strip: bool) -> str | list[str] | None:
    """Return a value as a text or as a list of texts; None for no value."""
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


def value_text(field: forms.Field, value: object) -> str:
    """Return a field's value as people read it, whether stored, cleaned, or as it was sent."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(field, forms.ModelChoiceField):
        return "\n".join(sorted(_names(field, value)))
    if choices := getattr(field, "choices", None):
        labels = dict(choices)
        if isinstance(value, list):
            return ", ".join(str(labels.get(one, one)) for one in value)
        return str(labels.get(value, value or ""))
    if isinstance(value, datetime):
        return localize(timezone.localtime(value))
    if isinstance(value, date | Decimal):
        return localize(value)
    if isinstance(value, list | tuple):
        return " ".join(str(one) for one in value if one)
    return "" if value is None else one_break(str(value))


def _names(field: "forms.ModelChoiceField[Model]", value: object) -> list[str]:
    chosen = value if isinstance(value, QuerySet | list | tuple) else [value] if value else []
    keys = [one.pk if isinstance(one, Model) else one for one in chosen]
    if field.queryset is None:
        return []
    try:
        labels = {one.pk: field.label_from_instance(one) for one in field.queryset.filter(pk__in=keys)}
        rows = field.queryset.model._base_manager.filter(pk__in=keys)
        return [labels.get(one.pk) or str(one) for one in rows]
    except (TypeError, ValueError, OverflowError):
        return [str(key) for key in keys]


def merged_text(theirs: str, mine: str) -> str:
    """Merge two texts by line: shared lines stand once, of the others theirs come before mine."""
    first, second = theirs.splitlines(), mine.splitlines()
    lines: list[str] = []
    for _tag, a, b, c, d in difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        lines += first[a:b] if first[a:b] == second[c:d] else [*first[a:b], *second[c:d]]
    return "\n".join(lines)


def rows_hash(rows: Iterable[Model]) -> str:
    """Hash rows of one model: their columns and lists, but for what nobody changes by hand."""
    values = []
    for row in sorted(rows, key=lambda one: str(one.pk)):
        lists = [sorted(getattr(row, each.name).values_list("pk", flat=True)) for each in row._meta.many_to_many]
        values.append([*(str(getattr(row, each.attname)) for each in recorded_fields(type(row))), lists])
    return hashlib.sha256(json.dumps(values, default=str).encode("utf-8", "surrogatepass")).hexdigest()
