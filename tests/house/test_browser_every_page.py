"""Every page in a browser, the admin's own too: axe, sideways scrolling, names, icons, what only a mouse reaches."""

import re

import pytest
from django.test import Client
from playwright.sync_api import Page

from customers.models import Engagement
from tests.factories import load_demo_program, make_staff
from tests.support.access import Program, addresses, leads_to_view
from tests.support.browsing import EVERY_LOOK, LAPTOP, Opened, look, looks_alike, unfold

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]

ALIKE = re.compile(
    r"^/admin/(?!analytics/contact/|auth/(user|group)/add/|customers/customer/export/).*/(history|delete|add|export)/$"
)
"""They are the same for each kind of row: those of one are looked at."""
SELECTED = "customer=c1001&customer=c1002"
ASKED = [f"/admin/{path}/?{SELECTED}" for path in ("assign", "bulk/task", "bulk/snooze", "bulk/message")]
UNNAMED = re.compile(
    r"- (button|link|textbox|searchbox|combobox|checkbox|radio|spinbutton|listbox|menuitem|tab)(?=:?$|:? \[)"
)
"""A control in Playwright's tree of what is read aloud that has a role, but no name in quotes."""
ONLY_BY_MOUSE = """
() => [...document.querySelectorAll('*')]
    .filter(one => one.getAttributeNames().some(name => /^(x-on:|@)click(\\.prevent)?$/.test(name)))
    .filter(one => one.checkVisibility() && (one.tabIndex < 0 || one.matches('a:not([href])')))
    .filter(one => !one.matches('.frame-dimmed, #changelist-filter-close'))
    .map(one => one.outerHTML.slice(0, 150))
"""
"""What a click does something to, but no key; a touch beside what is open closes it, which Escape does as well."""
HIDDEN = "[aria-hidden=true], [aria-hidden=true] *"
ICONS = f"() => document.querySelectorAll('.material-symbols-outlined:not({HIDDEN})').length"


def pages(client: Client, program: Program, *, is_admins: bool) -> list[str]:
    """The addresses that answer an administrator with a page: the admin's own, or all others."""
    found = [] if is_admins else [*ASKED]
    for one in addresses():
        path = program.path(one.route)
        if one.name.startswith(("admin:", "/")) != is_admins or "logout" in path or ALIKE.match(path):
            continue
        response = client.get(path)
        if leads_to_view(response, path):
            path = response.url
            response = client.get(path)
        if response.status_code == 200 and response.headers["Content-Type"].startswith("text/html"):
            found.append(path)
        response.getvalue()
    return list(dict.fromkeys(found))


def for_ears_and_keys(page: Page) -> dict[str, object]:
    """The controls without a name, what only a mouse reaches, and how many icons are read aloud."""
    unnamed = [line for line in page.locator("body").aria_snapshot().splitlines() if UNNAMED.search(line)]
    return {"unnamed": unnamed, "by mouse": page.evaluate(ONLY_BY_MOUSE), "icons": page.evaluate(ICONS)}


@pytest.mark.full_run
@looks_alike
@pytest.mark.parametrize("whose", ["ours", "the admin's"])
def test_nothing_is_wrong_with_any_page(open_page: Opened, client: Client, whose: str) -> None:
    load_demo_program()
    program = Program()
    # A long list is as a short one.
    Engagement.objects.exclude(pk=program.keys["engagement"]).delete()
    client.force_login(make_staff("Administrator", email="ada@rsolv.example"))
    todo = pages(client, program, is_admins=whose != "ours")
    assert len(todo) > 30
    page = open_page("about:blank", role="Administrator")
    wrong: dict[str, object] = {}
    for address in todo:
        page.set_viewport_size(LAPTOP)
        page.goto(address)
        unfold(page)
        faults = {**for_ears_and_keys(page), "looks": look(page, EVERY_LOOK)}
        wrong |= {f"{address} {kind}": found for kind, found in faults.items() if found}
    assert wrong == {}, "\n".join(f"{key}: {value}" for key, value in wrong.items())
