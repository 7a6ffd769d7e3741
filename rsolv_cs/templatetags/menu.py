"""The entries of the sidebar, each drawn once: a page shows some fifty of them."""

from collections.abc import Mapping
from functools import lru_cache

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

_LINK = (
    '<a href="{}" class="flex h-[38px] items-center -mx-3 px-3 rounded-default hover:text-primary-600'
    ' dark:hover:text-primary-500{}"><span aria-hidden="true" class="material-symbols-outlined md-18 mr-3 w-[18px]">'
    "{}</span> <span>{}</span>{}</a>"
)
_BADGE = (
    '<span class="font-semibold h-[18px] leading-[18px] ml-2 px-1 relative rounded-xs text-center text-[11px]'
    " whitespace-nowrap uppercase min-w-[18px] bg-red-100 text-red-700 dark:bg-red-500/20"
    ' dark:text-red-400">{}</span>'
)
_ACTIVE = " ".join(
    ("", "bg-base-100", "font-semibold", "text-primary-600", "dark:bg-white/[.06]", "dark:text-primary-500", "active")
)


@register.simple_tag
def menu_entry(item: Mapping[str, str]) -> SafeString:
    """Return the link of an entry, in the look of unfold's."""
    return _link(item["link"], item["icon"], item["title"], item.get("badge", ""), is_active=bool(item["active"]))


@lru_cache(1_000)
def _link(address: str, icon: str, title: str, badge: str, *, is_active: bool) -> SafeString:
    return format_html(
        _LINK, address, _ACTIVE if is_active else "", icon, title, format_html(_BADGE, badge) if badge else ""
    )
