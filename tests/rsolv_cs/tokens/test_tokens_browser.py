"""The pages of tokens in a browser."""

import pytest
from playwright.sync_api import expect

from customers.models import ApiToken
from tests.factories import make_staff
from tests.support.browsing import EVERY_LOOK, LAPTOP, Opened, look

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


def test_a_token_is_made_copied_and_revoked(open_page: Opened) -> None:
    make_staff("Viewer", username="power-bi")
    page = open_page("/admin/customers/apitoken/", role="Administrator")
    page.get_by_role("link", name="New token").click()
    login = page.get_by_label("Login", exact=True)
    expect(login).to_be_visible()
    page.get_by_label("Account", exact=True).select_option(label="power-bi")
    expect(login).to_be_hidden()
    page.get_by_label("Name").fill("Power BI")
    page.get_by_label("Read", exact=True).check()
    page.get_by_role("button", name="Make token").click()
    expect(page.locator("#new-token")).to_contain_text(ApiToken.objects.get().shown)
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copy-token")).not_to_have_text("Copy")
    assert look(page, EVERY_LOOK) == []
    page.set_viewport_size(LAPTOP)
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Power BI").click()
    page.get_by_role("link", name="Revoke").click()
    assert look(page, EVERY_LOOK) == []
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("is revoked.")).to_be_visible()
    assert ApiToken.objects.valid().count() == 0
