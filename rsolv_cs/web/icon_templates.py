"""Templates whose icons are for the eye alone."""

import re

from django.template import Origin
from django.template.loaders.app_directories import Loader as AppDirectories

_ICON = re.compile(r"<(span|div|i)\b(?=[^>]*\bmaterial-symbols-outlined\b)(?![^>]*\baria-hidden\b)")


class Loader(AppDirectories):
    """The applications' templates, with the icons of the theme hidden from screen readers.

    The theme writes an icon as the word that its font turns into a picture. A screen reader reads that word aloud:
    "space_dashboard Dashboard". A loaded template is kept, so this costs a page nothing.
    """

    def get_contents(self, origin: Origin) -> str:
        """The template's source."""
        return hide_icons(super().get_contents(origin))


def hide_icons(source: str) -> str:
    """A template's source with ``aria-hidden`` on each icon that lacks it."""
    return _ICON.sub(r'<\1 aria-hidden="true"', source)
