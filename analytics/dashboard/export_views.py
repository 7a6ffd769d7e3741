"""The download of the customer list."""

from typing import IO

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from analytics.customer_list.export import TableExport
from analytics.models import ExportFormat
from analytics.pages.as_of import as_of
from analytics.reports.open_report import opened_report, requested_list
from analytics.reports.saved_views import file_name
from analytics.segments.address import narrowed_query
from customers.audit.export import Export, export_response
from customers.core.pages import admin_page
from customers.core.sql import read_snapshot
from customers.text.say import Words, say_later
from customers.workbooks.writer import TooLarge


class NotExported(Exception):
    """The customers cannot be exported; the message says why, and ``query`` is how the list was narrowed.

    The reason is put into words where it is read, since the file is written in English.
    """

    def __init__(self, reason: Words, query: str) -> None:
        super().__init__(reason)
        self.query = query


@admin_page("customers.view_customer", "customers.export_customer")
def export_customers(request: HttpRequest, format: str) -> HttpResponseBase:
    """Download the customers that the address narrows the list to; where it cannot be, say why, and show the list."""
    if format not in ExportFormat.values:
        raise Http404
    try:
        return export_response(lambda file: _write(request, ExportFormat(format), file))
    except NotExported as fault:
        messages.error(request, str(fault))
        return redirect(f"{reverse('admin:index')}{'?' if fault.query else ''}{fault.query}#customers")


def _write(request: HttpRequest, format: ExportFormat, file: IO[bytes]) -> Export:
    with read_snapshot():
        portfolio = as_of(request).portfolio
        if portfolio is None:
            raise NotExported(_("Nothing is scored yet, so there is nothing to export."), narrowed_query(request.GET))
        report = opened_report(request)
        asked = TableExport(requested_list(request, portfolio.date, report), portfolio)
        query = asked.list.query(asked.list.address)
        if asked.list.filters.errors or (report and report.wrong):
            raise NotExported(_("Nothing was exported, because a filter was not understood."), query)
        try:
            asked.write(format, file)
        except TooLarge as fault:
            why = say_later("{problem} Export fewer customers, or export CSV.", problem=fault.args[0])
            raise NotExported(why, query) from fault
    if report and not report.is_changed:
        return asked.export(file_name(report.report, portfolio.date, format))
    return asked.export(f"customers_{portfolio.date}.{format.extension}")
