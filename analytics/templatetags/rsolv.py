"""A tag for each visual atom of our pages, and small helpers of the templates."""

from collections.abc import Sequence

from django import template
from django.db.models import Model
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from analytics.alerts.forms import AlertNoteForm
from analytics.customer_page.timeline import MAY_OPEN, Entry
from analytics.customer_page.timeline_html import timeline_entry
from analytics.display import atoms
from analytics.models import Alert
from analytics.nights.ledger import Trouble
from analytics.pages.current_user import visitor
from customers.core.people import name_of
from customers.editing.conflicts import VERSION
from customers.editing.form_keys import KEY, new_key
from customers.editing.values import rows_hash
from customers.text.codes import code_in_words

register = template.Library()

for atom in (atoms.bar, atoms.health_status, atoms.since, atoms.trend):
    register.simple_tag(atom)


@register.simple_tag(takes_context=True)
def timeline_entries(context: Context, entries: Sequence[Entry], year: int) -> SafeString:
    """The entries of a timeline as items of a list; the pages that some lead to are linked for who may see them."""
    user = context["request"].user
    may_open = {kind for kind, permission in MAY_OPEN.items() if user.has_perm(permission)}
    return mark_safe("\n".join(timeline_entry(entry, year, may_open) for entry in entries))  # noqa: S308


@register.simple_tag(takes_context=True)
def customers_address(context: Context, *queries: str) -> str:
    """Where the list of customers is, narrowed by ``queries`` and as of the page's date."""
    asked = "&".join(query for query in (*queries, context["as_of"].query) if query)
    return f"{reverse('admin:index')}{'?' if asked else ''}{asked}#customers"


@register.simple_tag(takes_context=True)
def rows_version(context: Context, *rows: Model) -> SafeString:
    """The hidden input that knows later whether rows to be deleted are as they are now: these, or the admin's."""
    if not rows:
        rows = (context["object"],) if context.get("object") else tuple(context.get("queryset") or ())
    return format_html('<input type="hidden" name="{}" value="{}">', VERSION, rows_hash(rows))


@register.simple_tag
def form_key() -> SafeString:
    """The hidden input by which a form that is sent a second time is known again."""
    return format_html('<input type="hidden" name="{}" value="{}">', KEY, new_key())


@register.simple_tag
def note_version(alert: Alert) -> SafeString:
    """The hidden input that keeps which note an alert's form shows, in case somebody else changes it meanwhile."""
    return AlertNoteForm(instance=alert).version_input


register.filter("name_of", name_of)
register.filter("code_in_words", code_in_words)


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


@register.inclusion_tag("analytics/pages/night_banner.html", takes_context=True)
def night_banner(context: Context) -> dict[str, Trouble | None]:
    """What is wrong with the last night; nothing for those who may not see imports."""
    # The admin's page about a lookup that it cannot make has no request.
    request = context.get("request")
    return {"trouble": visitor(request).trouble if request else None}
