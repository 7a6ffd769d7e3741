"""Which customers of the table a request means: those that are selected, or all that its filters leave."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext

from analytics.pages.as_of import as_of
from analytics.reports.open_report import opened_report, requested_list
from customers.feeds.cell_types import valid_key
from customers.models import Customer


@dataclass(frozen=True)
class Selection:
    """The customers, the hidden values of a form that name them again, and the way back."""

    customers: QuerySet[Customer]
    sent: list[tuple[str, str]]
    back: str


def selection(request: HttpRequest) -> Selection | None:
    """Return who is meant: ``customer=`` (repeated), or with ``all=1`` all that the address' filters leave.

    None where nobody is. The address' query is the list's own, so that the way back leads to it. A link may name a
    single customer, whose page is then the way back.
    """
    if request.POST.get("all"):
        return Selection(_all_found(request), [("all", "1")], _list_address(request))
    keys = [key for key in (request.POST or request.GET).getlist("customer") if valid_key(key)]
    if not keys:
        return None
    back = reverse("analytics:customer", args=keys) if len(keys) == 1 else _list_address(request)
    return Selection(Customer.objects.filter(pk__in=keys), [("customer", key) for key in keys], back)


def nobody_selected(request: HttpRequest) -> HttpResponse:
    """Lead back to the table, and say that no customer is selected where that was forgotten."""
    if request.method == "POST":
        messages.error(request, gettext("No customer is selected."))
    return redirect(_list_address(request))


def _list_address(request: HttpRequest) -> str:
    """Return the address of the table that a request came from."""
    query = request.GET.copy()
    query.pop("customer", None)
    return f"{reverse('admin:index')}{'?' if query else ''}{query.urlencode()}#customers"


def _all_found(request: HttpRequest) -> QuerySet[Customer]:
    day = as_of(request).portfolio
    filters = requested_list(request, day.date, opened_report(request)).filters if day else None
    if filters is None or not filters.form.is_valid():
        # What the filters do not understand, the list leaves out: that would be more customers than were meant.
        raise BadRequest(gettext("The list cannot be filtered like this."))
    return Customer.objects.filter(pk__in=filters.qs.order_by().values("customer"))
