"""The front page and its export: from a request to what ``dashboard`` and its neighbours say, and back."""

import tempfile

from django.contrib import admin, messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from analytics import dashboard as read
from analytics.as_of import as_of
from analytics.customer_list import customer_list
from analytics.exports import archive_name, write_archive
from customers.lock import Busy
from customers.models import Customer
from customers.pages import admin_page

SPOOL = 8 * 1024 * 1024


@admin_page("customers.view_customer")
def dashboard(request: HttpRequest) -> HttpResponse:
    """The front page: how the program does, and every customer."""
    shown = as_of(request)
    portfolio = shown.portfolio
    context = {
        **admin.site.each_context(request),
        "title": "Customer Success",
        "as_of": shown,
        "feeds": read.feed_states(),
        "quarantined": read.quarantined_rows(),
    }
    if portfolio is None:
        context["any_customer"] = Customer.objects.exists()
        return TemplateResponse(request, "analytics/empty.html", context)
    context |= {
        "summary": read.summary(portfolio),
        "progress": read.onboarding_progress(portfolio),
        "distribution": read.health_distribution(portfolio),
        "history": read.health_history(portfolio),
        **customer_list(request, portfolio.date),
    }
    return TemplateResponse(request, "analytics/dashboard.html", context)


@admin_page("customers.export_customer")
def export(request: HttpRequest) -> HttpResponse:
    """Download the archive of the date that the page shows."""
    portfolio = as_of(request).portfolio
    if portfolio is None:
        messages.error(request, "Nothing is scored yet, so there is nothing to export.")
        return redirect("admin:index")
    file = tempfile.SpooledTemporaryFile(max_size=SPOOL)  # noqa: SIM115 - the response closes it
    try:
        write_archive(file, portfolio)
    except Busy:
        file.close()
        messages.error(request, "An import or a scoring is running; export again in a minute.")
        return redirect("admin:index")
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=archive_name(portfolio.date))
