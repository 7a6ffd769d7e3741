"""A new colleague in a real browser: invited, a password, the first login; and how the pages of people look."""

import re

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from playwright.sync_api import ViewportSize, expect
from pytest_django.fixtures import Settings

from tests.factories import load_demo_program, make_staff
from tests.support.browsing import LAPTOP, PHONE, SMALL_TARGETS, Opened, look, looks_alike

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"


def test_from_an_invitation_to_the_first_login(open_page: Opened, settings: Settings) -> None:
    settings.SITE_URL = ""
    load_demo_program()
    page = open_page("/admin/auth/user/", role="Administrator")
    page.get_by_role("link", name="Invite a user").click()
    page.get_by_label("Name", exact=True).fill("Maria López")
    page.get_by_label("Email", exact=True).fill("maria@example.com")
    page.get_by_label("Role").select_option("Success manager")
    assert look(page) == []
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text("Invitation sent to maria@example.com.")).to_be_visible()
    expect(page.get_by_text("Invited, not yet joined")).to_be_visible()
    page.context.clear_cookies()

    [letter] = mail.outbox
    link = re.search(r"http://\S+", letter.body)
    assert link
    page.goto(link[0])
    expect(page.get_by_text("maria@example.com")).to_be_visible()
    assert look(page) == []
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()

    expect(page.get_by_text("Your password is set. Log in with it now.")).to_be_visible()
    assert look(page) == []
    page.get_by_label("Username").fill("maria@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="My day", level=1).last).to_be_visible()


@looks_alike
def test_the_pages_of_people_read_well(open_page: Opened) -> None:
    viewer = Group.objects.get(name="Viewer")
    page = open_page("/admin/preferences/", role="Administrator")
    found = look(page)
    for path in (f"/admin/auth/group/{viewer.pk}/copy/", "/admin/forgotten-password/"):
        page.goto(path)
        found += look(page)
    assert found == []


@looks_alike
@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_the_pages_of_users_and_roles_do_not_scroll_sideways(size: ViewportSize, open_page: Opened) -> None:
    somebody, viewer = make_staff("Viewer", username="somebody"), Group.objects.get(name="Viewer")
    own = Group.objects.create(name="Our own")
    paths = [f"/admin/auth/group/{role.pk}/change/" for role in (viewer, own)]
    page = open_page("/admin/auth/user/", role="Administrator", size=size)
    for path in ["/admin/auth/user/", f"/admin/auth/user/{somebody.pk}/change/", "/admin/auth/group/", *paths]:
        page.goto(path)
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path


@looks_alike
def test_the_summary_is_one_screen_of_a_phone(open_page: Opened) -> None:
    load_demo_program()
    page = open_page("/admin/summary/", role="Viewer", size=PHONE)
    expect(page.locator("main h1", has_text="Summary")).to_be_visible()
    assert page.evaluate("document.querySelector('main').getBoundingClientRect().height") <= 1.5 * PHONE["height"]
    assert page.evaluate(SMALL_TARGETS) == []
    assert look(page) == []
    page.set_viewport_size(LAPTOP)
    expect(page.get_by_role("link", name="Summary")).to_be_visible()
