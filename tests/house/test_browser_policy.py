"""No page asks a browser for what the content security policy forbids, no hostile text runs, and the login's pages."""

import re
from pathlib import Path

import pytest
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import BrowserContext, expect
from pytest_django import Settings

from analytics.scoring.snapshots import score_day
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from rsolv_cs.login import sessions
from tests.factories import load_demo_program, make_staff, write_feeds
from tests.house.test_hostile import MARK, TEXTS, D, hostile_rows
from tests.support.access import leads_to_view
from tests.support.browsing import LAPTOP, PHONE, Opened, at_rest, looks_alike, violations
from tests.support.walking import addresses

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OURS = (
    "/admin/",
    "/admin/customer/",
    "/admin/cohorts/",
    "/admin/forecast/",
    "/admin/alerts/",
    "/admin/tasks/",
    "/admin/reports/",
    "/admin/board/",
)
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) =>
    window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@looks_alike
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_keeps_the_policy_and_no_hostile_text_runs(
    open_page: Opened, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    load_demo_program()
    import_folder(write_feeds(tmp_path, **hostile_rows()), None, Options(started_by="test", force=True))
    score_day(D)
    # What answers with a page, before a browser looks at it.
    client.force_login(make_staff("Administrator"))
    pages = []
    with monkeypatch.context() as patch:
        patch.setattr(SimpleTemplateResponse, "rendered_content", "")
        for address in addresses("h1"):
            if "logout" in address or (scheme == "dark" and not address.startswith(OURS[1:]) and address != OURS[0]):
                continue
            response = client.get(address)
            if leads_to_view(response, address):
                response = client.get(response.url)
            if response.status_code == 200 and response.headers["Content-Type"].startswith("text/html"):
                pages.append(address)
            response.getvalue()
    assert len(pages) > (8 if scheme == "dark" else 60)
    page = open_page("about:blank", role="Administrator", scheme=scheme)
    page.add_init_script(WATCH)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    hostile = [f"/admin/customer/h{number}/" for number in range(len(TEXTS))]
    found = {}
    for address in [*pages, *hostile[: 14 if scheme == "light" else 2], "/admin/?q=h1"]:
        page.goto(address, wait_until="load")
        ran = page.evaluate(f"[window.{MARK} ?? null, window.violations]")
        if ran != [None, []]:
            found[address] = ran
    assert found == {}


@looks_alike
def test_the_policy_does_stop_an_inline_script(context: BrowserContext) -> None:
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto("/admin/login/")
    page.evaluate(
        "() => { const bad = document.createElement('b'); bad.setAttribute('onclick', 'window.ran = 1');"
        "document.body.append(bad); bad.click(); }"
    )
    page.wait_for_function("window.violations.length")
    assert page.evaluate("window.ran ?? null") is None


# --- The login's pages ------------------------------------------------------------------------------------------


@looks_alike
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_the_way_through_the_second_factor_is_accessible(
    open_page: Opened, settings: Settings, scheme: str, size: dict[str, int]
) -> None:
    settings.REQUIRE_SECOND_FACTOR = "administrators"
    user = make_staff("Administrator", username="ada", password="a long password")
    page = open_page("/admin/cohorts/", role=None, scheme=scheme, size=size)

    def look() -> None:
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]

    def log_in() -> None:
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill("a long password")
        page.get_by_role("button", name="Log in").click()

    look()
    log_in()
    expect(page.get_by_text("Your role needs two-factor authentication here")).to_be_visible()
    look()
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("img", name="QR code of the secret below")).to_be_visible()
    look()
    page.get_by_label("Enter the code that the app shows").fill(code(user.pk))
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator(".codes li")).to_have_count(10)
    look()
    recovery = page.locator(".codes li").first.inner_text()
    page.goto("/admin/second-factor/")
    expect(page.get_by_role("heading", name="It is on")).to_be_visible()
    look()
    page.context.clear_cookies()
    page.goto("/admin/cohorts/")
    log_in()
    expect(page.get_by_text("Open your authenticator app")).to_be_visible()
    look()
    page.get_by_label("Code", exact=True).fill(recovery)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(re.compile(r"/admin/cohorts/$"))


def code(user: int) -> str:
    return f"{totp(TOTPDevice.objects.get(user=user).bin_key):06d}"


def test_the_refresh_of_an_idle_page_says_logged_out(
    open_page: Opened, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.IDLE_MINUTES = 60
    load_demo_program()
    page = open_page("/admin/")
    sent: list[str | None] = []
    page.on("request", lambda request: sent.append(request.headers.get("x-automatic")))
    real, late = sessions.now, [0]
    monkeypatch.setattr(sessions, "now", lambda: real() + late[0])
    for minutes in (30, 59):
        late[0] = minutes * 60
        at_rest(page)
        with page.expect_response(lambda response: bool(response.request.headers.get("hx-request"))) as answer:
            page.evaluate("htmx.trigger('#refresh', 'refresh')")
        assert answer.value.status == 304
    late[0] = 61 * 60
    at_rest(page)
    page.evaluate("htmx.trigger('#refresh', 'refresh')")
    expect(page.locator("#refreshed")).to_have_text(re.compile(r"^Not refreshed since \d\d:\d\d: logged out$"))
    assert sent.count("1") >= 3
