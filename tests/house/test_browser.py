"""The pages in a real browser: the morning's way through them."""

import re
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from customers.models import Customer
from tests.factories import csv_row, load_demo_program, make_alert, make_customer, make_message, make_staff
from tests.support.browsing import LAPTOP, SMALL_TARGETS, Opened, look, looks_alike, make_long_customer, names, unfold
from tests.support.uploading import csv_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def figures(page: Page) -> Locator:
    """The figures of the summary, without their changes."""
    return page.locator("dl.cards").first.locator("dd > a")


def look_at_acme_and_come_back(page: Page) -> None:
    """Filter and sort the list, open a customer, and come back to the list as it was."""
    page.get_by_role("searchbox", name="Search").fill("e")
    page.locator("summary", has_text="Cohort").click()
    page.get_by_role("checkbox", name="VIP").check()
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("1–3 of 3")).to_be_visible()
    page.get_by_role("columnheader", name="Name").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")
    expect(names(page)).to_have_text(["Acme Inc.", "DevSolutions", "株式会社さくらソフトウェア"])
    filtered = page.url

    page.locator(".customer-name", has_text="Acme Inc.").click()
    expect(page.get_by_role("heading", name="Health score: 45/100 (At risk)")).to_be_visible()
    expect(page.get_by_text("as of 9 May 2025").filter(visible=True)).to_be_visible()
    page.get_by_role("link", name="Back to the dashboard").click()
    expect(page).to_have_url(filtered)
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("e")


def test_from_the_login_to_a_customer_and_back(open_page: Opened) -> None:
    load_demo_program()
    make_staff("Success manager", username="sofia", password="a long password")
    page = open_page("/", role=None)
    expect(page).to_have_url(re.compile(r"/admin/login/\?next=/admin/start/$"))
    page.get_by_label("Username").fill("sofia")
    page.get_by_label("Password").fill("a long password")
    page.get_by_role("button", name="Log in").click()

    expect(page.get_by_role("heading", name="My day", level=1).last).to_be_visible()
    page.get_by_role("link", name="Dashboard", exact=True).first.click()
    expect(page.get_by_role("heading", name="Early Access Program")).to_be_visible()
    expect(figures(page)).to_have_text(["12", "8", "2", "50%", "82%", "3.5d"])
    expect(names(page)).to_have_count(12)

    page.get_by_label("As of", exact=True).fill("2025-05-09")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("As of 9 May 2025").filter(visible=True)).to_be_visible()
    expect(figures(page)).to_have_text(["12", "7", "3", "50%", "84%", "3.5d"])

    look_at_acme_and_come_back(page)

    page.get_by_role("link", name="Clear").click()
    expect(page.get_by_text("1–12 of 12")).to_be_visible()
    expect(page.get_by_text("As of 9 May 2025").filter(visible=True)).to_be_visible()
    page.get_by_role("link", name="go to the newest date").click()
    expect(page.get_by_text("As of 10 May 2025").filter(visible=True)).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    assert download.value.suggested_filename == "rsolv_metrics_2025-05-10.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {"combined_metrics.csv", "manifest.json", "customers.csv"} < set(archive.namelist())

    page.get_by_text("Sofia", exact=False).filter(visible=True).first.click()
    page.get_by_role("button", name="Log out").click()
    page.goto("/admin/customer/c1001/")
    expect(page).to_have_url(re.compile(r"/admin/login/\?next=/admin/customer/c1001/$"))


def test_with_the_keyboard_alone(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/")
    page.get_by_role("searchbox", name="Search").focus()
    page.keyboard.type("acme")
    for _ in ("Last active", "Score from", "Score to", "Filter", "Columns", "Status"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name="At risk")).to_be_visible()
    page.keyboard.press("Tab")
    focused = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert focused != "none"
    page.get_by_role("checkbox", name="At risk").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1–1 of 1")).to_be_visible()
    page.locator(".customer-name", has_text="Acme Inc.").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Recommended actions")).to_be_visible()


