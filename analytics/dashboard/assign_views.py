"""Assign an owner to customers that were ticked in the list, or to all that its filters leave."""

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from analytics.pages.as_of import as_of
from analytics.reports.open_report import opened_report, requested_list
from customers.core.pages import admin_page
from customers.feeds.cell_types import valid_key
from customers.models import Customer
from customers.owners.views import MAY_ASSIGN, assign_page


@admin_page("customers.view_customer", MAY_ASSIGN)
def assign(request: HttpRequest) -> HttpResponse:
    """Who is meant: ``customer=`` (repeated), or with ``all=1`` everybody whom the address' filters leave.

    The address' query is the list's own, so that the way back leads to it. A link may name a single customer.
    """
    back = _list_address(request)
    if request.POST.get("all"):
        day = as_of(request).portfolio
        filters = requested_list(request, day.date, opened_report(request)).filters if day else None
        if filters is None or not filters.form.is_valid():
            # What the filters do not understand, the list leaves out: that would be more customers than were meant.
            raise BadRequest("The list cannot be filtered like this.")
        customers = Customer.objects.filter(pk__in=filters.qs.order_by().values("customer"))
        return assign_page(request, customers, [("all", "1")], back)
    keys = [key for key in (request.POST or request.GET).getlist("customer") if valid_key(key)]
    if not keys:
        if request.method == "POST":
            messages.error(request, "No customer was ticked.")
        return redirect(back)
    customers = Customer.objects.filter(pk__in=keys)
    if len(keys) == 1:
        back = reverse("analytics:customer", args=keys)
    return assign_page(request, customers, [("customer", key) for key in keys], back)


def _list_address(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("customer", None)
    return f"{reverse('admin:index')}{'?' if query else ''}{query.urlencode()}#customers"
