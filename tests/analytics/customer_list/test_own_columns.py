"""One's own columns of the customer table: kept after login, nobody else's, and given up again."""

import re
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Preferences, Report
from customers.audit import trail
from customers.models import AuditEntry
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import main_part, said, words

pytestmark = pytest.mark.django_db

KEEP = "/admin/columns/"
D = date(2025, 5, 10)
STANDARD = ["Name", "Status", "Score", "Activity trend", "Progress", "Stage", "Last active", "Cohort", "Owner"]


@pytest.fixture
def zoe() -> User:
    make_day(date=D, total=1)
    make_snapshot(make_customer(id="c1", organization="Alpha", email="ann@alpha.example"), date=D)
    return make_staff("Success manager", username="zoe")


@pytest.fixture
def browser(zoe: User) -> Client:
    """Zoe's."""
    return of(zoe)


def of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def headings(response: HttpResponse) -> list[str]:
    table = main_part(response).partition('id="table-box"')[2].partition("</thead>")[0]
    return [words(link) for link in re.findall(r'<a id="sort-.*?</a>', table, re.DOTALL)]


def shown(browser: Client, query: str = "") -> list[str]:
    return headings(browser.get(f"/admin/?{query}", follow=True))


def test_kept_columns_are_shown_where_the_address_names_none(browser: Client, zoe: User) -> None:
    assert shown(browser) == STANDARD
    response = browser.post(KEEP, {"columns": ["email", "score"], "next": "/admin/?q=alpha"})
    assert response["Location"] == "/admin/?q=alpha"
    page = browser.get(response["Location"])
    assert (headings(page), said(page)) == (["Name", "Score", "E-mail"], ["Kept as your columns."])
    assert shown(of(zoe)) == ["Name", "Score", "E-mail"]
    assert shown(browser, "columns=stage") == ["Name", "Stage"]


def test_two_people_with_other_columns_each_see_their_own(browser: Client) -> None:
    """Also through the cache: the same page, first of one, then of the other, then of the first again."""
    other = of(make_staff("Success manager", username="max"))
    browser.post(KEEP, {"columns": ["score"]})
    other.post(KEEP, {"columns": ["email"]})
    for _ in range(2):
        assert shown(browser) == ["Name", "Score"]
        assert shown(other) == ["Name", "E-mail"]
        assert shown(of(User.objects.get(username="zoe"))) == ["Name", "Score"]


def test_new_columns_show_at_once_though_the_data_are_those_of_before(browser: Client) -> None:
    """What is drawn is kept through people's edits, so its key must tell the columns apart."""
    trail.record(trail.Action.IMPORT, "customers.csv")
    assert shown(browser) == STANDARD
    browser.post(KEEP, {"columns": ["score"]})
    assert shown(browser) == ["Name", "Score"]
    browser.post(KEEP, {"columns": ["email"]})
    assert shown(browser) == ["Name", "E-mail"]


def test_back_to_the_standard_columns(browser: Client) -> None:
    browser.post(KEEP, {"columns": ["score"]})
    page = browser.get("/admin/")
    assert "Reset to standard" in words(main_part(page))
    assert "Keep as my columns" not in words(main_part(page))
    assert said(browser.post(KEEP, follow=True)) == ["The table has its standard columns again."]
    assert shown(browser) == STANDARD
    assert "Reset to standard" not in words(main_part(browser.get("/admin/")))


def test_chosen_columns_are_offered_to_be_kept(browser: Client) -> None:
    page = main_part(browser.get("/admin/?columns=score,stage&q=a"))
    [form] = re.findall(r'<form method="post" id="own-columns".*?</form>', page, re.DOTALL)
    sent = re.findall(r'name="(columns|next)" value="([^"]*)"', form)
    assert sent == [("next", "/admin/?q=a#customers"), ("columns", "score"), ("columns", "stage")]
    assert "Keep as my columns" in words(page)


def test_an_unknown_column_is_not_kept(browser: Client, zoe: User) -> None:
    browser.post(KEEP, {"columns": ["customer", "nonsense", "score"]})
    assert Preferences.objects.get(user=zoe).columns == [{"name": "score"}]
    Preferences.objects.filter(user=zoe).update(columns=[{"name": "gone"}])
    assert shown(of(zoe)) == STANDARD


def test_each_change_writes_an_entry(browser: Client, zoe: User) -> None:
    browser.post(KEEP, {"columns": ["score"]})
    entries = AuditEntry.objects.filter(model="analytics.preferences")
    before = entries.count()
    browser.post(KEEP)
    assert (before > 0, entries.count()) == (True, before + 1)


def test_a_report_has_the_columns_that_it_was_saved_with(browser: Client, zoe: User) -> None:
    report = Report.objects.create(owner=zoe, name="Low", query="status=at_risk")
    browser.post(KEEP, {"columns": ["score"]})
    assert shown(browser, f"report={report.pk}&status=at_risk") == STANDARD


def test_they_ask_the_database_nothing(browser: Client) -> None:
    def queries() -> int:
        browser.get("/admin/")
        with CaptureQueriesContext(connection) as asked:
            browser.get("/admin/")
        return len(asked)

    before = queries()
    browser.post(KEEP, {"columns": ["score"]})
    assert queries() <= before


def test_to_look_at_the_address_changes_nothing(browser: Client) -> None:
    assert browser.get(f"{KEEP}?columns=score").status_code == 302
    assert not Preferences.objects.exists()
