"""The visual atoms of our pages: the few elements that each page has many of, without the cost of a template."""

from datetime import date

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from analytics.models import HealthStatus, Trend
from analytics.wording import days_ago

_ARROWS = {Trend.IMPROVING: "↑", Trend.STABLE: "→", Trend.DECLINING: "↓"}
_WARNING = mark_safe('<span aria-hidden="true">⚠</span> ')


def health_status(status: str) -> SafeString:
    """A health status as a pill with a mark of its own, so that colour is not all that tells."""
    mark = _WARNING if status == HealthStatus.AT_RISK else ""
    return format_html('<span class="pill pill-{}">{}{}</span>', status, mark, HealthStatus(status).label)


def trend(value: str) -> SafeString:
    """A trend as an arrow with its word."""
    html = '<span class="trend trend-{}"><span aria-hidden="true">{}</span> {}</span>'
    return format_html(html, value, _ARROWS[Trend(value)], Trend(value).label)


def bar(percent: int | None, label: str, tone: str = "accent") -> SafeString:
    """A horizontal bar; ``label`` is what a screen reader says, ``tone`` one of the status keys or ``accent``."""
    html = '<progress class="bar bar-{}" max="100" value="{}" aria-label="{}">{}%</progress>'
    return format_html(html, tone, percent or 0, label, percent or 0)


def since(day: date | None, today: date) -> SafeString | str:
    """A day as the time that has passed by ``today``, the exact date on hover."""
    words = days_ago(day, today)
    if day is None:
        return words
    return format_html('<time datetime="{}" title="{}">{}</time>', day.isoformat(), f"{day:%-d %b %Y}", words)


def progress(percent: int) -> SafeString:
    """How much of the onboarding is done, as a bar with its figure."""
    return format_html('<span class="progress">{} {}%</span>', bar(percent, "Onboarding progress"), percent)
