"""The page that asks of each kind of action whether it helped."""

from django.contrib import admin
from django.core.cache import cache
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from analytics.insights import effects as read
from analytics.models import ActionKind, PortfolioDay, Task
from analytics.pages.as_of import as_of
from customers.core.pages import admin_page

KEPT_SECONDS = 24 * 60 * 60


@admin_page("customers.view_customer", "analytics.view_task")
def effects(request: HttpRequest) -> HttpResponse:
    """How the score moved after each kind of action, beside similar customers without it."""
    shown = as_of(request)
    context = {
        **admin.site.each_context(request),
        "title": "Did it help",
        "as_of": shown,
        "kinds": _effects(shown.portfolio) if shown.portfolio else [],
        "horizons": read.HORIZONS,
        "near": read.NEAR,
        "apart": read.APART_DAYS,
        "least": read.LEAST_CASES,
        "look_back": read.LOOK_BACK,
        "most_compared": read.MOST_COMPARED,
    }
    return TemplateResponse(request, "analytics/insights/effects.html", context)


def _effects(portfolio: PortfolioDay) -> list[tuple[ActionKind, list[read.Effect]]]:
    """The effects as of a date, kept under a key that no longer fits once a task is closed or a date is scored."""
    done = Task.objects.filter(state=Task.State.DONE).aggregate(Count("pk"), Max("closed_at"))
    days = PortfolioDay.objects.filter(date__lte=portfolio.date)
    scored = days.aggregate(Count("pk"), Max("scored_at"), stale=Count("pk", filter=Q(stale=True)))
    state = "|".join(str(value) for value in (*done.values(), *scored.values())).replace(" ", "T")
    key = f"effects|{portfolio.date}|{state}"
    found = cache.get(key)
    if found is None:
        found = read.effects(portfolio.date)
        cache.set(key, found, KEPT_SECONDS)
    return found
