"""The palette's results, as a page or as the part of one; and the list of keys."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from analytics.pages.user_summary import user_summary
from analytics.wording import counted
from customers.core.pages import StaffRequest, admin_page, admin_response
from customers.text.say import say
from rsolv_cs import navigation
from rsolv_cs.palette.find import MAX_LENGTH, find


@admin_page()
def search(request: StaffRequest) -> HttpResponse:
    """Show what ``q`` finds; with ``part`` without the page around it, for the palette."""
    text = request.GET.get("q", "").strip()[:MAX_LENGTH]
    groups = find(request.user, text, user_summary(request).version.data)
    count = sum(len(group.results) for group in groups)
    nothing = say("No results for “{text}”", text=text)
    said = nothing if not count else counted(count, "result") if text else ""
    context = {"title": gettext("Search"), "text": text, "groups": groups, "said": said}
    if "part" in request.GET:
        return render(request, "palette/results.html", context)
    return admin_response(request, "palette/page.html", context)


@admin_page()
def shortcuts(request: StaffRequest) -> HttpResponse:
    """List the keys that do something; with ``part`` without the page around it, for a dialog."""
    pages = [page for page in navigation.pages(request.user) if page.key]
    context = {"title": gettext("Keyboard shortcuts"), "pages": pages}
    if "part" in request.GET:
        return render(request, "palette/keys.html", context)
    return admin_response(request, "palette/shortcuts.html", context)