def test_a_success_manager_takes_a_customer(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/customer/c1012/")
    page.get_by_role("link", name="Assignment", exact=True).click()
    page.locator("select[name=owner]").select_option(index=1)
    page.locator("[name=notes]").fill("Call on Monday")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    page.goto("/admin/customer/c1012/")
    expect(page.get_by_text("Call on Monday")).to_be_visible()


def choose(page: Page, feed: str, name: str, content: bytes) -> None:
    """Upload a file, up to its preview."""
    page.get_by_label("Feed", exact=True).select_option(feed)
    page.get_by_label("File", exact=True).set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Upload and preview").click()
    expect(page.locator("main").get_by_role("heading", name=f"Preview of {name}")).to_be_visible()


def test_a_manager_uploads_looks_and_loads_and_corrects_what_was_bad(open_page: Opened) -> None:
    load_demo_program()
    rows = csv_of(
        "customers",
        csv_row("customers", id="c1001", organization="W" * 200),
        csv_row("customers", id="c9001"),
        csv_row("customers", id="c9002", email="nowhere"),
    )
    page = open_page("/admin/customers/importrun/", role="Program manager")
    page.get_by_role("link", name="Upload a file").click()
    expect(page.get_by_role("button", name="Upload and preview")).to_be_visible()
    assert look(page) == []
    choose(page, "customers", "mine.csv", rows)
    expect(page.get_by_text("11 rows of customers would be marked as missing")).to_be_visible()
    for kind in ("No longer in the file 11", "Updated 1", "Created 1", "Quarantined 1"):
        tab = page.get_by_role("link", name=kind)
        address = tab.get_attribute("href")
        tab.click()
        expect(page).to_have_url(re.compile(re.escape(address) + "$"))
        expect(tab).to_have_attribute("aria-current", "true")
        assert look(page) == []
        assert page.evaluate(SMALL_TARGETS) == []
    page.get_by_role("button", name="Load exactly this file").click()
    expect(page.locator("main").get_by_role("heading", name=re.compile(r"Run \d+: mine.csv"))).to_be_visible()
    expect(page.get_by_text("mine.csv was loaded by run")).to_be_visible()
    assert Customer.objects.get(pk="c1001").organization == "W" * 200

    page.goto("/admin/customers/quarantinedrow/")
    with page.expect_download() as download:
        page.locator("a[href*='/download/customers/']").click()
    corrected = Path(download.value.path()).read_bytes().replace(b"nowhere", b"two@example.com")
    page.goto("/admin/customers/importrun/upload/")
    choose(page, "customers", download.value.suggested_filename, corrected)
    expect(page.get_by_text("Corrected rows, 1 row")).to_be_visible()
    page.get_by_role("button", name="Load exactly this file").click()
    expect(page.get_by_text("customers-quarantined.csv was loaded by run")).to_be_visible()
    assert Customer.objects.get(pk="c9002").email == "two@example.com"


@looks_alike
def test_nothing_is_wrong_with_a_refused_upload(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/customers/importrun/upload/", role="Program manager")
    rows = [csv_row("customers", id=f"c{number}", email="x") for number in range(30)]
    choose(page, "customers", "n" * 100 + ".csv", csv_of("customers", *rows))
    expect(page.get_by_label("Load it anyway")).to_be_visible()
    assert look(page) == []
    page.get_by_role("button", name="Cancel and remove it").click()
    expect(page.get_by_text("nothing of it was loaded")).to_be_visible()


def test_alerts_are_acknowledged_snoozed_and_noted(open_page: Opened) -> None:
    for name in ("Acme", "Beta", "W" * 200):
        make_alert(make_customer(organization=name), text=f"Blocked for 3 days: {'B' * 100}")
    make_alert(kind="feed", text="engagement.csv was refused")
    page = open_page("/admin/alerts/")
    acme = page.get_by_role("listitem").filter(has_text="Acme")
    acme.get_by_text("Actions", exact=False).first.click()
    acme.get_by_label("Note").fill("Called them")
    acme.get_by_role("button", name="Save note").click()
    expect(page.get_by_text("1 alert noted.")).to_be_visible()
    acme.get_by_text("Actions", exact=False).first.click()
    next_week = timezone.localdate() + timedelta(days=7)
    acme.get_by_label("Snooze until").fill(next_week.isoformat())
    acme.get_by_role("button", name="Snooze", exact=True).click()
    expect(acme.get_by_text(f"snoozed until {next_week:%-d %b %Y}")).to_be_visible()
    unfold(page, "main summary")
    assert look(page) == []
    assert page.evaluate(SMALL_TARGETS) == []
    for name in ("Beta", "Feed: Engagement"):
        page.get_by_role("listitem").filter(has_text=name).get_by_role("checkbox").check()
    page.get_by_role("button", name="Acknowledge selected", exact=True).click()
    expect(page.get_by_text("2 alerts acknowledged.")).to_be_visible()
    page.get_by_label("State").select_option("Not acknowledged")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("heading", name="1 alert", exact=True)).to_be_visible()


def test_from_a_recommendation_to_a_task_that_is_done(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/customer/c1001/")
    page.get_by_role("link", name="Create task: Schedule a technical call").click()
    expect(page.get_by_label("Title", exact=True)).to_have_value("Schedule a technical call")
    page.get_by_label("Note").fill("They are free on Tuesdays")
    assert look(page) == []
    page.get_by_role("button", name="Create task").click()
    expect(page.get_by_text("Task created: Schedule a technical call.")).to_be_visible()
    expect(page.get_by_role("link", name="Create task: Schedule a technical call")).to_have_count(0)
    assert look(page) == []

    page.set_viewport_size(LAPTOP)
    page.get_by_role("link", name="My tasks").click()
    expect(page.get_by_role("rowheader", name="Next 7 days")).to_be_visible()
    assert look(page) == []
    assert page.evaluate(SMALL_TARGETS) == []
    page.get_by_role("link", name="Schedule a technical call").click()
    expect(page.get_by_label("Outcome")).to_be_visible()
    assert look(page) == []
    page.get_by_label("Outcome").select_option("Customer reached")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("Done: Schedule a technical call.")).to_be_visible()
    expect(page.get_by_text("No tasks for you.")).to_be_visible()
    page.goto("/admin/customer/c1001/")
    expect(page.get_by_text("by Sofia Marchetti · Customer reached")).to_be_visible()
    page.goto("/admin/effects/")
    expect(page.get_by_text("too few to tell: 0 of 10").first).to_be_visible()
    assert look(page) == []


def test_owners_and_rules_have_nothing_wrong_with_their_pages(open_page: Opened) -> None:
    load_demo_program()
    customer = make_long_customer()
    page = open_page(f"/admin/assign/?customer=c1001&customer={customer.pk}", role="Program manager")
    assert look(page) == []
    page.get_by_role("button", name="Assign to 2 customers").click()
    expect(page.get_by_text("Sofia Marchetti now looks after 2 more customers.")).to_be_visible()
    page.goto("/admin/analytics/recommendationrule/")
    page.get_by_role("link", name="Confirm the contact").click()
    page.get_by_label("Condition").select_option("at_risk")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Nothing is saved yet.")).to_be_visible()


def begin_a_letter(page: Page) -> None:
    """From the customer's page to a letter by another template than the one that is offered."""
    page.get_by_role("link", name="Contact customer").click()
    expect(page.locator("main.rsolv h1")).to_have_text("Write to Acme Inc.")
    expect(page.get_by_label("Template")).to_have_value(re.compile(r"\d+"))
    page.get_by_label("Template").select_option("Check-in")
    page.get_by_role("button", name="Apply template").click()
    expect(page.get_by_label("Subject")).to_have_value("How is it going with RSOLV?")


def test_a_success_manager_writes_to_a_customer(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/customer/c1001/")
    User.objects.update(email="sofia@rsolv.example")
    begin_a_letter(page)
    wrong = look(page)
    page.set_viewport_size(LAPTOP)
    page.get_by_label("Text", exact=True).fill("Hello {organization},\n\n{last_active} {{ x }} <b>\n{sender}")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("main.rsolv h1")).to_have_text("Send this to Acme Inc.?")
    expect(page.locator(".letter-body")).to_have_text("Hello Acme Inc.,\n\n7 May 2025 {{ x }} <b>\nSofia Marchetti")
    wrong += look(page)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Subject").fill("A question")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("main.rsolv h1")).to_have_text("A question")
    expect(page.get_by_text("Sent to john@acme.com.")).to_be_visible()
    [sent] = mail.outbox
    assert (sent.subject, sent.body) == ("A question", "Hello Acme Inc.,\n\n7 May 2025 {{ x }} <b>\nSofia Marchetti")
    page.reload()
    wrong += look(page)
    small = page.evaluate(SMALL_TARGETS)

    page.goto("/admin/customer/c1001/contact/")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Sofia Marchetti wrote to this customer")).to_be_visible()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("checkbox")).to_be_focused()  # The browser asks for it.
    page.get_by_role("checkbox").check()
    wrong += look(page)
    small += page.evaluate(SMALL_TARGETS)
    page.set_viewport_size(LAPTOP)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("Sent to john@acme.com.")).to_be_visible()
    assert len(mail.outbox) == 2
    assert (wrong, small) == ([], [])


@looks_alike
def test_nothing_is_wrong_with_a_long_mail_that_failed(open_page: Opened) -> None:
    customer = make_long_customer()
    message = make_message(
        customer, subject="S" * 200, body="B" * 2000, from_line="F" * 400, state="failed", error="E" * 300
    )
    page = open_page(f"/admin/messages/{message.pk}/")
    assert look(page) == []
    page.goto(f"/admin/customer/{customer.pk}/contact/?message={message.pk}")
    assert look(page) == []
