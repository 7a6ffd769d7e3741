"""A real browser on the pages, and what is wrong with one of them."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    ViewportSize,
    expect,
    sync_playwright,
)
from pytest_django.live_server_helper import LiveServer

from customers.models import Customer, CustomerCare, Event, Onboarding
from tests.factories import make_customer, make_staff
from tests.support.selection import in_a_push

# Chromium without a window comes first: it takes two thirds of the time.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, PROGRAMS)), None)
LAPTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
LOOKS = ((LAPTOP, "light"), (PHONE, "dark"))
EVERY_LOOK = (*LOOKS, (LAPTOP, "dark"), (PHONE, "light"))
Opened = Callable[..., Page]
looks_alike = pytest.mark.skipif(
    connection.vendor == "postgresql",
    reason="the page looks the same on both databases; the run on SQLite looks at it",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        how = "There is no Chromium: `apt install chromium-headless-shell` (Debian) or `chromium`, then run again."
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(how)
        pytest.skip(how)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        expect.set_options(timeout=15_000)
        yield browser
        browser.close()


def new_context(browser: Browser, server: LiveServer) -> BrowserContext:
    context = browser.new_context(base_url=server.url, reduced_motion="reduce", locale="en-GB")
    context.set_default_timeout(20_000)
    return context


@pytest.fixture(scope="session")
def shared_context(browser: Browser, django_db_setup: None, live_server: LiveServer) -> Iterator[BrowserContext]:
    """A browser that has loaded our scripts and styles before, as a visitor's has."""
    context = new_context(browser, live_server)
    yield context
    context.close()
    # The server stops next and takes the database from its threads, some of which may still be ending.
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:
            thread.join(1)


@pytest.fixture
def context(shared_context: BrowserContext, live_server: LiveServer) -> Iterator[BrowserContext]:
    """That browser, where nobody is logged in and nothing is remembered of another test."""
    yield shared_context
    shared_context.clear_cookies()
    for page in shared_context.pages:
        shared_context.new_cdp_session(page).send(
            "Storage.clearDataForOrigin", {"origin": live_server.url, "storageTypes": "local_storage"}
        )
        page.close()


def note_faults(page: Page, wrong: list[str]) -> None:
    """Note whatever goes wrong on a page from now on."""

    def note_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            wrong.append(message.text)

    def note_failure(request: Request) -> None:
        # Chromium aborts what a visitor does not wait for, and a download is a page that it did not open.
        if request.failure != "net::ERR_ABORTED":
            wrong.append(f"{request.failure} {request.url}")

    def note_response(response: Response) -> None:
        if response.status >= 400:
            wrong.append(f"{response.status} {response.url}")

    page.on("console", note_message)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", note_failure)
    page.on("response", note_response)


@pytest.fixture
def open_page(context: BrowserContext, browser: Browser, live_server: LiveServer, client: Client) -> Iterator[Opened]:
    """Opens a page as somebody (by default a Success manager; None is nobody) on a screen; nothing may go wrong.

    ``apart`` is for what a page cannot undo, as the clock of a browser.
    """
    wrong: list[str] = []
    others: list[BrowserContext] = []

    def open_it(
        address: str,
        role: str | None = "Success manager",
        scheme: str = "light",
        size: ViewportSize = LAPTOP,
        *,
        apart: bool = False,
    ) -> Page:
        within = context
        if apart:
            within = new_context(browser, live_server)
            others.append(within)
        if role:
            client.force_login(make_staff(role, first_name="Sofia", last_name="Marchetti"))
            session = client.cookies["sessionid"].value
            within.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = within.new_page()
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        note_faults(page, wrong)
        page.goto(address)
        if address != "about:blank":
            drawn(page)
        return page

    yield open_it
    for other in others:
        other.close()
    assert wrong == []


def drawn(page: Page) -> None:
    """Wait until a page has been drawn once: Chromium drops what is pressed before that."""
    page.wait_for_function("performance.getEntriesByType('paint').length")


def at_rest(page: Page) -> None:
    """Wait until the page has no request of its own on its way: it drops the next one meanwhile."""
    expect(page.locator(".htmx-request")).to_have_count(0)


def names(page: Page) -> Locator:
    return page.locator(".customer-name")


