"""The filter of the list of runs by where the rows are from."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy

from customers.models import ImportRun

if TYPE_CHECKING:
    from django.contrib.admin.filters import _ListFilterChoices

FILES, REPORTED, ALL = "files", "reported", "all"


class SourceFilter(admin.SimpleListFilter):
    """Filter by source: files, unless asked otherwise, because an ingest may add two runs each minute."""

    title = gettext_lazy("source")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(FILES, gettext("Files")), (REPORTED, gettext("Reported by the API")), (ALL, gettext("All"))]

    def choices(self, changelist: ChangeList) -> "Iterator[_ListFilterChoices]":
        """Yield the sources, without Django's choice of none, which is that of files."""
        chosen = self._chosen()
        for value, label in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": value == chosen, "query_string": query, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[ImportRun]) -> QuerySet[ImportRun]:
        chosen = self._chosen()
        if chosen == FILES:
            return queryset.exclude(scope__in=ImportRun.OF_API)
        return queryset if chosen == ALL else queryset.filter(scope__in=ImportRun.OF_API)

    def _chosen(self) -> str:
        chosen = self.value()
        return chosen if chosen in (REPORTED, ALL) else FILES
