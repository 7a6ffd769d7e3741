"""The way to a page, in its head."""

from dataclasses import dataclass

from django import template
from django.contrib import admin
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.template import Context
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst

register = template.Library()

CHANGELIST, CHANGE = SafeString("changelist"), SafeString("change")


@dataclass(frozen=True)
class Part:
    """A page on the way; '' as address for the page itself."""

    text: str
    address: str = ""


@register.inclusion_tag("unfold/helpers/header_title.html", takes_context=True)
def breadcrumb(context: Context) -> dict[str, list[Part]]:
    """Return the way to a page: to a row by its list, else the page's title; unfold begins with the app's name."""
    opts, title = context.get("opts"), str(context.get("title") or "")
    if opts is None:
        return {"parts": [Part(title)]}
    name = getattr(admin.site.get_model_admin(opts.model), "list_name", capfirst(str(opts.verbose_name_plural)))
    if context.get("cl"):
        return {"parts": [Part(name)]}
    parts = [Part(name, reverse(admin_urlname(opts, CHANGELIST)))]
    row = context.get("original") or context.get("object")
    if isinstance(row, Model):
        is_form = "adminform" in context
        parts.append(Part(str(row), "" if is_form else reverse(admin_urlname(opts, CHANGE), args=[quote(row.pk)])))
    else:
        parts.append(Part(title))
    return {"parts": parts}
