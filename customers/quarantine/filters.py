"""The filters of the quarantine's list: by state, by reason, by run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import CharField, Count, Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.feeds.declarations import FEEDS
from customers.models import ImportRun, QuarantinedRow
from customers.text.numbers import number_or_none
from customers.text.say import english, say

if TYPE_CHECKING:
    from django.contrib.admin.filters import _ListFilterChoices
    from django.http.request import _ImmutableQueryDict

RUNS_TO_CHOOSE = 50
ALL = "all"
_OPEN = QuarantinedRow.Status.OPEN.value
_NARROWS_NOTHING = {"o", "p", "q", "all", "e"}
_REASONS = {
    "cells": (_("Too many or too few cells"), english(" cells, the header has |text after the closing quote")),
    "blank": (_("Required, but blank"), english("is required, but blank")),
    "unknown": (_("No such customer"), english("customer_id: there is no customer ")),
    "twice": (_("The same id twice"), english(" is also on line ")),
    "taken": (_("Another row has its place"), english(" has a row already, on line | is loaded already, from line ")),
    "dates": (
        _("Not a date, or out of range"),
        english("is not a date of the form| is after the day of the run| is before "),
    ),
    "numbers": (_("Not a whole number, or out of range"), english("is not a whole number| is not between ")),
    "addresses": (_("Not an email address"), english("is not an email address|is not an e-mail address")),
    "ids": (_("Not an id"), english("is not an id")),
    "choices": (
        _("None of the choices"),
        english(" is none of |is neither true nor false|at least one of nps and csat"),
    ),
    "long": (_("Too long"), english("at most |the record is longer than")),
    "controls": (_("A control character"), english("has the control character")),
    "misread": (_("Misread text"), english(" misread; was the file opened")),
}
"""Kinds of reasons: the label of each, and between bars the phrases that such reasons contain as they are stored."""


def open_by_default(query: "_ImmutableQueryDict") -> "_ImmutableQueryDict":
    """Return an address' query; where it narrows nothing, one that asks for the open rows."""
    if {*query} - _NARROWS_NOTHING:
        return query
    narrowed = query.copy()
    narrowed[StatusFilter.parameter_name] = _OPEN
    return QueryDict(narrowed.urlencode())


def asks_for_all_open(query: QueryDict) -> bool:
    """Return whether an address shows the open rows, and all of them."""
    return {*query} - (_NARROWS_NOTHING - {"q"}) == {StatusFilter.parameter_name} and _OPEN in query.values()


class StatusFilter(admin.SimpleListFilter):
    """Filter by state, and say how many rows each state has."""

    title = _("status")
    parameter_name = "status__exact"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        by_status = QuarantinedRow.objects.order_by().values_list("status").annotate(Count("pk"))
        counts = dict(by_status)
        states = [
            (value, say("{state} ({number})", state=label, number=counts.get(value, 0)))
            for value, label in QuarantinedRow.Status.choices
        ]
        return [*states, (ALL, say("All ({number})", number=sum(counts.values())))]

    def choices(self, changelist: ChangeList) -> "Iterator[_ListFilterChoices]":
        """Yield the states, without Django's choice of none, which would be that of all."""
        chosen = self.value() or ALL
        for value, label in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": value == chosen, "query_string": query, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[QuarantinedRow]) -> QuerySet[QuarantinedRow]:
        chosen = self.value() or ALL
        return queryset if chosen == ALL else queryset.filter(status=chosen)


class ReasonFilter(admin.SimpleListFilter):
    """Filter by a kind of reason, or by a column that a reason is about."""

    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the kinds in words, then the columns of the chosen feed, or of all feeds."""
        chosen = request.GET.get("feed__exact")
        feeds = [FEEDS[chosen]] if chosen in FEEDS else FEEDS.values()
        names = dict.fromkeys(name for feed in feeds for name in feed.column_names)
        kinds = [(key, str(words)) for key, (words, _phrases) in _REASONS.items()]
        return [
            *kinds,
            ("row", gettext("Anything about the row as a whole")),
            *((name, say("Anything about {column}", column=name)) for name in names),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[QuarantinedRow]) -> QuerySet[QuarantinedRow]:
        """Return the rows with such a reason: each begins with its column, and JSON escapes the quotes within one."""
        chosen = self.value()
        if not chosen:
            return queryset
        rows = queryset.annotate(reasons_text=Cast("reasons", TextField()))
        if chosen in _REASONS:
            condition = Q()
            for phrase in _REASONS[chosen][1].split("|"):
                condition |= Q(reasons_text__contains=phrase)
            return rows.filter(condition)
        first, later = Q(reasons_text__startswith=f'["{chosen}: '), Q(reasons_text__contains=f', "{chosen}: ')
        return rows.filter(first | later)


class RunFilter(admin.SimpleListFilter):
    """Filter by run; the newest runs with rows in quarantine are offered."""

    title = _("run")
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        rows = QuarantinedRow.objects.filter(run=OuterRef("pk"))
        runs = ImportRun.objects.filter(Exists(rows)).annotate(name=Cast("pk", CharField()))
        return [
            (name, say("run {run}: {file}", run=name, file=file))
            for name, file in runs.values_list("name", "file")[:RUNS_TO_CHOOSE]
        ]

    def has_output(self) -> bool:
        """Show the filter even without a choice, because a link may have narrowed the list."""
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[QuarantinedRow]) -> QuerySet[QuarantinedRow]:
        return queryset.filter(run=number_or_none(self.value())) if self.value() else queryset
