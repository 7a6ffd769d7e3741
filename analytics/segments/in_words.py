"""What a set of filters asks for, in words: each value that narrows, and each that was refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from django.forms import MultipleChoiceField
from django_filters.filterset import FilterSet

from analytics.segments.filters import SnapshotFilter, value_in_words
from customers.text.say import say

ALL_HOLD = {"lacks", "done", "only"}
"""The menus that keep those of whom every chosen value is true, not one of them."""


@dataclass(frozen=True)
class FilterWords:
    """A value that narrows: its filter's name and label, and the value in words.

    ``value`` is one of a menu's values; None where the filter has but one.
    """

    name: str
    value: str | None
    label: str
    words: str


def filters_in_words(filters: FilterSet) -> Iterator[FilterWords]:
    """Yield each value that narrows, in the order of the filters; values that were refused are not among them."""
    form = filters.form
    form.is_valid()
    for name, field in form.fields.items():
        value = form.cleaned_data.get(name)
        words = dict(getattr(field, "choices", ()))
        if isinstance(field, MultipleChoiceField):
            for one in dict.fromkeys(value or []):
                yield FilterWords(name, one, str(field.label), str(words.get(one, one)))
        elif value not in (None, ""):
            yield FilterWords(name, None, str(field.label), str(words.get(value) or value_in_words(value)))


def in_one_sentence(filters: FilterSet) -> str:
    """Return what narrows in words, such as ``Status: At risk or Inactive; Score to: 40``; '' where nothing does."""
    values: dict[tuple[str, str], list[str]] = {}
    for one in filters_in_words(filters):
        values.setdefault((one.name, one.label), []).append(one.words)
    return "; ".join(
        f"{label}: {reduce(_both if name in ALL_HOLD else _either, words)}" for (name, label), words in values.items()
    )


def _both(one: str, other: str) -> str:
    return say("{one} and {other}", one=one, other=other)


def _either(one: str, other: str) -> str:
    return say("{one} or {other}", one=one, other=other)


def refusals(filters: SnapshotFilter) -> list[str]:
    """Return in words which values the filters do not understand."""
    return [
        f"{filters.form[name].label}: {' '.join(errors)}" if name in filters.form.fields else " ".join(errors)
        for name, errors in filters.errors.items()
    ]
