"""Reports that somebody has pinned: tabs over the customer table, in an order of their own."""

import html
import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Preferences, Report
from analytics.reports.pinned import MAX_PINNED
from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support.pages import main_part, said, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two")]


@pytest.fixture
def browser(zoe: User) -> Client:
    """Zoe's."""
    client = Client()
    client.force_login(zoe)
    return client


def make_report(owner: User, name: str, **more: object) -> Report:
    return Report.objects.create(owner=owner, name=name, query="status=at_risk", **more)


def send(browser: Client, report: Report, action: str) -> HttpResponse:
    return browser.post(f"/admin/reports/{report.pk}/pin/", {"action": action})


def tabs(browser: Client, query: str = "") -> list[str]:
    page = browser.get(f"/admin/?{query}", follow=True).text
    bar = page.partition('aria-label="Views">')[2].partition("</nav>")[0]
    return [html.unescape(name) for name in re.findall(r"<a [^>]*>(.*?)</a>", bar)]


def test_reports_are_tabs_in_the_order_of_whoever_pinned_them(browser: Client, zoe: User) -> None:
    first, second, third = (make_report(zoe, name) for name in ("Low", "Quiet", "New"))
    assert tabs(browser) == ["All customers", "My customers"]
    for report in (first, second, third):
        assert send(browser, report, "pin")["Location"] == f"/admin/reports/{report.pk}/"
    assert tabs(browser) == ["All customers", "My customers", "Low", "Quiet", "New"]
    send(browser, third, "left")
    send(browser, first, "left")
    assert tabs(browser)[2:] == ["Low", "New", "Quiet"]
    send(browser, first, "right")
    send(browser, second, "right")
    assert tabs(browser)[2:] == ["New", "Low", "Quiet"]
    send(browser, first, "pin")
    assert tabs(browser)[2:] == ["New", "Low", "Quiet"]
    send(browser, first, "unpin")
    assert tabs(browser)[2:] == ["New", "Quiet"]
    send(browser, first, "left")
    assert Preferences.objects.get(user=zoe).pinned_reports == [third.pk, second.pk]
    entry = AuditEntry.objects.filter(model="analytics.preferences").latest("pk")
    assert (entry.actor, list(entry.changes)) == ("zoe", ["pinned reports"])


def test_the_tab_of_what_is_shown_is_marked(browser: Client, zoe: User) -> None:
    report = make_report(zoe, "Low")
    send(browser, report, "pin")
    for address, tab in (
        ("owner=", "tab-all"),
        ("", "tab-mine"),
        (f"report={report.pk}&status=at_risk", f"tab-{report.pk}"),
    ):
        page = browser.get(f"/admin/?{address}", follow=True)
        assert page.text.count('aria-current="page">') == page.text.count(f'id="{tab}"') == 1, address
        assert f'id="{tab}"' in page.text.split(' aria-current="page">')[0].rpartition("<a")[2], address
    assert "Unpin Edit" in words(main_part(page))


def test_what_is_gone_or_hidden_is_no_tab(browser: Client, mira: User) -> None:
    theirs, gone = (make_report(mira, name, shared=True) for name in ("Theirs", "Gone"))
    send(browser, theirs, "pin")
    send(browser, gone, "pin")
    assert tabs(browser)[2:] == ["Theirs", "Gone"]
    Report.objects.get(pk=gone.pk).delete()
    assert tabs(browser)[2:] == ["Theirs"]
    theirs.shared = False
    theirs.save()
    assert tabs(browser)[2:] == []
    assert send(browser, theirs, "pin").status_code == 404


def test_a_viewer_pins_too_and_tabs_are_ones_own(browser: Client, zoe: User) -> None:
    report = make_report(zoe, "<b>Low</b>", shared=True)
    viewer = Client()
    viewer.force_login(make_staff("Viewer", username="victor"))
    send(viewer, report, "pin")
    assert tabs(viewer) == ["All customers", "<b>Low</b>"]
    assert tabs(browser) == ["All customers", "My customers"]


def test_no_more_than_so_many(browser: Client, zoe: User) -> None:
    reports = [make_report(zoe, f"R{number:02}") for number in range(MAX_PINNED + 1)]
    for report in reports:
        send(browser, report, "pin")
    assert said(browser.get("/admin/reports/")) == ["You have 12 tabs, which is the most: unpin one first."]
    assert tabs(browser)[2:] == [f"R{number:02}" for number in range(12)]


def test_a_view_is_saved_as_a_tab_at_once(browser: Client) -> None:
    form = {
        "name": "Low",
        "as_of": "newest",
        "schedule": "",
        "format": "csv",
        "query": "status=at_risk",
        "pinned": "on",
    }
    shown = browser.post("/admin/reports/save/", form)
    report = Report.objects.get()
    assert shown["Location"] == f"/admin/reports/{report.pk}/"
    assert tabs(browser)[2:] == ["Low"]
    page = browser.get("/admin/reports/")
    assert "Unpin Low" in words(main_part(page))


def test_tabs_cost_no_query_once_they_are_known(browser: Client, zoe: User) -> None:
    browser.get("/admin/?owner=")
    with CaptureQueriesContext(connection) as before:
        browser.get("/admin/?owner=")
    for name in ("Low", "Quiet", "New"):
        send(browser, make_report(zoe, name), "pin")
    browser.get("/admin/?owner=")
    with CaptureQueriesContext(connection) as after:
        assert tabs(browser, "owner=")[2:] == ["Low", "Quiet", "New"]
    assert len(after) == len(before)
