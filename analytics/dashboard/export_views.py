"""The download of the customer list."""

import tempfile

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from analytics.customer_list.chips import narrowed_query
from analytics.customer_list.export import TableExport
from analytics.models import ExportFormat
from analytics.pages.as_of import as_of
from analytics.reports.saved_views import file_name, opened
from customers.core.pages import admin_page
from customers.core.sql import one_moment
from customers.workbooks.writer import TooLarge

SPOOL = 8 * 1024 * 1024


@admin_page("customers.view_customer", "customers.export_customer")
def export_customers(request: HttpRequest, format: str) -> HttpResponse:
    """Download the customers that the address narrows the list to; where it cannot be, say why, and show the list."""
    if format not in ExportFormat.values:
        raise Http404
    export_format = ExportFormat(format)
    file = tempfile.SpooledTemporaryFile(max_size=SPOOL)  # noqa: SIM115 - the response closes it
    with one_moment():
        portfolio = as_of(request).portfolio
        why_not = "Nothing is scored yet, so there is nothing to export."
        if portfolio:
            report = opened(request)
            asked = TableExport(request, portfolio, me=report.me if report else None, is_report=report is not None)
            wrong = asked.list.filters.errors or (report and report.wrong)
            why_not = "Nothing was exported, because a filter was not understood." if wrong else ""
        if portfolio and not why_not:
            try:
                asked.write(export_format, file)
            except TooLarge as fault:
                why_not = f"{fault} Export fewer customers, or export CSV."
    if why_not:
        file.close()
        messages.error(request, why_not)
        query = asked.list.query(asked.list.address) if portfolio else narrowed_query(request.GET)
        return redirect(f"{reverse('admin:index')}{'?' if query else ''}{query}#customers")
    asked.record()
    file.seek(0)
    name = f"customers_{portfolio.date}.{export_format.extension}"
    if report and not report.is_changed:
        name = file_name(report.report, portfolio.date, export_format)
    return FileResponse(file, as_attachment=True, filename=name)
