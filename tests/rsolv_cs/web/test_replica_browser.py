"""An open page that is told of a change by its socket, while the replica does not have it yet."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.factories import make_customer, make_staff
from tests.support.live import Site, serving
from tests.support.own_databases import unblocked
from tests.support.replication import LONG_AGO, Pair, Visitor, is_read_from_replica, note, pair, until

__all__ = ["pair", "unblocked"]

SOON = 15_000
"""Milliseconds: two seconds or so where nobody else uses the machine."""


@pytest.fixture(scope="module")
def site(browser: Browser, pair: Pair) -> Iterator[Site]:
    """Pages for which the replica may be far behind; the browser first, since its loop has connections of its own."""
    variables = {"DATABASE_REPLICA_URL": pair.replica.url, "DATABASE_REPLICA_LAG": "600"}
    with serving(pair.primary.url, **variables) as site:
        yield site


@pytest.mark.browser
def test_an_open_page_shows_what_it_is_told_of(pair: Pair, site: Site, browser: Browser) -> None:
    customer = make_customer().pk
    visitor = Visitor.logged_in(site.port, make_staff("Program manager", date_joined=LONG_AGO))
    pair.wait()
    until(lambda: is_read_from_replica(pair, visitor, customer))
    with browser.new_context(base_url=site.url) as context:
        context.add_cookies(
            [{"name": name, "value": one.value, "url": site.url} for name, one in visitor.cookies.items()]
        )
        page = context.new_page()
        page.goto(f"/admin/customer/{customer}/")
        expect(page.locator("#live-mark")).to_have_text("Updates: Live")
        pair.pause()
        note(customer, "Mary did this")
        expect(page.locator("#content")).to_contain_text("Mary did this", timeout=SOON)
