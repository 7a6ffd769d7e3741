"""One's own columns of the customer table: kept after login, nobody else's, and given up again."""

import re
from datetime import date
from html import unescape
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.customer_list.columns import TABLE_COLUMNS, in_order_of
from analytics.customer_list.own_columns import WIDTHS
from analytics.models import Preferences, Report
from customers.audit import trail
from customers.models import AuditEntry
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import links, main_part, said, words

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
    assert (headings(page), said(page)) == (["Name", "Email", "Score"], ["Saved as your columns."])
    assert shown(of(zoe)) == ["Name", "Email", "Score"]
    assert shown(browser, "columns=stage") == ["Name", "Stage"]


def test_two_people_with_other_columns_each_see_their_own(browser: Client) -> None:
    """Also through the cache: the same page, first of one, then of the other, then of the first again."""
    other = of(make_staff("Success manager", username="max"))
    browser.post(KEEP, {"columns": ["score"]})
    other.post(KEEP, {"columns": ["email"]})
    for _ in range(2):
        assert shown(browser) == ["Name", "Score"]
        assert shown(other) == ["Name", "Email"]
        assert shown(of(User.objects.get(username="zoe"))) == ["Name", "Score"]


def test_new_columns_show_at_once_though_the_data_are_those_of_before(browser: Client) -> None:
    """What is drawn is kept through people's edits, so its key must tell the columns apart."""
    trail.record(trail.Action.IMPORT, "customers.csv")
    assert shown(browser) == STANDARD
    browser.post(KEEP, {"columns": ["score"]})
    assert shown(browser) == ["Name", "Score"]
    browser.post(KEEP, {"columns": ["email"]})
    assert shown(browser) == ["Name", "Email"]


def test_back_to_the_standard_columns(browser: Client) -> None:
    browser.post(KEEP, {"columns": ["score"]})
    page = browser.get("/admin/")
    assert "Reset to standard" in words(main_part(page))
    assert "Save as my columns" not in words(main_part(page))
    assert said(browser.post(KEEP, follow=True)) == ["The table has its standard columns again."]
    assert shown(browser) == STANDARD
    assert "Reset to standard" not in words(main_part(browser.get("/admin/")))


def test_chosen_columns_are_offered_to_be_kept(browser: Client) -> None:
    page = main_part(browser.get("/admin/?columns=score,stage&q=a"))
    [form] = re.findall(r'<form method="post" id="own-columns".*?</form>', page, re.DOTALL)
    sent = re.findall(r'name="(columns|next)" value="([^"]*)"', form)
    assert sent == [("next", "/admin/?q=a#customers"), ("columns", "score"), ("columns", "stage")]
    assert "Save as my columns" in words(page)


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


# --- Order and width ----------------------------------------------------------------------------------------------


def arranged(response: HttpResponse) -> list[str]:
    """The columns that the form shows, in order."""
    return re.findall(r'name="columns" value="([^"]*)" checked', main_part(response))


def test_the_address_gives_the_order(browser: Client) -> None:
    assert shown(browser, "columns=owner,score&columns=stage") == ["Name", "Owner", "Score", "Stage"]
    choices = re.findall(r'name="columns" value="([^"]*)"', main_part(browser.get("/admin/?columns=owner,score")))
    assert choices.index("owner") < choices.index("score")


def test_columns_that_are_added_stand_where_they_usually_do() -> None:
    assert [one.name for one in in_order_of(())] == list(TABLE_COLUMNS)
    assert list(TABLE_COLUMNS)[:4] == ["customer", "status", "status_change_7", "status_change_30"]
    names = [one.name for one in in_order_of(("owner", "score"))]
    assert names[:3] == ["customer", "status", "status_change_7"]
    # Industry usually comes after the owner, and the changes of the score after the score.
    assert names.index("industry") == names.index("owner") + 1 < names.index("score")
    assert names[names.index("score") + 1].startswith("change_")
    assert sorted(names) == sorted(TABLE_COLUMNS)


def test_a_button_moves_a_column_and_keeps_nothing_yet(browser: Client) -> None:
    sent = {"columns": ["score", "stage", "owner"], "next": "/admin/?q=a"}
    assert arranged(browser.post(KEEP, {**sent, "up": "owner"})) == ["score", "owner", "stage"]
    assert arranged(browser.post(KEEP, {**sent, "down": "score"})) == ["stage", "score", "owner"]
    assert arranged(browser.post(KEEP, {**sent, "up": "score"})) == ["score", "stage", "owner"]
    assert arranged(browser.post(KEEP, {**sent, "down": "owner"})) == ["score", "stage", "owner"]
    assert arranged(browser.post(KEEP, {**sent, "down": "nonsense"})) == ["score", "stage", "owner"]
    said_of_it = words(browser.post(KEEP, {**sent, "up": "owner"}).text.partition('id="column-news"')[2][:80])
    assert "Owner: 2 of 3" in said_of_it
    assert not Preferences.objects.exists()


def test_the_form_begins_with_the_columns_of_the_address_or_ones_own_or_the_standard_ones(browser: Client) -> None:
    standard = ["status", "score", "trend", "steps_done", "stage", "last_active", "cohort", "owner"]
    assert arranged(browser.get(KEEP)) == standard
    browser.post(KEEP, {"columns": ["stage", "score"]})
    assert arranged(browser.get(KEEP)) == ["stage", "score"]
    assert arranged(browser.get(f"{KEEP}?columns=owner,nonsense,customer")) == ["owner"]


def test_the_table_leads_to_the_form_and_back(browser: Client) -> None:
    page = main_part(browser.get("/admin/?columns=owner,score&q=a%26b"))
    [link] = re.findall(r'id="column-order" href="([^"]*)"', page)
    form = browser.get(unescape(link))
    assert arranged(form) == ["owner", "score"]
    assert 'name="next" value="/admin/?q=a%26b#customers"' in form.text


