"""A push in a browser: from the preview to its page, its undo, and how the pages look."""

import pytest
from playwright.sync_api import expect
from pytest_django.fixtures import Settings

from analytics.crm import views
from analytics.crm.pushing import push_to
from analytics.models import Snapshot
from customers.models import CustomerCare
from tests.support.browsing import EVERY_LOOK, Opened, look, looks_alike
from tests.support.crm import make_destination, make_scored, score

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True), looks_alike]


def test_a_push_from_the_preview_and_its_undo(open_page: Opened, settings: Settings, tmp_path: object) -> None:
    settings.EXPORT_DIR = tmp_path
    make_scored(3)
    there = make_destination()
    push_to(there, "ada")
    score("c1", 40)
    CustomerCare.objects.create(customer_id="c3", do_not_sync=True)
    page = open_page("/admin/analytics/destination/", role="Program manager")
    wrong = {"list": look(page, EVERY_LOOK)}
    page.get_by_role("link", name="Preview of Warehouse").click()
    expect(page.get_by_role("row", name="Org 1")).to_contain_text("75 → 40")
    expect(page.get_by_role("row", name="Org 3")).to_contain_text("Held back")
    wrong["preview"] = look(page, EVERY_LOOK)
    page.get_by_role("link", name="Unchanged 1").click()
    expect(page.get_by_role("row", name="Org 2")).to_contain_text("Unchanged")
    page.get_by_role("button", name="Push 1 customer").click()
    expect(page.locator("#content h1")).to_have_text("Push 2 to Warehouse")
    expect(page.get_by_role("row", name="Org 1")).to_contain_text("In the file")
    wrong["push"] = look(page, EVERY_LOOK)
    page.get_by_role("link", name="Undo this push").click()
    wrong["undo asked"] = look(page, EVERY_LOOK)
    page.get_by_role("button", name="Undo this push").click()
    expect(page.locator("#content h1")).to_have_text("Undo 3 to Warehouse")
    expect(page.get_by_role("row", name="Org 1")).to_contain_text("40 → 75")
    wrong["undo"] = look(page, EVERY_LOOK)
    page.goto("/admin/analytics/push/")
    wrong["pushes"] = look(page, EVERY_LOOK)
    assert {name: found for name, found in wrong.items() if found} == {}
    assert Snapshot.objects.get(customer="c1").score == 40


def test_an_administrator_makes_a_destination(open_page: Opened) -> None:
    page = open_page("/admin/analytics/destination/add/", role="Administrator")
    found = look(page, EVERY_LOOK)
    page.get_by_label("Name", exact=False).first.fill("Our files")
    page.get_by_label("Kind").select_option("changed_rows")
    page.get_by_label("Score", exact=True).select_option("overwrite")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("region", name="Messages").get_by_role("link", name="Our files")).to_be_visible()
    assert not found


def test_the_page_of_a_push_sends_what_is_left(
    open_page: Opened, settings: Settings, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXPORT_DIR = tmp_path
    make_scored(3)
    there = make_destination()
    monkeypatch.setattr(views, "SECONDS", 0.0)
    page = open_page(f"/admin/destinations/{there.pk}/", role="Program manager")
    # It would go on while it is looked at.
    page.route("**/push*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.get_by_role("button", name="Push 3 customers").click()
    expect(page.get_by_role("progressbar", name="Customers that are done")).to_be_visible()
    expect(page.locator(".push-progress")).to_contain_text("0 of 3 customers are done")
    found = look(page, EVERY_LOOK)
    monkeypatch.setattr(views, "SECONDS", 20.0)
    page.unroute("**/push*.js")
    page.reload()
    expect(page.locator("#push-state")).to_contain_text("Done")
    expect(page.locator(".push-progress")).to_have_count(0)
    assert not found
