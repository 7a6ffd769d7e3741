"""The tour: three things for somebody new to know, each with the page where it is."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext

from analytics.models import Preferences


@dataclass(frozen=True)
class Step:
    """What to know, and where it is."""

    title: str
    text: str
    address: str


def tour_of(user: User) -> list[Step]:
    """Return the steps of a user's tour by what they may do; none once they have closed it."""
    if Preferences.of(user).tour_closed_at:
        return []
    return [_where_to_begin(user), _score(), _search()]


def _where_to_begin(user: User) -> Step:
    if user.has_perm("customers.upload_importrun"):
        text = gettext(
            "Upload a file and see what it would change before anything is loaded. Every import can be undone."
        )
        return Step(gettext("Import runs"), text, reverse("admin:customers_importrun_changelist"))
    if user.has_perm("analytics.add_deferral"):
        text = gettext(
            "Your customers who need somebody, the worst first. Write, create a task or snooze without leaving it."
        )
        return Step(gettext("My day"), text, reverse("analytics:my-day"))
    text = gettext("The six figures, what changed in a week, and the customers to act on first.")
    return Step(gettext("Summary"), text, reverse("analytics:summary"))


def _score() -> Step:
    text = gettext(
        "Every figure and name leads to what is behind it: a customer's page explains the score point by point."
    )
    return Step(gettext("Dashboard"), text, reverse("admin:index"))


def _search() -> Step:
    text = gettext("Press Ctrl+K (⌘K on a Mac) for customers, pages and actions, and ? for all keys.")
    return Step(gettext("Find anything"), text, reverse("search"))
