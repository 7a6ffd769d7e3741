"""The page that opens at login: the dashboard, or what a person prefers."""

from django.contrib.auth.models import User
from django.urls import reverse

from analytics.models import Preferences, Report

DASHBOARD = ""
_PAGES = {"my-day": ("My day", "analytics:my-day"), "summary": ("Summary", "analytics:summary")}
_REPORT = "report:"


def default_views(user: User) -> list[tuple[str, str]]:
    """Return the pages that a user may choose, each with its label."""
    pages = [(DASHBOARD, "Dashboard"), *((name, label) for name, (label, _address) in _PAGES.items())]
    reports = Report.objects.visible_to(user).order_by("name", "pk").values_list("pk", "name")
    return [*pages, *((f"{_REPORT}{pk}", f"Report: {name}") for pk, name in reports)]


def start_address(user: User) -> str:
    """Return the address of a user's page; the dashboard's where that page is no longer there for them."""
    chosen = Preferences.of(user).default_view
    if chosen in _PAGES:
        return reverse(_PAGES[chosen][1])
    if chosen.startswith(_REPORT):
        report = Report.objects.visible_to(user).filter(pk=chosen.removeprefix(_REPORT)).first()
        if report:
            return reverse("analytics:report", args=[report.pk])
    return reverse("admin:index")
