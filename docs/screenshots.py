"""Take the pictures in ``docs/`` from a fresh demo, the large one: ``make screenshots``."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, ViewportSize, sync_playwright

DOCS = Path(__file__).resolve().parent
LAPTOP: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}


class Picture(NamedTuple):
    """Its name, who looks, the address, the colour scheme and the screen; the button to press, and what comes then."""

    name: str
    login: str
    address: str
    scheme: str
    size: ViewportSize
    press: str = ""
    until: str = ""


PICTURES = [
    Picture("dashboard", "manager", "/admin/", "light", LAPTOP),
    Picture("dashboard-dark", "manager", "/admin/", "dark", LAPTOP),
    Picture("dashboard-phone", "manager", "/admin/", "light", PHONE),
    Picture("my-day", "success", "/admin/my-day/?owner=", "light", LAPTOP),
    Picture("table", "manager", "/admin/?owner=#customers", "light", LAPTOP),
    Picture("customer", "success", "/admin/customer/c1001/", "light", LAPTOP),
    Picture("forecast", "success", "/admin/customer/c2003/#forecast", "light", LAPTOP),
    Picture("forecast-accuracy", "success", "/admin/forecast/#quiet", "light", LAPTOP),
    Picture("board", "manager", "/admin/board/1/", "light", LAPTOP),
    Picture("cohorts", "manager", "/admin/cohorts/", "light", LAPTOP),
    Picture("push-preview", "manager", "/admin/destinations/1/", "light", LAPTOP),
    Picture("policy", "manager", "/admin/analytics/scoringpolicy/add/?copy=1", "light", LAPTOP),
    Picture("policy-preview", "manager", "/admin/policy-lab/2/", "light", LAPTOP),
    Picture(
        "policy-back-test",
        "manager",
        "/admin/policy-lab/2/back-test/",
        "light",
        LAPTOP,
        "Back-test the draft",
        ".figures",
    ),
]
SHARP = 2
"""Pixels of a picture for each of the screen, one way."""
CLOCK = """
import sys
from datetime import datetime
from django.core.management import execute_from_command_line
from django.utils import timezone

real, started = timezone.now, timezone.now()
shown = datetime.fromisoformat(sys.argv.pop(1))
timezone.now = lambda: shown + (real() - started)
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
"""``manage.py`` on a clock that begins at its first argument: the demo ends yesterday, the pictures stay the same."""
PUSHED = """
from unittest.mock import patch

from analytics.crm.pushing import push_to
from analytics.models import Destination, PortfolioDay
from customers.models import CustomerCare

fields = {name: {"name": f"rsolv_{name}", "mode": "overwrite"} for name in ("score", "status", "stage", "blocker")}
there = Destination.objects.create(name="HubSpot", kind="changed_rows", fields=fields, nightly=True)
earlier = PortfolioDay.objects.order_by("-date")[1]
with patch.object(PortfolioDay.objects.all().__class__, "newest", lambda self: earlier):
    push_to(there, "manager")
Destination.objects.update(kind="hubspot", variables="CRM_HUBSPOT")
CustomerCare.objects.update_or_create(customer_id="c1004", defaults={"do_not_sync": True})
"""
"""A destination that knows the figures of the day before the newest one."""
CHROMIUM = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
BEFORE, THEN = "2025-05-11T07:00:00+00:00", "2025-05-11T08:00:00+00:00"
"""When the demo is loaded, and when it is looked at."""


def main() -> None:
    """Load the demo into a throw-away folder, serve it, and take every picture, or those that are named."""
    named = sys.argv[1:]
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        sys.exit("There is no Chromium: apt install chromium (Debian) or chromium-browser (Ubuntu).")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        environment = {**os.environ, "DEBUG": "1", "DATABASE_URL": f"sqlite:///{name}/demo.sqlite3"}
        environment |= {"ARCHIVE_DIR": f"{name}/archive", "DJANGO_SETTINGS_MODULE": "rsolv_cs.settings"}
        base = f"http://127.0.0.1:{port}"
        environment |= {"EXPORT_DIR": f"{name}/exports", "CRM_HUBSPOT_TOKEN": "shown on no page"}
        demo = ["demo", "--size", "large", "--address", base]
        for command in (["migrate", "--verbosity", "0"], demo, ["shell", "--verbosity", "0", "-c", PUSHED]):
            subprocess.run(
                [sys.executable, "-c", CLOCK, BEFORE, *command], env=environment, check=True, cwd=DOCS.parent
            )
        serve = [sys.executable, "-c", CLOCK, THEN, "runserver", "--noreload", "--insecure", f"127.0.0.1:{port}"]
        with subprocess.Popen(
            serve, env=environment, cwd=DOCS.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                _wait_for(f"{base}/admin/login/")
                with sync_playwright() as playwright:
                    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                    for picture in PICTURES:
                        if not named or picture.name in named:
                            take(browser, base, picture)
                    browser.close()
            finally:
                server.terminate()


def take(browser: Browser, base: str, picture: Picture) -> None:
    """One picture of a page as a user of the demo sees it who has closed the tour."""
    name, login, address, scheme, size, press, until = picture
    context = browser.new_context(
        base_url=base,
        viewport=size,
        device_scale_factor=SHARP,
        color_scheme=scheme,
        reduced_motion="reduce",
        locale="en-GB",
    )
    page = context.new_page()
    page.goto("/admin/login/")
    page.get_by_label("Username").fill(login)
    page.get_by_label("Password").fill("rsolv-demo")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/**")
    response = page.goto(address)
    if response is None or not response.ok:
        sys.exit(f"{address} could not be opened.")
    page.wait_for_load_state("networkidle")
    if (close := page.get_by_role("button", name="Got it, close")).is_visible():
        close.click()
        page.goto(address)
        page.wait_for_load_state("networkidle")
    if press:
        page.get_by_role("button", name=press).click()
        page.locator(until).wait_for()
    page.screenshot(path=DOCS / f"{name}.png")
    print(f"docs/{name}.png")
    context.close()


def _wait_for(address: str) -> None:
    for _attempt in range(600):
        try:
            urllib.request.urlopen(address).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"The server did not answer at {address}.")


if __name__ == "__main__":
    main()
