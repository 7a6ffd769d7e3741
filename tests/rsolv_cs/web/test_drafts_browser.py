"""What is typed is there again: after a lost connection, a session that ended, a closed tab; for its user alone."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect
from pytest_django.live_server_helper import LiveServer

from analytics.models import Message
from customers.models import Customer, CustomerCare, Note
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.browsing import new_context

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]

ACME = "/admin/customer/acme/"
TEXT = "They will renew,\nsays Ann"
Login = Callable[[User], None]
STORED = "JSON.stringify(Object.entries(localStorage).filter(([key]) => key.startsWith('draft:')))"


@pytest.fixture
def acme() -> Customer:
    make_day()
    customer = make_customer(id="acme", email="ann@acme.example")
    make_snapshot(customer)
    return customer


@pytest.fixture
def sofia() -> User:
    return make_staff("Program manager", username="sofia", email="sofia@rsolv.example")


@pytest.fixture
def context(browser: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    within = new_context(browser, live_server)
    yield within
    within.close()


@pytest.fixture
def log_in(context: BrowserContext, live_server: LiveServer) -> Login:
    def as_user(user: User) -> None:
        client = Client()
        client.force_login(user)
        session = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])

    return as_user


@pytest.fixture
def page(context: BrowserContext, log_in: Login, sofia: User, acme: Customer) -> Page:
    log_in(sofia)
    page = context.new_page()
    page.goto(ACME)
    return page


def write(page: Page, text: str = TEXT) -> None:
    page.get_by_label("Add a note").fill(text)
    page.wait_for_function(f"{STORED}.includes('renew')")


def drafts(page: Page) -> str:
    return page.evaluate(STORED)


def test_a_text_outlives_its_tab_until_it_is_discarded(page: Page, context: BrowserContext) -> None:
    write(page)
    page.close()
    again = context.new_page()
    again.goto(ACME)
    note = again.get_by_label("Add a note")
    expect(note).to_have_value(TEXT)
    notice = again.locator(".draft")
    expect(notice).to_contain_text("Your unsent text of")
    expect(notice).to_contain_text("is back.")
    again.get_by_role("button", name="Discard").click()
    expect(note).to_have_value("")
    expect(notice).to_have_count(0)
    assert drafts(again) == "[]"
    again.goto(ACME)
    expect(again.get_by_label("Add a note")).to_have_value("")


def test_what_is_sent_does_not_come_back(page: Page) -> None:
    write(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Note added to the history.")).to_be_visible()
    expect(page.locator(".draft")).to_have_count(0)
    assert drafts(page) == "[]"
    assert "sent-" not in page.evaluate("document.cookie")
    assert Note.objects.get().text.split() == TEXT.split()


def test_a_text_is_there_after_the_session_ended(
    page: Page, context: BrowserContext, log_in: Login, sofia: User
) -> None:
    write(page)
    context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
    expect(page.get_by_label("Text", exact=True)).to_have_value(TEXT)
    with context.expect_page() as opened:
        page.get_by_role("link", name="Log in, in a new tab").click()
    other = opened.value
    other.get_by_label("Username").fill("sofia")
    other.get_by_label("Password").fill("a long password")
    other.get_by_role("button", name="Log in").click()
    # There it is again, in the page with the form.
    expect(other.get_by_label("Add a note")).to_have_value(TEXT)
    # And here it can be sent as well, once the browser's new token is known.
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("heading", name="This was not sent yet")).to_be_visible()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("Note added to the history.")).to_be_visible()
    # The other tab does not offer to send it once more.
    expect(other.get_by_label("Add a note")).to_have_value("")
    assert Note.objects.get().text.split() == TEXT.split()
    assert drafts(page) == "[]"


def test_another_user_of_the_browser_does_not_see_it(page: Page, log_in: Login, sofia: User) -> None:
    write(page)
    log_in(make_staff("Success manager"))
    page.goto(ACME)
    expect(page.get_by_label("Add a note")).to_have_value("")
    expect(page.locator(".draft")).to_have_count(0)
    log_in(sofia)
    page.goto(ACME)
    expect(page.get_by_label("Add a note")).to_have_value(TEXT)


def test_a_logout_takes_the_drafts_along(page: Page) -> None:
    write(page)
    page.locator("#logout-form").evaluate("form => form.requestSubmit()")
    page.wait_for_url("**/admin/logout/")
    assert drafts(page) == "[]"


def test_a_lost_connection_loses_nothing(page: Page, context: BrowserContext) -> None:
    write(page)
    context.set_offline(True)
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("chrome-error://**")
    context.set_offline(False)
    page.goto(ACME)
    expect(page.get_by_label("Add a note")).to_have_value(TEXT)
    assert not Note.objects.exists()


def test_one_is_asked_before_one_leaves_with_unsent_text(page: Page) -> None:
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.get_by_role("link", name="Dashboard").first.click()
    page.wait_for_url("**/admin/")
    assert asked == []
    page.goto(ACME)
    page.get_by_label("Add a note").press_sequentially("They will renew")
    page.get_by_role("link", name="Dashboard").first.click()
    page.wait_for_url("**/admin/")
    assert asked == ["beforeunload"]


def test_nothing_is_asked_after_the_text_was_sent(page: Page) -> None:
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.goto("/admin/")
    page.goto(ACME)
    page.get_by_label("Add a note").press_sequentially("They will renew")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Note added to the history.")).to_be_visible()
    page.go_back()
    # The browser itself puts back what stood in the form of that page.
    expect(page.get_by_label("Add a note")).to_have_value("")
    page.get_by_role("link", name="Dashboard").first.click()
    page.wait_for_url("**/admin/")
    assert asked == []


def test_a_letter_is_kept_through_its_preview_until_it_is_sent(page: Page) -> None:
    page.goto(f"{ACME}contact/?template=0")
    page.get_by_label("Subject").fill("Good news")
    page.get_by_label("Text", exact=True).fill("You will renew?")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("link", name="Cancel").click()
    page.goto(f"{ACME}contact/?template=0")
    expect(page.get_by_label("Text", exact=True)).to_have_value("You will renew?")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url("**/messages/*/")
    assert Message.objects.get().body == "You will renew?"
    assert drafts(page) == "[]"


def test_what_the_page_says_by_now_is_not_overwritten(page: Page, acme: Customer) -> None:
    care = CustomerCare.objects.create(customer=acme, notes="Old")
    address = f"/admin/customers/customercare/{care.pk}/change/"
    page.goto(address)
    page.locator("#id_notes").fill("I think they will renew")
    page.wait_for_function(f"{STORED}.includes('renew')")
    CustomerCare.objects.update(notes="New, by somebody else")
    page.goto(address)
    notes = page.locator("#id_notes")
    expect(notes).to_have_value("New, by somebody else")
    notice = page.locator(".draft")
    expect(notice).to_contain_text("the page says something else by now")
    expect(notice).to_contain_text("I think they will renew")
    page.get_by_role("button", name="Put it back").click()
    expect(notes).to_have_value("I think they will renew")


def test_the_admins_forms_keep_theirs_too(page: Page, acme: Customer) -> None:
    care = CustomerCare.objects.create(customer=acme, notes="Old")
    address = f"/admin/customers/customercare/{care.pk}/change/"
    page.goto(address)
    page.locator("#id_notes").fill("They will renew")
    page.wait_for_function(f"{STORED}.includes('renew')")
    page.goto(ACME)
    page.goto(address)
    expect(page.locator("#id_notes")).to_have_value("They will renew")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(lambda url: not url.endswith("/change/"))
    assert CustomerCare.objects.get().notes == "They will renew"
    assert drafts(page) == "[]"


def test_passwords_are_never_kept(page: Page) -> None:
    page.goto("/admin/password_change/")
    for field in page.locator("input[type=password]").all():
        field.fill("they will renew")
    page.wait_for_timeout(500)
    assert page.evaluate("JSON.stringify(localStorage)").find("renew") == -1


def test_a_draft_is_forgotten_after_a_week(page: Page) -> None:
    write(page)
    page.evaluate(
        "Object.keys(localStorage).filter(key => key.startsWith('draft:')).forEach(key => localStorage.setItem(key,"
        "JSON.stringify({...JSON.parse(localStorage.getItem(key)), at: Date.now() - 7 * 24 * 3600 * 1000 - 1})))"
    )
    page.evaluate("document.querySelector('.composer').reset()")
    page.goto("/admin/alerts/")
    assert drafts(page) == "[]"


def test_a_template_may_be_tried_and_the_enter_key_previews(page: Page) -> None:
    page.goto(f"{ACME}contact/")
    page.get_by_label("Subject").fill("My own")
    page.get_by_label("Text", exact=True).fill("Will you renew?")
    page.get_by_label("Template").select_option("0")
    page.get_by_role("button", name="Apply template").click()
    expect(page.get_by_text("Your own words are kept.")).to_be_visible()
    # The page keeps them, so the browser does not offer them a second time.
    expect(page.locator(".draft")).to_have_count(0)
    page.get_by_role("button", name="Bring them back").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Will you renew?")
    page.get_by_label("Subject").press("Enter")
    expect(page.get_by_role("heading", name="Send this to")).to_be_visible()


def test_typing_keeps_the_session_and_says_where_it_ended(page: Page, context: BrowserContext) -> None:
    page.clock.install()
    page.goto(ACME)
    note = page.get_by_label("Add a note")
    note.press_sequentially("They")
    page.clock.fast_forward(61_000)
    with page.expect_response("**/jsi18n/") as heard:
        note.press_sequentially(" will")
    assert heard.value.status == 200
    context.clear_cookies(name="sessionid")
    page.clock.fast_forward(61_000)
    note.press_sequentially(" renew")
    notice = page.locator(".logged-out")
    expect(notice).to_contain_text("You are logged out. Your text stays here")
    expect(notice.get_by_role("link")).to_have_attribute(
        "href", re.compile(r"/admin/login/\?next=%2Fadmin%2Fcustomer%2Facme%2F$")
    )
    expect(note).to_have_value("They will renew")
