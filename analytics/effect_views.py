"""The page that asks of each kind of action whether it helped."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from analytics import effects as read
from analytics.as_of import as_of
from customers.pages import admin_page


@admin_page("customers.view_customer", "analytics.view_task")
def effects(request: HttpRequest) -> HttpResponse:
    """How the score moved after each kind of action, beside similar customers without it."""
    shown = as_of(request)
    context = {
        **admin.site.each_context(request),
        "title": "Did it help",
        "as_of": shown,
        "kinds": read.effects(shown.portfolio.date) if shown.portfolio else [],
        "horizons": read.HORIZONS,
        "near": read.NEAR,
        "apart": read.APART_DAYS,
        "least": read.LEAST_CASES,
        "look_back": read.LOOK_BACK,
    }
    return TemplateResponse(request, "analytics/effects.html", context)
