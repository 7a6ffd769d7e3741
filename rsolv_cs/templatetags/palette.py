"""The palette of each page."""

import json

from django import template
from django.contrib.auth.models import User
from django.template import Context
from django.template.loader import render_to_string

from analytics.models import Preferences
from analytics.page_cache import page_cache
from rsolv_cs import navigation

register = template.Library()


class PaletteKey(page_cache.ImmutableKey):
    """Of the closed palette as HTML."""

    go_to: str
    shortcuts: bool


@register.simple_tag(takes_context=True)
def palette(context: Context) -> str:
    """Return the palette, closed, with the keys of the visitor's pages; nothing in a window of its own."""
    request = context["request"]
    if not isinstance(request.user, User) or context.get("is_popup") or not context.get("has_permission"):
        return ""
    go_to = json.dumps(navigation.addresses_of_keys(request.user))
    shortcuts = Preferences.of(request.user).shortcuts
    key = PaletteKey(go_to=go_to, shortcuts=shortcuts)
    return page_cache.get_or_set(
        key, lambda: render_to_string("palette/dialog.html", {"go_to": go_to, "shortcuts": shortcuts})
    )
