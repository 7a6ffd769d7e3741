"""Orders of the tables: by what a cell shows, and by the key where that is the same."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db.models import Case, QuerySet, SmallIntegerField, When

from customers.text.fold import Fold

Rows = TypeVar("Rows", bound=QuerySet[Any])


def as_read(queryset: Rows, column: str, is_descending: bool) -> Rows:
    """By a text as one reads it, the one order being the other's reverse."""
    text = Fold(column)
    return queryset.order_by(text.desc(), "-pk") if is_descending else queryset.order_by(text, "pk")


def none_last(queryset: Rows, value: Any, is_descending: bool) -> Rows:
    """By a value, those without one last in either order."""
    return in_order(queryset, [value], is_descending)


def in_order(queryset: Rows, values: Sequence[Any], is_descending: bool) -> Rows:
    """By the values and the key, those without a value last in either order."""
    order = [one.desc(nulls_last=True) if is_descending else one.asc(nulls_last=True) for one in values]
    return queryset.order_by(*order, "pk")


def by_rank(queryset: Rows, column: str, ranked: Sequence[str], is_descending: bool) -> Rows:
    """By the rank that a column's value has among ``ranked``; those that have none come last in either order."""
    whens = [When(**{column: value}, then=rank) for rank, value in enumerate(ranked)]
    return none_last(queryset, Case(*whens, output_field=SmallIntegerField()), is_descending)
