"""Our list of pages in the sidebar says what unfold's own does, also after an upgrade of it."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
import unfold
from django.contrib import admin
from django.template import engines
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.urls import reverse

from rsolv_cs.web.icon_templates import hide_icons
from tests.factories import make_staff

THEIRS = Path(unfold.__file__).parent / "templates/unfold/helpers/app_list.html"

pytestmark = pytest.mark.django_db


class Parts(HTMLParser):
    """The tags with their attributes, whatever the order of their classes, and the texts of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: set((value or "").split()) for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append(data.strip())


@pytest.mark.parametrize(
    ("role", "text"),
    [(None, "You don’t have permission to view or edit anything."), ("Viewer", "Events"), ("Administrator", "Users")],
)
def test_the_list_of_pages_is_as_unfold_makes_it(role: str | None, text: str) -> None:
    request = RequestFactory().get(reverse("admin:customers_event_changelist"))
    request.user = make_staff(role)
    context = {"sidebar_navigation": admin.site.get_sidebar_list(request)}
    for group in context["sidebar_navigation"]:
        for item in group["items"]:
            item["has_permission"] = True  # which unfold asks for; ours has no others
    for group in context["sidebar_navigation"][:1]:
        group["items"][0] |= {"badge": "1,234", "badge_variant": "danger"}
    ours = Parts(render_to_string("unfold/helpers/app_list.html", context)).found
    # Ours says what scrolls there.
    said = THEIRS.read_text(encoding="utf-8").replace(
        "data-simplebar>", 'data-simplebar data-simplebar-aria-label="Menu">'
    )
    theirs = engines["django"].from_string(hide_icons(said)).render(context)
    assert ours == Parts(theirs).found
    assert text in ours
    assert ("1,234" in ours) == (role is not None)
