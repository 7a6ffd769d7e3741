"""A page of the list of alerts: its filters, whose alerts they are, and the alerts as HTML.

The alerts are kept as HTML until anybody edits anything: all whose address and permissions are the same read the same.
"""

import secrets
from dataclasses import dataclass
from datetime import date

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from analytics.alert_list.listing import NOBODY, YES, AlertFilter, alert_choices, alert_filter, ignored
from analytics.models import Alert
from analytics.page_cache import page_cache
from analytics.pages.user_summary import user_summary
from customers.core.pages import user_of

ROWS_PER_PAGE = 25
_TOKEN = f"token-{secrets.token_hex(8)}"
"""Stands in the kept alerts for the reader's CSRF token; nobody outside this process can say it."""


class ChoicesKey(page_cache.StateKey):
    """Of whom and what the filters offer."""


class AlertsKey(page_cache.StateKey):
    """Of a page of alerts as HTML: which one it is, and what its readers may do."""

    today: date
    address: str
    may: str


@dataclass(frozen=True)
class ListedAlerts:
    """How many alerts the filters leave, and a page of them."""

    count: int
    html: SafeString


def in_full(request: HttpRequest) -> str:
    """Return the query of the address with the visitor named where it means the visitor; '' where it does not.

    It does where it says "mine", and where it asks for nothing and the visitor owns customers.
    """
    asks = any(name in request.GET for name in AlertFilter.base_filters)
    if request.GET.get("mine", "").lower() not in YES and (asks or not user_summary(request).owns):
        return ""
    named = request.GET.copy()
    named.pop("mine", None)
    named["told"] = str(request.user.pk)
    return named.urlencode()


@dataclass(frozen=True)
class Whose:
    """A choice of the switch: its label, the address' query for it, and whether it is what is shown."""

    label: str
    query: str
    is_chosen: bool


def whose(request: HttpRequest) -> list[Whose]:
    """Return the choices of whose alerts are shown: Mine are those that the sidebar counts."""
    me, told, owner = str(request.user.pk), request.GET.get("told", ""), request.GET.get("owner", "")
    rest = request.GET.copy()
    for name in ("told", "owner", "mine", "page"):
        rest.pop(name, None)
    kept = f"&{rest.urlencode()}" if rest else ""
    return [
        Whose(gettext("Mine"), f"told={me}{kept}", told == me and not owner),
        Whose(gettext("Team"), f"told={kept}", not told and not owner),
        Whose(gettext("Unassigned"), f"owner={NOBODY}{kept}", owner == NOBODY and not told),
    ]


def alert_list(request: HttpRequest, refused: dict[str, object] | None) -> dict[str, object]:
    """Return what the page shows, in constant queries: filters, how many alerts they leave, a page of them.

    ``refused`` is what was refused of an act on many, to be shown again. ``ignored`` says in words what of the
    address is not understood.
    """
    version = user_summary(request).version
    choices = page_cache.get_or_set(ChoicesKey(version=version), alert_choices)
    filters = alert_filter(request, known=choices)
    context = {
        "filters": filters,
        "filtering": any(request.GET.getlist(name) != [""] for name in filters.filters if name in request.GET),
        "ignored": list(ignored(request.GET, filters)),
    }
    if refused:
        listed = _listed(request, filters, {**context, "refused": refused})
    else:
        user = user_of(request)
        key = AlertsKey(
            version=version,
            today=filters.today,
            address=request.get_full_path(),
            may=page_cache.digest(user.is_superuser or sorted(user.get_all_permissions())),
        )
        listed = page_cache.get_or_set(key, lambda: _listed(request, filters, context))
    alerts = SafeString(listed.html.replace(_TOKEN, get_token(request)))
    return {**context, "count": listed.count, "alerts": alerts, "whose": whose(request)}


def _listed(request: HttpRequest, filters: AlertFilter, context: dict[str, object]) -> ListedAlerts:
    # The database sorts the keys of all, and whole rows of the page alone.
    keys = filters.qs.worst_first(filters.today).values_list("pk", flat=True)
    page = Paginator(keys, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    rows = Alert.objects.select_related("rule", "customer__care__owner").filter(pk__in=page.object_list)
    page.object_list = rows.worst_first(filters.today)
    shown = {
        **context,
        "page": page,
        "today": filters.today,
        "is_understood": not (context["ignored"] or filters.errors),
        "csrf_token": _TOKEN,
    }
    return ListedAlerts(page.paginator.count, render_to_string("analytics/alert_list/list.html", shown, request))