def unfold(page: Page, summaries: str = "summary") -> None:
    """Press each of these summaries, in their order."""
    page.wait_for_load_state()
    page.locator(summaries).evaluate_all("summaries => summaries.forEach(summary => summary.click())")


# --- What is wrong with a page ----------------------------------------------------------------------------------

VIOLATIONS = """
axe.run({
    resultTypes: ['violations'], preload: {assets: ['media']}, rules: {'target-size': {enabled: true}}
}).then(results => results.violations.flatMap(
    violation => violation.nodes.map(node => `${violation.id}: ${node.target} ${node.html.slice(0, 200)}`)))
"""
SMALL_TARGETS = """
() => [...document.querySelectorAll('main.rsolv :is(a, button, input:not([type=hidden]), select, summary)')]
    .map(element => element.closest('label') ?? element)
    .filter(element => element.checkVisibility())
    .map(element => [element.outerHTML.slice(0, 120), element.getBoundingClientRect()])
    .filter(([_, box]) => box.width < 24 || box.height < 24)
    .map(([html, box]) => `${html} ${box.width} x ${box.height}`)
"""

STICKING_OUT = """
() => [...document.querySelectorAll('main.rsolv :is(.panel, .card) *')]
    .filter(element => element.checkVisibility())
    .flatMap(element => [...element.childNodes])
    .filter(node => {
        if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) return false;
        const text = document.createRange();
        text.selectNodeContents(node);
        let box = node.parentElement;
        for (; !box.matches('.panel, .card'); box = box.parentElement)
            if (getComputedStyle(box).overflowX !== 'visible' || getComputedStyle(box).position === 'absolute')
                return false;
        return text.getBoundingClientRect().right > box.getBoundingClientRect().right;
    })
    .map(node => node.data.trim().slice(0, 120))
"""
"""Text that sticks out of its panel, and neither scrolls in it nor is cut nor floats above it."""


def violations(page: Page) -> list[str]:
    """What axe has to say against a page, as it is shown."""
    # In the midst of a transition a colour is neither the old nor the new one.
    page.wait_for_function("document.getAnimations().every(one => one.playState !== 'running')")
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    return page.evaluate(VIOLATIONS)


def look(page: Page, looks: Sequence[tuple[ViewportSize, str]] = ()) -> list[str]:
    """What is wrong with a page, on a light laptop and on a dark phone: axe's violations, sideways scrolling.

    ``looks`` says which; by default a push looks at the dark phone alone. Nothing is looked at on PostgreSQL,
    where it looks the same; the way through the pages is gone on both databases.
    """
    found: list[str] = []
    if connection.vendor == "postgresql":
        return found
    page.wait_for_load_state()
    for size, scheme in looks or LOOKS[in_a_push() :]:
        page.set_viewport_size(size)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found.append(f"{page.url} scrolls sideways at {size['width']} px")
        found += [f"{page.url} {size['width']}: {text} sticks out" for text in page.evaluate(STICKING_OUT)]
        page.emulate_media(color_scheme=scheme)
        page.evaluate("scheme => document.documentElement.classList.toggle('dark', scheme == 'dark')", scheme)
        found += [f"{page.url} {scheme} {size['width']}: {violation}" for violation in violations(page)]
    return found


def make_long_customer() -> Customer:
    """A customer whose every text is as long as its column takes, in one word, and turns the writing around."""
    customer = make_customer(
        id="L" * 64,
        organization="\N{RIGHT-TO-LEFT OVERRIDE}" + "W" * 199,
        email=f"{'e' * 64}@{'d' * 63}.{'d' * 63}.example",
        github_username="g" * 39,
        cohort="C" * 100,
        industry="I" * 100,
        team_size=2_147_483_647,
        signup_date=date(2025, 5, 1),
    )
    Onboarding.objects.create(id="long", customer=customer, blocker_type="B" * 100, notes="N" * 1000, run_id=1, line=2)
    Event.objects.create(
        id="long", customer=customer, date=date(2025, 5, 2), kind="note", detail="D" * 1000, run_id=1, line=2
    )
    CustomerCare.objects.create(customer=customer, owner=make_staff(username="o" * 150), notes="O" * 1000)
    return customer
