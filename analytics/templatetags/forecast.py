"""Tags of the pages about the forecasts' accuracy."""

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from customers.text.written import number

register = template.Library()


@register.simple_tag(takes_context=True)
def cases_link(context: Context, count: int, kind: str, words: str = "", *about: object) -> str | SafeString:
    """Return a count of the back-test as a link to its cases, where they are kept.

    ``words`` are the count with its noun, else the number stands alone and ``about`` says what it counts.
    """
    shown, forecast = words or number(count), context["forecast"]
    if not count or not forecast.has_cases:
        return shown
    query = "&".join(part for part in (f"cases={forecast.question.target}-{kind}", context["as_of"].query) if part)
    heard = ", ".join(str(one) for one in (context["label"], *about))
    address = f"{reverse('analytics:forecast-cases')}?{query}"
    return format_html('<a href="{}" aria-label="{}: {}">{}</a>', address, shown, heard, shown)
