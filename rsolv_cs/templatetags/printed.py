"""The head of a page on paper: what it is, whom it leaves, as of when, who printed it and when."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from django import template
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.template import Context
from django.utils import timezone
from django.utils.text import capfirst

from analytics.pages.as_of import AsOf
from customers.core.pages import user_of
from customers.text.say import say
from rsolv_cs.templatetags.breadcrumb import breadcrumb

register = template.Library()


@register.inclusion_tag("admin/printed.html", takes_context=True)
def printed_head(context: Context) -> dict[str, str | date | datetime | None]:
    """Return the page's name, the words of an admin list's filters, the scored date (None without), and who prints."""
    as_of, rows = context.get("as_of"), context.get("cl")
    day = as_of.portfolio.date if isinstance(as_of, AsOf) and as_of.portfolio else None
    user = user_of(context["request"])
    return {
        "page": " · ".join(part.text for part in breadcrumb(context)["parts"]),
        "narrowed": "; ".join(_narrowed(rows, context["request"])) if isinstance(rows, ChangeList) else "",
        "day": day,
        "by": user.get_full_name() or user.get_username(),
        "now": timezone.now(),
    }


def _narrowed(rows: ChangeList, request: HttpRequest) -> Iterator[str]:
    """Yield in words what an admin's list is narrowed by."""
    if rows.query:
        yield say("Search: {words}", words=rows.query)
    for spec in rows.filter_specs:
        if any(name in request.GET for name in spec.expected_parameters()):
            words = [str(choice["display"]) for choice in spec.choices(rows) if choice["selected"]]
            yield f"{capfirst(str(spec.title))}: {_any_of(words)}"


def _any_of(words: Sequence[str]) -> str:
    *most, last = words or [""]
    return say("{most} or {last}", most=", ".join(most), last=last) if most else last
