"""The palette of each page."""

import json

from django import template
from django.contrib.auth.models import User
from django.template import Context

from analytics.models import Preferences
from rsolv_cs import navigation

register = template.Library()


@register.inclusion_tag("palette/dialog.html", takes_context=True)
def palette(context: Context) -> dict[str, object]:
    """The palette, closed, with the keys of the pages that the visitor may open; nothing in a window of its own."""
    request = context["request"]
    if not isinstance(request.user, User) or context.get("is_popup") or not context.get("has_permission"):
        return {}
    addresses = navigation.addresses_of_keys(request.user)
    return {"go_to": json.dumps(addresses), "shortcuts": Preferences.of(request.user).shortcuts}
