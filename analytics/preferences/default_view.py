"""The page that opens at login: the one for the work that a person does here, or what the person prefers."""

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from analytics.models import Preferences, Report
from customers.text.say import say

USUAL, DASHBOARD, MY_DAY, SUMMARY = "", "dashboard", "my-day", "summary"
_PAGES = {
    DASHBOARD: (_("Dashboard"), "admin:index"),
    MY_DAY: (_("My day"), "analytics:my-day"),
    SUMMARY: (_("Summary"), "analytics:summary"),
}
_REPORT = "report:"


def default_views(user: User) -> list[tuple[str, str]]:
    """Return the pages that a user may choose, each with its label."""
    usual = (USUAL, say("Usual for your role: {page}", page=_PAGES[usual_view(user)][0]))
    pages = [usual, *((name, str(label)) for name, (label, _where) in _PAGES.items())]
    reports = Report.objects.visible_to(user).order_by("name", "pk").values_list("pk", "name")
    return [*pages, *((f"{_REPORT}{pk}", say("Report: {name}", name=name)) for pk, name in reports)]


def usual_view(user: User) -> str:
    """Return the page of whoever has chosen none.

    The dashboard is for those who run the program, My day for those who look after customers, the summary for readers.
    """
    if user.has_perm("customers.upload_importrun") or not user.has_perm("customers.view_customer"):
        return DASHBOARD
    return MY_DAY if user.has_perm(settings.OWNERS_MAY) else SUMMARY


def start_address(user: User) -> str:
    """Return the address of a user's page; the usual one where that page is no longer there for them."""
    chosen = Preferences.of(user).default_view
    if chosen in _PAGES:
        return reverse(_PAGES[chosen][1])
    if chosen.startswith(_REPORT):
        report = Report.objects.visible_to(user).filter(pk=chosen.removeprefix(_REPORT)).first()
        if report:
            return reverse("analytics:report", args=[report.pk])
    return reverse(_PAGES[usual_view(user)][1])
