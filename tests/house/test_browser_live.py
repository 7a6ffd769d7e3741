"""Pages that follow what changes, in a real browser, on the real web server with its process of sockets."""

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django import DjangoDbBlocker

from analytics.models import Alert, AlertRule, Night, Task
from customers.audit import trail
from customers.jobs.progress import noted
from customers.models import Customer, CustomerCare, ImportRun, Note
from rsolv_cs.login.own_sessions import end_all
from tests.factories import end_run, load_demo_program, make_run, make_staff
from tests.support.browsing import LAPTOP, look
from tests.support.databases import create_database, drop_database, name_in, url_of
from tests.support.live import Site, cookies_of, serving
from tests.support.own_databases import database

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough]

Visit = Callable[..., Page]
SOON = 15_000
"""Milliseconds: two seconds or so where nobody else uses the machine."""


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
            with database(name):
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


def a_note(text: str) -> None:
    Note.objects.create(customer_id="c1001", text=text, author="Nova Reyes")


def a_task(text: str) -> None:
    Task.objects.create(customer_id="c1001", what=text, due=timezone.localdate())


def an_alert(text: str) -> None:
    taken = Alert.objects.filter(closed_on=None, rule__kind="at_risk").values("customer")
    customer = Customer.objects.exclude(pk__in=taken).first()
    rule = AlertRule.objects.filter(kind="at_risk").first()
    Alert.objects.create(customer=customer, rule=rule, text=text, opened_on=timezone.localdate())
    trail.record(trail.Action.COMMAND, "send_alerts")


def a_run(text: str) -> None:
    make_run(started_by=text, status=ImportRun.Status.REFUSED)


def a_night(text: str) -> None:
    Night.objects.create(started_by=text, state=Night.State.RUNNING)


@pytest.mark.parametrize(
    ("address", "happen"),
    [
        ("/admin/customer/c1001/", a_note),
        ("/admin/customer/c1001/", a_task),
        ("/admin/tasks/?whose=everybody", a_task),
        ("/admin/alerts/?told=", an_alert),
        ("/admin/customers/importrun/", a_run),
        ("/admin/analytics/night/", a_night),
    ],
)
def test_other_pages_follow_too(visit: Visit, address: str, happen: Callable[[str], None]) -> None:
    page = visit(address, make_staff("Administrator", is_superuser=True))
    is_live(page)
    text = f"new {uuid.uuid4().hex}"
    happen(text)
    expect(page.get_by_text(text).first).to_be_visible(timeout=SOON)


def test_what_is_typed_stays_and_is_kept_in_what_has_just_appeared(visit: Visit) -> None:
    page = visit("/admin/alerts/?told=", make_staff("Success manager"))
    is_live(page)
    first, second = f"first {uuid.uuid4().hex}", f"second {uuid.uuid4().hex}"
    an_alert(first)
    row = page.get_by_role("listitem").filter(has_text=first)
    expect(row).to_be_visible(timeout=SOON)
    row.locator("summary").first.click()
    row.get_by_label("Note").fill("half-typed")
    an_alert(second)
    expect(page.get_by_role("heading", name=re.compile(r"\d+ alerts"))).to_be_visible()
    page.wait_for_timeout(2_500)
    # The list waits for who is writing in it.
    expect(row.get_by_label("Note")).to_have_value("half-typed")
    expect(page.get_by_text(second)).to_have_count(0)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.get_by_text(second).first).to_be_visible()
    expect(row.get_by_label("Note")).to_have_value("half-typed")


def test_a_running_import_shows_how_far_it_is(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "engagement.csv"
    file.write_bytes(b"x" * 1000)
    run = make_run(file="engagement.csv", status=ImportRun.Status.RUNNING)
    manager = make_staff("Program manager")
    with noted(run.pk, file) as read:
        read(400)
        pages = [
            visit("/admin/customers/importrun/", manager),
            visit(f"/admin/customers/importrun/{run.pk}/", manager),
        ]
        for page in pages:
            expect(page.get_by_role("progressbar")).to_have_attribute("value", "40")
        read(600)
        for page in pages:
            expect(page.get_by_role("progressbar")).to_have_attribute("value", "100", timeout=SOON)
            expect(page.locator(".run-progress")).to_contain_text("its rows are being compared and stored")
            assert look(page) == []
    end_run(run, ImportRun.Status.LOADED)
    for page in pages:
        expect(page.get_by_role("progressbar")).to_have_count(0, timeout=SOON)


def test_a_server_that_is_gone_is_told_and_found_again(site: Site, visit: Visit) -> None:
    page = visit("/admin/")
    is_live(page)
    site.stop_live()
    expect(page.locator("#live-mark")).to_have_text("Updates: Every minute", timeout=SOON)
    expect(page.locator("#refreshed")).to_have_text(re.compile(r"^Updated"))
    site.start_live()
    expect(page.locator("#live-mark")).to_have_text("Updates: Live", timeout=20_000)
    site.stop_web()
    site.stop_live()
    expect(page.locator("#live-mark")).to_have_text("Updates: Offline", timeout=SOON)
    expect(page.locator("#refreshed")).to_have_text(re.compile(r"^Not refreshed since \d\d:\d\d$"))
    site.start_web()
    site.start_live()
    expect(page.locator("#live-mark")).to_have_text("Updates: Live", timeout=30_000)
    expect(page.locator("#refreshed")).to_have_text(re.compile(r"^Updated"))


@pytest.mark.full_run
def test_who_is_logged_out_elsewhere_or_has_no_role_any_more_is_told_and_shown_nothing_new(visit: Visit) -> None:
    left, demoted = make_staff("Viewer"), make_staff("Viewer")
    pages = {user: visit("/admin/", user) for user in (left, demoted)}
    for page in pages.values():
        is_live(page)
    end_all(left)
    demoted.groups.clear()
    CustomerCare.objects.create(customer_id="c1002", owner=make_staff(first_name="Unseen"))
    told = {left: "logged out", demoted: "no access any more"}
    for user, page in pages.items():
        said = re.compile(rf"^Not refreshed since \d\d:\d\d: {told[user]}$")
        expect(page.locator("#refreshed")).to_have_text(said, timeout=30_000)
        expect(page.get_by_role("heading", name="Customers to act on")).to_be_visible()
        expect(page.get_by_text("Unseen")).to_have_count(0)
    expect(pages[left].get_by_role("link", name="Log in")).to_be_visible()
    expect(pages[left].locator("#live-mark")).to_have_text("")
