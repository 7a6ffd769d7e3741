"""A tag for each visual atom of our pages, and small helpers of the templates."""

from django import template
from django.conf import settings
from django.core.paginator import Page
from django.db.models import Model
from django.template import Context
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.alert_list.forms import AlertNoteForm
from analytics.display import atoms
from analytics.display.charts import Chart
from analytics.display.source_list import way_from
from analytics.models import Alert
from analytics.nights.ledger import NightProblem
from analytics.page_cache import page_cache
from analytics.pages.etag import page_etag
from analytics.pages.tour import tour_of
from analytics.pages.user_summary import user_summary
from analytics.segments.in_words import in_one_sentence
from analytics.wording import signed
from customers.core.pages import user_of
from customers.core.people import name_of, name_of_login
from customers.editing.conflicts import VERSION
from customers.editing.form_keys import KEY, new_key
from customers.editing.undo import undo_token
from customers.editing.values import rows_hash
from customers.text import written
from customers.text.codes import code_in_words

register = template.Library()

for atom in (atoms.bar, atoms.health_status, atoms.since, atoms.trend):
    register.simple_tag(atom)
register.filter(name_of_login)
register.filter(undo_token)
register.filter(in_one_sentence)
register.filter(signed)


class ChartKey(page_cache.ImmutableKey):
    """Of a chart as HTML, by all that it says: the table of 90 days takes longer than a query."""

    said: str


@register.simple_tag
def chart(chart: Chart) -> SafeString:
    """Return a chart and the table that says the same."""
    key = ChartKey(said=page_cache.digest(chart))
    return page_cache.get_or_set(key, lambda: render_to_string("analytics/display/chart.html", {"chart": chart}))


@register.simple_tag(takes_context=True)
def customers_address(context: Context, *queries: str) -> str:
    """Where the list of customers is, narrowed by ``queries`` and as of the page's date."""
    asked = "&".join(query for query in (*queries, context["as_of"].query) if query)
    return f"{reverse('admin:index')}{'?' if asked else ''}{asked}#customers"


_ACT_LINK = (
    '<a class="button quiet" href="{0}" hx-get="{0}" hx-target="#act-{1}">'
    '{2}<span class="visually-hidden"> {3}</span></a>'
)


@register.simple_tag(takes_context=True)
def act_link(context: Context, act: str, label: str) -> SafeString:
    """Return what opens the form of an act: under the customer, or without the script on a page of its own.

    The context has ``pk``, ``panel``, ``for_whom`` and ``here``. A template for each link took a quarter of what the
    list's templates took.
    """
    address = f"{reverse('analytics:act-on-customer', args=[context['pk'], act])}?next={context['here']}"
    return format_html(_ACT_LINK, address, context["panel"], label, context["for_whom"])


@register.simple_tag(takes_context=True)
def from_list(context: Context, name: str, page: Page[object], counter: int) -> str:
    """Return the query for the page of the ``counter``-th customer of a page of this list."""
    return way_from(name, context["request"].GET, page.start_index() + counter - 2)


@register.simple_tag(takes_context=True)
def rows_version(context: Context, *rows: Model) -> SafeString:
    """The hidden input that knows later whether rows to be deleted are as they are now: these, or the admin's."""
    if not rows:
        rows = (context["object"],) if context.get("object") else tuple(context.get("queryset") or ())
    return format_html('<input type="hidden" name="{}" value="{}">', VERSION, rows_hash(rows))


@register.simple_tag
def form_key() -> SafeString:
    """Return the hidden input by which a form that is sent a second time is known again."""
    return format_html('<input type="hidden" name="{}" value="{}">', KEY, new_key())


@register.simple_tag
def note_version(alert: Alert) -> SafeString:
    """The hidden input that keeps which note an alert's form shows, in case somebody else changes it meanwhile."""
    return AlertNoteForm(instance=alert).version_input


register.filter("name_of", name_of)
register.filter("code_in_words", code_in_words)


@register.filter
def or_dash(value: object) -> object:
    """Return a dash for what does not exist."""
    return "–" if value is None or value == "" else value


@register.filter
def or_dash_percent(value: int | None) -> str:
    """Return a percentage, or a dash."""
    return "–" if value is None else written.percentage(value)


@register.filter
def signed_points(value: float | None) -> str:
    """Points with one decimal and their sign, or a dash."""
    if value is None:
        return "–"
    points = round(value, 1)
    sign = "+" if points > 0 else written.MINUS if points < 0 else ""
    return f"{sign}{written.decimals(abs(points), 1)}"


@register.inclusion_tag("analytics/pages/night_banner.html", takes_context=True)
def night_banner(context: Context) -> dict[str, NightProblem | None]:
    """Return what is wrong with the last night; nothing for those who may not see imports."""
    # The admin's page about a lookup that it cannot make has no request.
    request = context.get("request")
    return {"trouble": user_summary(request).trouble if request else None}


@register.inclusion_tag("analytics/pages/refresh.html", takes_context=True)
def refresh(context: Context, regions: str = "", seconds: int = 60) -> dict[str, object]:
    """Return when the page was read, and how it asks again: for the ``regions`` that may change, and how often."""
    return {
        "address": context["request"].get_full_path(),
        "tag": page_etag(context["request"]),
        "regions": regions,
        "seconds": seconds,
        "live": settings.LIVE_PATH if settings.LIVE else "",
        "now": timezone.localtime(),
        "time_zone": timezone.get_current_timezone_name(),
    }


@register.inclusion_tag("analytics/pages/tour.html", takes_context=True)
def tour(context: Context) -> dict[str, object]:
    """Return the steps of the visitor's tour; none where it was closed."""
    request = context["request"]
    return {"steps": tour_of(user_of(request)), "here": request.get_full_path()}
