"""One's own preferences, and the way to the page that one prefers."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from analytics.models import Preferences
from analytics.preferences.default_view import start_address
from analytics.preferences.forms import PreferencesForm
from customers.core.pages import StaffRequest, admin_page, admin_response, next_page


@admin_page()
def preferences(request: StaffRequest) -> HttpResponse:
    """Show one's preferences; store what is sent."""
    form = PreferencesForm(request.POST if request.method == "POST" else None, request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, gettext("Preferences saved."))
        return redirect("preferences")
    context = {"title": gettext("Preferences"), "form": form, "now": timezone.localtime()}
    return admin_response(request, "analytics/preferences/page.html", context, status=422 if form.errors else 200)


@admin_page()
def start(request: StaffRequest) -> HttpResponse:
    """Lead to the page that opens at login; tell whoever has no role why there is none."""
    if not request.user.get_all_permissions():
        return admin_response(request, "analytics/preferences/no_role.html", {"title": gettext("No role yet")})
    return redirect(start_address(request.user))


@require_POST
@admin_page()
def close_tour(request: StaffRequest) -> HttpResponse:
    """Keep the tour closed for the visitor, for good, and go back to where they were."""
    chosen = Preferences.of(request.user)
    if not chosen.tour_closed_at:
        chosen.tour_closed_at = timezone.now()
        chosen.save()
    return redirect(next_page(request, reverse("admin:index")))