def test_the_preferences_lead_to_the_form_and_back(browser: Client) -> None:
    [link] = links(browser.get("/admin/preferences/"), "Columns of the customer table")
    assert 'name="next" value="/admin/preferences/"' in browser.get(link).text


def classes(response: HttpResponse) -> list[str]:
    """The width that each column of the first row has, '' for none."""
    body = main_part(response).partition('id="table-box"')[2].partition("<tbody>")[2].partition("</tr>")[0]
    return [(re.findall(r"width-\d+", cell) or [""])[0] for cell in re.findall(r"<td\b[^>]*>", body)]


def test_widths_are_kept_for_a_person(browser: Client, zoe: User) -> None:
    sent = {"columns": ["score", "email"], "width_customer": "320", "width_email": "90", "width_score": "0"}
    browser.post(KEEP, sent)
    kept = [{"name": "customer", "width": 320}, {"name": "score"}, {"name": "email", "width": 90}]
    assert Preferences.objects.get(user=zoe).columns == kept
    assert classes(browser.get("/admin/")) == ["width-320", "", "width-90"]
    assert classes(of(make_staff("Success manager")).get("/admin/?columns=score,email")) == ["", "", ""]
    # Also where the address or a report says which columns there are.
    assert classes(browser.get("/admin/?columns=email")) == ["width-320", "width-90"]
    report = Report.objects.create(owner=zoe, name="All", query="columns=email")
    assert classes(browser.get(f"/admin/?report={report.pk}&columns=email")) == ["width-320", "width-90"]
    form = browser.get(KEEP).text
    assert re.findall(r'<option value="(\d+)" selected>', form) == ["320", "0", "90"]


def test_an_unknown_width_is_not_kept(browser: Client, zoe: User) -> None:
    browser.post(KEEP, {"columns": ["score"], "width_score": "9999", "width_customer": "x"})
    assert Preferences.objects.get(user=zoe).columns == [{"name": "score"}]
    Preferences.objects.filter(user=zoe).update(columns=[{"name": "score", "width": 91}])
    assert classes(of(zoe).get("/admin/")) == ["", ""]


def test_the_quick_way_to_keep_columns_leaves_their_widths(browser: Client, zoe: User) -> None:
    browser.post(KEEP, {"columns": ["score", "email"], "width_score": "140"})
    page = main_part(browser.get("/admin/?columns=score,stage"))
    [form] = re.findall(r'<form method="post" id="own-columns".*?</form>', page, re.DOTALL)
    sent = re.findall(r'name="(columns|width_\w+)" value="([^"]*)"', form)
    assert sent == [("columns", "score"), ("columns", "stage"), ("width_score", "140")]


def test_each_width_has_its_class() -> None:
    style = (Path(__file__).parents[3] / "analytics/static/analytics/table.css").read_text()
    assert {int(width) for width in re.findall(r"\.width-(\d+) \{", style)} == set(WIDTHS)
    for width in WIDTHS:
        assert f".width-{width} {{ min-width: {width}px; max-width: {width}px; }}" in style


# --- In reports and exports ---------------------------------------------------------------------------------------


def test_a_report_is_saved_with_ones_own_columns(browser: Client) -> None:
    browser.post(KEEP, {"columns": ["email", "score"]})
    [link] = re.findall(r'id="save-report" href="([^"]*)"', main_part(browser.get("/admin/?q=alpha")))
    assert unescape(link) == "/admin/reports/save/?q=alpha&columns=email,score"
    form = browser.get(unescape(link))
    assert "Email, Score" in words(main_part(form))
    [link] = re.findall(r'id="save-report" href="([^"]*)"', main_part(browser.get("/admin/?columns=stage")))
    assert unescape(link) == "/admin/reports/save/?columns=stage"


def test_an_export_offers_ones_own_columns_beside_all(browser: Client) -> None:
    page = main_part(browser.get("/admin/"))
    assert ("download-mine-csv" in page, "this customer, all columns:" in words(page)) == (False, True)
    browser.post(KEEP, {"columns": ["email", "score"]})
    page = main_part(browser.get("/admin/"))
    [mine] = re.findall(r'id="download-mine-csv" href="([^"]*)"', page)
    assert unescape(mine) == "/admin/export/customers/csv/?columns=email,score"
    [every] = re.findall(r'id="download-csv" href="([^"]*)"', page)
    assert every == "/admin/export/customers/csv/"
    assert "download-mine-csv" not in main_part(browser.get("/admin/?columns=stage"))


def test_a_reports_columns_are_ordered_in_the_report_alone(browser: Client, zoe: User) -> None:
    browser.post(KEEP, {"columns": ["email"]})
    report = Report.objects.create(owner=zoe, name="Low", query="status=at_risk")
    back = f"/admin/?report={report.pk}&status=at_risk#customers"
    form = browser.get(KEEP, {"next": back})
    assert arranged(form) == ["status", "score", "trend", "steps_done", "stage", "last_active", "cohort", "owner"]
    assert ("Save as my columns" in form.text, "Show in the report" in form.text) == (False, True)
    answer = browser.post(KEEP, {"next": back, "show": "1", "columns": ["stage", "score"]})
    assert answer["Location"] == f"/admin/?report={report.pk}&status=at_risk&columns=stage,score#customers"
    assert shown(browser, f"report={report.pk}&columns=stage,score") == ["Name", "Stage", "Score"]
    assert [one["name"] for one in Preferences.objects.get(user=zoe).columns] == ["email"]


def test_to_look_at_the_address_changes_nothing(browser: Client) -> None:
    assert browser.get(f"{KEEP}?columns=score").status_code == 200
    assert not Preferences.objects.exists()
