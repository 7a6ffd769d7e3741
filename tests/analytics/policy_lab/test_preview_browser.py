"""The preview in a browser: it comes by itself, its parts open and close, and nothing is wrong with how it looks."""

import re

import pytest
from django.test import Client
from playwright.sync_api import Route, expect

from customers.models import Customer
from tests.support.browsing import EVERY_LOOK, Opened, look, looks_alike, unfold
from tests.support.policies import make_draft
from tests.support.policy_lab import MORE_ACTIVITY, plant

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.sqlite_is_enough,
    looks_alike,
]


def test_the_preview_comes_by_itself_and_is_there_at_once_from_then_on(open_page: Opened, client: Client) -> None:
    plant()
    Customer.objects.filter(pk="bob").update(organization="Municipal Water and Energy Services " * 3)
    draft = make_draft(**MORE_ACTIVITY)
    page = open_page(f"/admin/policy-lab/{draft.pk}/", role="Program manager")
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_text("3 would change health status")).to_be_visible()
    expect(preview).not_to_have_attribute("aria-busy", "true")
    became = preview.get_by_text("Became at risk")
    became.click()
    expect(preview.get_by_text("At risk with a score of 30")).to_be_visible()
    preview.get_by_role("link", name=re.compile("Any change")).click()
    expect(page.locator(".moves tbody tr")).to_have_count(4)
    unfold(page)
    assert look(page, EVERY_LOOK) == []


def test_while_it_is_computed_the_bar_grows_and_a_failure_is_told(open_page: Opened) -> None:
    plant()
    draft = make_draft(**MORE_ACTIVITY)
    asked: list[Route] = []
    page = open_page("/admin/policy-lab/", role="Program manager")
    page.route("**/preview/**", lambda route: asked.append(route))
    page.get_by_role("link", name="Draft", exact=True).click()
    bar = page.get_by_role("progressbar", name="Customers scored")
    expect(bar).to_be_visible()
    assert look(page, EVERY_LOOK) == []
    page.evaluate(
        """() => {
            const elt = document.getElementById("preview");
            const responseText = '<data value="2"></data><data value="4"></data>';
            const xhr = Object.assign(new EventTarget(), { responseText });
            elt.dispatchEvent(new CustomEvent("htmx:beforeSend", { bubbles: true, detail: { elt, xhr } }));
            xhr.dispatchEvent(new Event("progress"));
        }"""
    )
    expect(bar).to_have_js_property("value", 4)
    asked[0].fulfill(status=200, body="<p>Log in</p>", content_type="text/html")
    expect(page.get_by_text("The preview could not be loaded.")).to_be_visible()
    assert draft.is_draft
