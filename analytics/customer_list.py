"""The list of customers on the front page: narrowed, ordered and paged by the address."""

from datetime import date
from typing import Any

from django.http import HttpRequest

from analytics.filters import SnapshotFilter
from analytics.models import Snapshot
from analytics.tables import ROWS_PER_PAGE, CustomerTable


def customer_list(request: HttpRequest, day: date) -> dict[str, Any]:
    """What the list's template needs: ``filters``, ``filtering`` (whether any is set) and ``table``."""
    filters = SnapshotFilter(request.GET, queryset=Snapshot.objects.on(day))
    order = [name for name in request.GET.getlist("sort") if name.removeprefix("-") in CustomerTable.base_columns]
    table = CustomerTable(filters.qs, order_by=order or None)
    # By hand, because RequestConfig lets the address choose how many rows a page has.
    table.request = request
    table.paginate(per_page=ROWS_PER_PAGE)
    table.page = table.paginator.get_page(request.GET.get("page"))
    filtering = any(request.GET.getlist(name) != [""] for name in filters.filters if name in request.GET)
    return {"filters": filters, "filtering": filtering, "table": table}
