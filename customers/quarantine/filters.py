"""What narrows the list of the quarantine: by state, by reason, by run."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import CharField, Count, Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, QueryDict

from customers.feeds.declarations import FEEDS
from customers.models import ImportRun, QuarantinedRow
from customers.text.numbers import number_or_none

RUNS_TO_CHOOSE = 50
ALL = "all"
_OPEN = QuarantinedRow.Status.OPEN.value
_NARROWS_NOTHING = {"o", "p", "q", "all", "e"}
_REASONS = {
    "cells": ("Too many or too few cells", (" cells, the header has ", "text after the closing quote")),
    "blank": ("Required, but blank", ("is required, but blank",)),
    "unknown": ("No such customer", ("customer_id: there is no customer ",)),
    "twice": ("The same id twice", (" is also on line ",)),
    "taken": ("Another row has its place", (" has a row already, on line ", " is loaded already, from line ")),
    "dates": (
        "Not a date, or out of range",
        ("is not a date of the form", " is after the day of the run", " is before "),
    ),
    "numbers": ("Not a whole number, or out of range", ("is not a whole number", " is not between ")),
    "addresses": ("Not an e-mail address", ("is not an e-mail address",)),
    "ids": ("Not an id", ("is not an id",)),
    "choices": ("None of the choices", (" is none of ", "is neither true nor false", "at least one of nps and csat")),
    "long": ("Too long", ("at most ", "the record is longer than")),
    "controls": ("A control character", ("has the control character",)),
    "misread": ("Misread text", (" misread; was the file opened",)),
}
"""Kinds of reasons: what each is called, and what such a reason says."""


def open_by_default(asked: QueryDict) -> QueryDict:
    """What an address asks for; one that narrows nothing asks for the open rows."""
    if {*asked} - _NARROWS_NOTHING:
        return asked
    asked = asked.copy()
    asked[StatusFilter.parameter_name] = _OPEN
    return asked


class StatusFilter(admin.SimpleListFilter):
    """The rows of a state, with how many there are."""

    title = "status"
    parameter_name = "status__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states, with their numbers, and all of them."""
        by_status = QuarantinedRow.objects.order_by().values_list("status").annotate(Count("pk"))
        counts = dict(by_status)
        states = [(value, f"{label} ({counts.get(value, 0):,})") for value, label in QuarantinedRow.Status.choices]
        return [*states, (ALL, f"All ({sum(counts.values()):,})")]

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        """Without a choice of none, which is that of all."""
        chosen = self.value() or ALL
        for value, label in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": value == chosen, "query_string": query, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[QuarantinedRow]) -> QuerySet[QuarantinedRow]:
        """The rows of the state."""
        chosen = self.value() or ALL
        return queryset if chosen == ALL else queryset.filter(status=chosen)


class ReasonFilter(admin.SimpleListFilter):
    """Rows with a kind of reason, or with one about a column."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The kinds in words, then the columns of the feed that the list is narrowed to, or of all."""
        chosen = request.GET.get("feed__exact")
        feeds = [FEEDS[chosen]] if chosen in FEEDS else FEEDS.values()
        names = dict.fromkeys(name for feed in feeds for name in feed.column_names)
        kinds = [(key, words) for key, (words, _said) in _REASONS.items()]
        return [
            *kinds,
            ("row", "Anything about the row as a whole"),
            *((name, f"Anything about {name}") for name in names),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[QuarantinedRow]) -> QuerySet[QuarantinedRow]:
        """Each reason begins with its column. Within a text of the JSON a quotation mark has a backslash before it."""
        chosen = self.value()
        if not chosen:
            return queryset
        rows = queryset.annotate(reasons_text=Cast("reasons", TextField()))
        if chosen in _REASONS:
            condition = Q()
            for said in _REASONS[chosen][1]:
                condition |= Q(reasons_text__contains=said)
            return rows.filter(condition)
        first, later = Q(reasons_text__startswith=f'["{chosen}: '), Q(reasons_text__contains=f', "{chosen}: ')
        return rows.filter(first | later)


class RunFilter(admin.SimpleListFilter):
    """Rows of one run; the newest runs with such rows are offered."""

    title = "run"
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Runs with rows in quarantine."""
        rows = QuarantinedRow.objects.filter(run=OuterRef("pk"))
        runs = ImportRun.objects.filter(Exists(rows)).annotate(name=Cast("pk", CharField()))
        return [(name, f"run {name}: {file}") for name, file in runs.values_list("name", "file")[:RUNS_TO_CHOOSE]]

    def has_output(self) -> bool:
        """Also where there is nothing to choose, a link may have narrowed the list."""
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[QuarantinedRow]) -> QuerySet[QuarantinedRow]:
        """The run's rows."""
        return queryset.filter(run=number_or_none(self.value())) if self.value() else queryset
