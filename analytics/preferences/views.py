"""One's own preferences, and the way to the page that one prefers."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from analytics.preferences.default_view import start_address
from analytics.preferences.forms import PreferencesForm
from customers.core.pages import StaffRequest, admin_page, admin_response


@admin_page()
def preferences(request: StaffRequest) -> HttpResponse:
    """Show one's preferences; store what is sent."""
    form = PreferencesForm(request.POST if request.method == "POST" else None, request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Preferences saved.")
        return redirect("preferences")
    context = {"title": "Preferences", "form": form, "now": timezone.localtime()}
    return admin_response(request, "analytics/preferences/page.html", context, status=422 if form.errors else 200)


@admin_page()
def start(request: StaffRequest) -> HttpResponse:
    """Lead to the page that opens at login; tell whoever has no role why there is none."""
    if not request.user.get_all_permissions():
        return admin_response(request, "analytics/preferences/no_role.html", {"title": "No role yet"})
    return redirect(start_address(request.user))
