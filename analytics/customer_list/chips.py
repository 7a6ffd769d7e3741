"""The filters that are set, in words, each with the address without it."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import QueryDict

from analytics.segments.filters import SnapshotFilter
from analytics.segments.in_words import filters_in_words


@dataclass(frozen=True)
class Chip:
    """A filter that narrows the list: its label, its value in words, and the query of the list without it."""

    label: str
    words: str
    without: str


def chips(filters: SnapshotFilter, address: QueryDict, query: Callable[[QueryDict], str]) -> list[Chip]:
    """Each value that narrows the list, in the order of the filters; values that were refused are not among them.

    ``query`` makes an address the list's query.
    """
    return [
        Chip(one.label, one.words, query(_without(address, one.name, one.value))) for one in filters_in_words(filters)
    ]


def _without(address: QueryDict, name: str, value: str | None) -> QueryDict:
    rest = address.copy()
    rest.setlist(name, [one for one in rest.getlist(name) if value is not None and one != value])
    return rest
