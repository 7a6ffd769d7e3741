"""The list from which a customer's page was opened: the page leads back to it, and to its next customer.

The address of a customer's page says ``?list=alerts%3Fseverity%3Dcritical&at=3``: the name of the list with the query
of its address, and how many customers stood before this one. Without a ``list`` it is the dashboard's customer table.
"""

from dataclasses import dataclass

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from customers.text.numbers import number_or_none

LIST, AT = "list", "at"
MY_DAY, ALERTS, TASKS, MILESTONES = "my-day", "alerts", "tasks", "milestones"
_LABELS = {
    MY_DAY: _("My day"),
    ALERTS: _("the alerts"),
    TASKS: _("the tasks"),
    MILESTONES: _("the milestones"),
}


@dataclass(frozen=True)
class SourceList:
    """A list by its name, the query of its address, and the place that the customer had in it, if it is known."""

    name: str
    query: QueryDict
    place: int | None

    @property
    def label(self) -> str:
        """Return what the list is called in “Back to …”."""
        return str(_LABELS[self.name])

    @property
    def address(self) -> str:
        """Return where the list is."""
        return f"{reverse(f'analytics:{self.name}')}{'?' if self.query else ''}{self.query.urlencode()}"


def source_list(request: HttpRequest) -> SourceList | None:
    """Return the list that an address names; None for the customer table, and for what is no list."""
    name, _mark, query = request.GET.get(LIST, "").partition("?")
    if name not in _LABELS:
        return None
    return SourceList(name, QueryDict(query), number_or_none(request.GET.get(AT, "")))


def way_from(name: str, address: QueryDict, place: int) -> str:
    """Return the query for the page of a customer at a place (from 0) of a list with this address' query."""
    query = address.urlencode()
    return urlencode([(LIST, f"{name}?{query}" if query else name), (AT, str(place))])
