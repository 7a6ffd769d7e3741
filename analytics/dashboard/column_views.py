"""One's own columns of the customer table: which, in which order, how wide; kept, or given up for standard ones."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext

from analytics.customer_list.columns import STANDARD_COLUMNS, TABLE_COLUMNS
from analytics.customer_list.own_columns import (
    DOWN,
    NAME,
    UP,
    WIDTHS,
    OwnColumns,
    keep_columns,
    known_columns,
    own_columns,
    sent_columns,
)
from customers.core.pages import StaffRequest, admin_page, admin_response, next_page
from customers.text.say import say


@dataclass(frozen=True)
class ColumnRow:
    """A column that is shown: its name and label, and its width in pixels; 0 is as wide as its cells."""

    name: str
    label: str
    width: int


@admin_page("customers.view_customer")
def keep(request: StaffRequest) -> HttpResponse:
    """Show the columns to be ordered; keep those that are sent, or show them in the report from which they come.

    Without any, the table has its standard ones again. A move changes the form alone.
    """
    back = next_page(request, reverse("admin:index"))
    is_of_report = "report" in QueryDict(urlsplit(back).query)
    if request.method != "POST":
        own = own_columns(request.user)
        asked = known_columns(request.GET.get("columns", "").split(","))
        names = asked or (() if is_of_report else own.names) or STANDARD_COLUMNS
        return _form(request, OwnColumns(names, own.widths), back, is_of_report=is_of_report)
    sent = sent_columns(request.POST)
    if UP in request.POST or DOWN in request.POST:
        return _form(request, sent, back, is_of_report=is_of_report)
    if "show" in request.POST:
        return redirect(_showing(back, sent))
    keep_columns(request.user, sent)
    said = gettext("Saved as your columns.") if sent.names else gettext("The table has its standard columns again.")
    messages.success(request, said)
    return redirect(back)


def _form(request: StaffRequest, own: OwnColumns, back: str, *, is_of_report: bool) -> HttpResponse:
    widths, names = dict(own.widths), (NAME, *own.names)
    moved = request.POST.get(UP, "") or request.POST.get(DOWN, "")
    place = names.index(moved) if moved in names else 0
    context = {
        "title": gettext("Columns of the customer table"),
        "rows": [ColumnRow(name, TABLE_COLUMNS[name].heading, widths.get(name, 0)) for name in names],
        "others": [one for name, one in TABLE_COLUMNS.items() if name not in names],
        "widths": [(0, gettext("Auto")), *WIDTHS.items()],
        "is_of_report": is_of_report,
        "news": _news(TABLE_COLUMNS[moved].heading, place, len(own.names)) if place else "",
        "next": back,
    }
    return admin_response(request, "analytics/customer_list/column_order.html", context)


def _news(column: str, place: int, count: int) -> str:
    """Say aloud where a column is after its move."""
    return say("{column}: {place} of {count}", column=column, place=place, count=count)


def _showing(back: str, own: OwnColumns) -> str:
    """Return the address of the table with these columns."""
    parts = urlsplit(back)
    query = QueryDict(parts.query, mutable=True)
    query.pop("columns", None)
    if own.names:
        query["columns"] = ",".join(own.names)
    return parts._replace(query=query.urlencode(safe=",")).geturl()
