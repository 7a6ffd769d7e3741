"""The login by a provider, as pages offer it."""

from dataclasses import dataclass

from django import template
from django.conf import settings

from rsolv_cs.sso.discovery import is_on, label

register = template.Library()


@dataclass(frozen=True)
class Offer:
    """How one logs in: by which provider, and whether by a password besides."""

    is_on: bool
    label: str
    is_only_way: bool


@register.simple_tag
def sso_offer() -> Offer:
    """Return what is offered."""
    return Offer(is_on(), label(), settings.OIDC_ONLY)
