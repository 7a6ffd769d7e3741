"""One tag for each visual atom of our pages."""

from datetime import date

from django import template
from django.template import Context
from django.urls import reverse

from analytics.models import HealthStatus, Trend
from analytics.nights import Trouble
from analytics.visitor import visitor
from analytics.wording import days_ago

register = template.Library()

_ARROWS = {Trend.IMPROVING: "↑", Trend.STABLE: "→", Trend.DECLINING: "↓"}


@register.inclusion_tag("analytics/partials/status.html")
def health_status(status: str) -> dict[str, str]:
    """A health status as a pill with a mark of its own, so that colour is not all that tells."""
    return {"key": status, "label": HealthStatus(status).label}


@register.inclusion_tag("analytics/partials/trend.html")
def trend(value: str) -> dict[str, str]:
    """A trend as an arrow with its word."""
    return {"key": value, "label": Trend(value).label, "arrow": _ARROWS[Trend(value)]}


@register.inclusion_tag("analytics/partials/bar.html")
def bar(percent: int | None, label: str, tone: str = "accent") -> dict[str, int | str]:
    """A horizontal bar; ``label`` is what a screen reader says, ``tone`` one of the status keys or ``accent``."""
    return {"percent": percent or 0, "label": label, "tone": tone}


@register.inclusion_tag("analytics/partials/days_ago.html")
def since(day: date | None, today: date) -> dict[str, date | str | None]:
    """A day as the time that has passed by ``today``, the exact date on hover."""
    return {"day": day, "words": days_ago(day, today)}


@register.simple_tag(takes_context=True)
def customers_address(context: Context, *queries: str) -> str:
    """Where the list of customers is, narrowed by ``queries`` and as of the page's date."""
    asked = "&".join(query for query in (*queries, context["as_of"].query) if query)
    return f"{reverse('admin:index')}{'?' if asked else ''}{asked}#customers"


@register.filter
def or_dash(value: object) -> object:
    """A dash for what does not exist."""
    return "–" if value is None or value == "" else value


@register.filter
def or_dash_percent(value: int | None) -> str:
    """A percentage, or a dash."""
    return "–" if value is None else f"{value}%"


@register.filter
def signed_points(value: float | None) -> str:
    """Points with one decimal and their sign, or a dash."""
    if value is None:
        return "–"
    return "0.0" if round(value, 1) == 0 else f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


@register.inclusion_tag("analytics/partials/night.html", takes_context=True)
def night_banner(context: Context) -> dict[str, Trouble | None]:
    """What is wrong with the last night; nothing for those who may not see imports."""
    return {"trouble": visitor(context["request"]).trouble}
