"""The way from a customer's page to the one before or after it in the list that one came from."""

from collections.abc import Callable, Mapping

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext

from analytics.alert_list.listing import customers_of_alerts
from analytics.customer_list.list_page import MAX_PAGES, rows_per_page
from analytics.display.source_list import ALERTS, AT, MILESTONES, MY_DAY, TASKS, SourceList, source_list
from analytics.insights.milestones import customers_of_milestones
from analytics.models import Snapshot
from analytics.my_day.page import customers_of_day
from analytics.pages.as_of import as_of
from analytics.reports.open_report import opened_report, requested_list
from analytics.tasks.listing import customers_of_tasks
from customers.core.pages import admin_page, user_of
from customers.text.numbers import number_or_none


@admin_page("customers.view_customer")
def neighbor(request: HttpRequest, pk: str, step: int) -> HttpResponse:
    """Lead to the customer ``step`` places after this one in the list of the address; to the list where it ends."""
    query = request.GET.copy()
    if source := source_list(request):
        return _in_list(request, source, pk, step)
    portfolio = as_of(request).portfolio
    found = None
    if portfolio:
        asked = requested_list(request, portfolio.date, opened_report(request))
        keys = asked.customers.select_related(None).values_list("customer_id", flat=True)
        number = min(max(number_or_none(query.get("page", "")) or 1, 1), MAX_PAGES)
        found = find_neighbor(keys, pk, step, number, rows_per_page(query))
    if found is None:
        _tell_end(request, step)
        return redirect(f"{reverse('admin:index')}{'?' if query else ''}{query.urlencode()}#customers")
    key, number = found
    query.pop("page", None)
    if number > 1:
        query["page"] = str(number)
    page = reverse("analytics:customer", args=[key])
    return redirect(f"{page}{'?' if query else ''}{query.urlencode()}")


def _in_list(request: HttpRequest, source: SourceList, pk: str, step: int) -> HttpResponse:
    """Lead to the neighbor in My day, the alerts, the tasks or the milestones.

    Who was dealt with has left such a list: the next one stands in the same place.
    """
    permission, customers = _LISTS[source.name]
    if not user_of(request).has_perm(permission):
        raise PermissionDenied
    keys = customers(request, source.query)
    if pk in keys:
        place = keys.index(pk) + step
    else:
        place = -1 if source.place is None else min(source.place, len(keys)) + min(step, 0)
    if not 0 <= place < len(keys):
        _tell_end(request, step)
        return redirect(source.address)
    query = request.GET.copy()
    query[AT] = str(place)
    return redirect(f"{reverse('analytics:customer', args=[keys[place]])}?{query.urlencode()}")


def _tell_end(request: HttpRequest, step: int) -> None:
    if step > 0:
        messages.info(request, gettext("There is no next customer in this list."))
    else:
        messages.info(request, gettext("There is no previous customer in this list."))


_LISTS: Mapping[str, tuple[str, Callable[[HttpRequest, QueryDict], list[str]]]] = {
    MY_DAY: ("customers.view_customer", lambda request, query: customers_of_day(request, query, as_of(request))),
    ALERTS: ("analytics.view_alert", customers_of_alerts),
    MILESTONES: ("customers.view_customer", customers_of_milestones),
    TASKS: ("analytics.view_task", lambda _request, query: customers_of_tasks(query)),
}
"""Who may see each list, and its customers in their order."""


def find_neighbor(
    keys: QuerySet[Snapshot, str], pk: str, step: int, number: int, per_page: int
) -> tuple[str, int] | None:
    """Return the key ``step`` places (1 or -1) after another one, and its page; None where there is none.

    It is looked for on the page ``number`` and the rows beside it; on all pages where it has moved away from there.
    """
    start = max((number - 1) * per_page - 1, 0)
    for first, rows in ((start, keys[start : number * per_page + 1]), (0, keys)):
        found = list(rows)
        place = found.index(pk) + step if pk in found else -1
        if 0 <= place < len(found):
            return found[place], (first + place) // per_page + 1
    return None
