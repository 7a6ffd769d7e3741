"""The page that asks of each kind of action whether it helped."""

from datetime import date

from django.http import HttpRequest, HttpResponse

from analytics.insights.effect_cases import APART_DAYS, HORIZONS, LOOK_BACK, MAX_SAMPLE
from analytics.insights.effects import MIN_CASES, NEAR, Effect
from analytics.insights.effects import effects_by_kind as read_effects
from analytics.models import ActionKind
from analytics.page_cache import page_cache
from analytics.pages.as_of import as_of
from analytics.pages.user_summary import user_summary
from customers.core.pages import admin_page, admin_response


class EffectsKey(page_cache.StateKey):
    """Of the effects as of a scored date."""

    day: date


@admin_page("customers.view_customer", "analytics.view_task")
def effects(request: HttpRequest) -> HttpResponse:
    """How the score moved after each kind of action, beside similar customers without it."""
    shown = as_of(request)
    context = {
        "title": "Impact",
        "as_of": shown,
        "kinds": _effects(request, shown.portfolio.date) if shown.portfolio else [],
        "horizons": HORIZONS,
        "near": NEAR,
        "apart": APART_DAYS,
        "least": MIN_CASES,
        "look_back": LOOK_BACK,
        "max_sample": MAX_SAMPLE,
    }
    return admin_response(request, "analytics/insights/effects.html", context)


def _effects(request: HttpRequest, day: date) -> list[tuple[ActionKind, list[Effect]]]:
    """The effects as of a date, kept until anything changes."""
    return page_cache.get_or_set(EffectsKey(version=user_summary(request).version, day=day), lambda: read_effects(day))
