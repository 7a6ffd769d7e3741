"""The way from a customer's page to the one before or after it in the list that one came from."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from analytics.customer_list.list_page import MAX_PAGES, rows_per_page
from analytics.models import Snapshot
from analytics.pages.as_of import as_of
from analytics.reports.open_report import opened_report, requested_list
from customers.core.pages import admin_page
from customers.text.numbers import number_or_none


@admin_page("customers.view_customer")
def neighbor(request: HttpRequest, pk: str, step: int) -> HttpResponse:
    """Lead to the customer ``step`` places after this one in the list of the address; to the list where it ends."""
    query = request.GET.copy()
    portfolio = as_of(request).portfolio
    found = None
    if portfolio:
        asked = requested_list(request, portfolio.date, opened_report(request))
        keys = asked.customers.select_related(None).values_list("customer_id", flat=True)
        number = min(max(number_or_none(query.get("page", "")) or 1, 1), MAX_PAGES)
        found = find_neighbor(keys, pk, step, number, rows_per_page(query))
    if found is None:
        messages.info(request, f"There is no {'next' if step > 0 else 'previous'} customer in this list.")
        return redirect(f"{reverse('admin:index')}{'?' if query else ''}{query.urlencode()}#customers")
    key, number = found
    query.pop("page", None)
    if number > 1:
        query["page"] = str(number)
    page = reverse("analytics:customer", args=[key])
    return redirect(f"{page}{'?' if query else ''}{query.urlencode()}")


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
