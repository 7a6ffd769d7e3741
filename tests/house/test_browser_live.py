"""Pages that follow what changes, in a real browser, on the real web server with its process of sockets."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect
from pytest_django import DjangoDbBlocker

from customers.models import Customer, CustomerCare
from tests.factories import load_demo_program, make_staff
from tests.support.browsing import LAPTOP
from tests.support.databases import create_database, drop_database, name_in, url_of
from tests.support.live import Site, cookies_of, serving
from tests.support.own_databases import database

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough]

Visit = Callable[..., Page]
SOON = 4_000


@pytest.fixture(scope="module")
def site(
    django_db_setup: str, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The pages of the demo program, whose database is the test's default one, too."""
    folder = tmp_path_factory.mktemp("live")
    name = name_in(folder)
    with django_db_blocker.unblock():
        create_database(name, django_db_setup)
        try:
            with database(name), pytest.MonkeyPatch.context() as patch:
                patch.undo()
                load_demo_program()
                with serving(url_of(name)) as site:
                    yield site
        finally:
            drop_database(name)


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Visit]:
    """Opens a page in a browser of somebody's own."""
    contexts = []

    def open_it(address: str, user: User | None = None) -> Page:
        context = browser.new_context(base_url=site.url, reduced_motion="reduce", locale="en-GB", viewport=LAPTOP)
        contexts.append(context)
        key = cookies_of(user or make_staff("Success manager")).split("sessionid=")[1].split(";")[0]
        context.add_cookies([{"name": "sessionid", "value": key, "url": site.url}])
        page = context.new_page()
        page.goto(address)
        return page

    yield open_it
    for context in contexts:
        context.close()


def is_live(page: Page) -> None:
    expect(page.locator("#live-mark")).to_have_text("Updates: Live")


def rename(key: str, name: str) -> None:
    customer = Customer.objects.get(pk=key)
    customer.organization = name
    customer.save()


def test_two_people_on_one_dashboard_see_what_a_third_one_does(visit: Visit) -> None:
    nova = make_staff("Success manager", first_name="Nova", last_name="Reyes")
    pages = [visit("/admin/"), visit("/admin/")]
    for page in pages:
        is_live(page)
        page.get_by_role("searchbox", name="Search").fill("half-typ")
        page.locator(".customer-name", has_text="TechCorp").focus()
        page.evaluate("window.scrollTo(0, 700)")
    before = [page.evaluate("document.activeElement.getBoundingClientRect().top") for page in pages]
    care = CustomerCare.objects.create(customer_id="c1003", owner=nova)
    try:
        for page, top in zip(pages, before, strict=True):
            expect(page.locator("#customer-rows")).to_contain_text("Nova Reyes", timeout=SOON)
            expect(page.get_by_role("searchbox", name="Search")).to_have_value("half-typ")
            assert page.evaluate("document.activeElement.textContent") == "TechCorp"
            assert page.evaluate("document.activeElement.getBoundingClientRect().top") == pytest.approx(top, abs=1)
            assert page.evaluate("performance.getEntriesByType('navigation').length") == 1
    finally:
        care.delete()
