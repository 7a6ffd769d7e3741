"""One's own columns of the customer table: kept, or given up for the usual ones."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from analytics.customer_list.own_columns import keep_columns
from customers.core.pages import StaffRequest, admin_page, next_page


@admin_page("customers.view_customer")
def keep(request: StaffRequest) -> HttpResponse:
    """Keep the columns that are sent for the visitor; without any, the table has its usual ones again."""
    if request.method == "POST":
        kept = keep_columns(request.user, request.POST.getlist("columns"))
        messages.success(request, "Kept as your columns." if kept else "The table has its standard columns again.")
    return redirect(next_page(request, reverse("admin:index")))
