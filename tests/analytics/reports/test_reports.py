"""Reports: a view of the table under a name, opened, exported, edited, deleted; by whom, and what is said."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import PortfolioDay, Report
from analytics.reports.forms import ReportForm
from analytics.reports.saved_views import ReportUnavailable, is_same, query_of, scored_day
from customers.models import CustomerCare
from customers.workbooks import writer
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import links, main_part, names, notices, words

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
FORM = {"name": "At risk", "as_of": "newest", "schedule": "", "format": "csv"}


@pytest.fixture
def zoe() -> User:
    return make_staff("Success manager", username="zoe", first_name="Zoe", email="zoe@example.com")


@pytest.fixture
def olga() -> User:
    return make_staff("Success manager", username="olga", first_name="Olga", email="olga@example.com")


@pytest.fixture(autouse=True)
def three(zoe: User) -> None:
    """On 3 and 10 May: Acme, at risk and Zoe's; Beta, healthy, at risk a week before; Tide, healthy."""
    customers = [
        make_customer(id=f"c{number}", organization=name) for number, name in enumerate(("Acme", "Beta", "Tide"))
    ]
    CustomerCare.objects.create(customer=customers[0], owner=zoe)
    for day, scores in ((date(2025, 5, 3), (40, 30, 70)), (D, (45, 75, 80))):
        make_day(date=day, total=3)
        for customer, score in zip(customers, scores, strict=True):
            make_snapshot(customer, date=day, score=score, status="at_risk" if score < 60 else "healthy")


@pytest.fixture(autouse=True)
def logged_in(client: Client, zoe: User) -> None:
    client.force_login(zoe)


def make_report(owner: User | None, **overrides: Any) -> Report:
    return Report.objects.create(owner=owner, **{"name": "Saved", "format": "csv", **overrides})


def opened(client: Client, report: Report) -> HttpResponse:
    """The page that a report leads to."""
    response = client.get(f"/admin/reports/{report.pk}/")
    assert response.status_code == 302
    return client.get(response["Location"], follow=True)


def read_csv(response: HttpResponse) -> tuple[list[list[str]], dict[str, Any]]:
    assert response.status_code == 200
    with zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))) as archive:
        rows = list(csv.reader(io.StringIO(archive.read("customer_table.csv").decode("utf-8-sig"), newline="")))
        return rows, json.loads(archive.read("manifest.json"))


def said(client: Client) -> str:
    return words(client.get("/admin/reports/").text)


# --- Save, open, export -------------------------------------------------------------------------------------------


def test_a_view_is_saved_and_opened(client: Client) -> None:
    asked = "q=a&status=at_risk&sort=-score&columns=score&per_page=50"
    page = client.get(f"/admin/?{asked}&page=1&as_of=2025-05-03&history=30")
    [save] = links(page, "Save as report")
    assert save == f"/admin/reports/save/?{asked}&as_of=2025-05-03&history=30"
    form = client.get(save)
    assert "Filters Search: a Status: At risk Order Score, descending Columns Name, Score" in words(main_part(form))
    response = client.post("/admin/reports/save/", {**FORM, "query": asked, "shared": "on"})
    assert response["Location"] == "/admin/reports/"
    report = Report.objects.get()
    assert (report.name, report.owner.username, report.shared, report.query) == ("At risk", "zoe", True, asked)
    assert "Saved “At risk”." in said(client)
    shown = opened(client, report)
    assert names(shown) == ["Acme"]
    assert "Report At risk The newest date" in words(main_part(shown))
    assert links(shown, "Clear all") == [f"/admin/?sort=-score&columns=score&per_page=50&report={report.pk}#customers"]
    plain = client.get(f"/admin/?{asked}")
    assert names(plain) == names(shown)
    assert "All reports" not in plain.text


def test_what_is_saved_of_an_address() -> None:
    address = QueryDict("page=3&as_of=2025-05-03&status=at_risk&status=healthy&q=&report=4&days=30&sort=name")
    assert query_of(address) == "status=at_risk&status=healthy&sort=name"
    assert is_same("sort=name&status=at_risk&status=healthy", address)
    assert not is_same("sort=name&status=at_risk", address)
    assert is_same("columns=score%2Cstage", QueryDict("columns=score&columns=stage"))
    assert not is_same("columns=score,stage", QueryDict("columns=stage,score")), "their order is part of the view"


@pytest.mark.parametrize(
    ("as_of", "today", "day"),
    [
        ("newest", date(2025, 5, 12), D),
        ("week_before", date(2025, 5, 12), date(2025, 5, 3)),
        ("month_end", date(2025, 5, 12), date(2025, 4, 30)),
        ("month_end", date(2025, 6, 1), D),  # the end of May is not scored
        ("month_end", date(2024, 3, 1), date(2024, 2, 29)),
        ("month_end", date(2025, 1, 31), date(2024, 12, 31)),
    ],
)
def test_relative_dates(zoe: User, as_of: str, today: date, day: date) -> None:
    for scored in (date(2024, 2, 29), date(2024, 12, 31), date(2025, 4, 30), date(2025, 5, 2)):
        make_day(date=scored)
    assert scored_day(make_report(zoe, as_of=as_of), today).date == day


def test_a_report_of_a_week_before_takes_the_date_that_the_pages_compare_with(zoe: User) -> None:
    report = make_report(zoe, as_of="week_before")
    PortfolioDay.objects.filter(date=date(2025, 5, 3)).delete()
    make_day(date=date(2025, 4, 25))  # 15 days before
    with pytest.raises(ReportUnavailable, match="Nothing is scored 7 to 14 days before 10 May 2025"):
        scored_day(report, date(2025, 5, 12))
    make_day(date=date(2025, 4, 26))
    assert scored_day(report, date(2025, 5, 12)).date == date(2025, 4, 26)


def test_a_relative_date_is_that_of_the_page_and_of_the_file(client: Client, zoe: User) -> None:
    report = make_report(zoe, query="status=at_risk&columns=score", as_of="week_before")
    shown = opened(client, report)
    assert set(names(shown)) == {"Acme", "Beta"}
    assert "7 days before the newest date: 3 May 2025" in words(shown.text)
    rows, manifest = read_csv(client.get(f"/admin/reports/{report.pk}/export/csv/"))
    assert sorted(row[1:] for row in rows[1:]) == [["Acme", "40", "2025-05-03"], ["Beta", "30", "2025-05-03"]]
    assert manifest["as_of"] == "2025-05-03"


def test_the_nearest_scored_date_before_the_end_of_last_month(
    client: Client, zoe: User, today_is: Callable[[date], None]
) -> None:
    report = make_report(zoe, as_of="month_end")
    today_is(date(2025, 6, 2))
    assert read_csv(client.get(f"/admin/reports/{report.pk}/export/csv/"))[1]["as_of"] == "2025-05-10"
    today_is(date(2025, 5, 12))
    for address in (f"/admin/reports/{report.pk}/", f"/admin/reports/{report.pk}/export/csv/"):
        assert client.get(address)["Location"] == "/admin/reports/"
        assert "Nothing is scored on or before 30 Apr 2025, which this report is about." in said(client)


@pytest.mark.parametrize("query", ["owner=", "status=at_risk&sort=-score", "owner=me&columns=score,owner", "q=zz"])
def test_its_export_is_that_of_the_table(client: Client, zoe: User, query: str) -> None:
    report = make_report(zoe, query=query, name="Every/thing")
    response = client.get(f"/admin/reports/{report.pk}/export/csv/")
    assert response["Content-Disposition"] == 'attachment; filename="everything_2025-05-10.zip"'
    rows, manifest = read_csv(response)
    of_table, facts = read_csv(client.get(f"/admin/export/customers/csv/?{query}"))
    assert rows == of_table
    assert manifest.pop("report") == "Every/thing"
    assert {**manifest, "exported_at": ""} == {**facts, "exported_at": ""}


def test_me_is_the_owner_whoever_looks(client: Client, zoe: User, olga: User) -> None:
    report = make_report(zoe, query="owner=me&columns=owner", shared=True)
    client.force_login(olga)
    shown = opened(client, report)
    assert names(shown) == ["Acme"]
    assert "Owner: Zoe, whose report it is" in words(shown.text)
    rows, manifest = read_csv(client.get(f"/admin/reports/{report.pk}/export/csv/"))
    assert [row[1] for row in rows[1:]] == ["Acme"]
    assert (manifest["exported_by"], manifest["filters"][0]["value"]) == ("olga", "Zoe, whose report it is")
    [address] = links(shown, "CSV")
    assert [row[1] for row in read_csv(client.get(address))[0][1:]] == ["Acme"]


def test_a_view_that_was_changed_says_so_and_can_be_saved(client: Client, zoe: User) -> None:
    report = make_report(zoe, query="status=at_risk")
    assert links(opened(client, report), "Back to what was saved") == []
    changed = client.get(f"/admin/?status=healthy&report={report.pk}")
    assert "Saved changed" in words(changed.text)
    assert links(changed, "Back to what was saved") == [f"/admin/reports/{report.pk}/"]
    response = client.post(f"/admin/reports/{report.pk}/view/", {"query": "status=healthy"})
    assert urlsplit(response["Location"]).query == f"status=healthy&report={report.pk}"
    report.refresh_from_db()
    assert report.query == "status=healthy"
    client.post(f"/admin/reports/{report.pk}/view/", {"query": "region=emea"})
    report.refresh_from_db()
    assert report.query == "status=healthy"


# --- What is not understood is said -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("region=emea", "There is no filter “region”."),
        ("sort=-region", "There is no column “region” to sort by."),
        ("columns=region", "There is no column “region” to show."),
        ("status=great", "Status: Select a valid choice. great is not one of the available choices."),
        ("score_min=high", "Score from: Enter a whole number."),
    ],
)
def test_a_query_that_is_not_understood(client: Client, zoe: User, query: str, why: str) -> None:
    report = make_report(zoe, query=query)
    shown = opened(client, report)
    assert any(why in notice for notice in notices(shown))
    for address in (f"/admin/reports/{report.pk}/export/csv/", links(shown, "CSV")[0]):
        assert client.get(address).status_code == 302
    assert f"“Saved” was not exported. {why}" in said(client)
    client.post("/admin/reports/save/", {**FORM, "query": query})
    assert Report.objects.count() == 1
    assert f"This view cannot be saved. {why}" in words(client.get(f"/admin/reports/save/?{query}").text)


def test_a_report_too_large_for_excel_is_refused(client: Client, zoe: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_ROWS", 2)
    report = make_report(zoe)
    assert client.get(f"/admin/reports/{report.pk}/export/xlsx/").status_code == 302
    assert "3 rows do not fit into a sheet of Excel, which has 2. Narrow the report, or choose CSV." in said(client)
    assert client.get(f"/admin/reports/{report.pk}/export/pdf/").status_code == 404


# --- The form -----------------------------------------------------------------------------------------------------


def test_recipients_are_refused_with_a_reason(client: Client, zoe: User, olga: User) -> None:
    viewer = make_staff("Viewer", username="vera", email="vera@example.com")
    mute = make_staff("Success manager", username="mute")
    mailed = {**FORM, "schedule": "weekly", "query": ""}
    page = client.post("/admin/reports/save/", {**mailed, "recipients": [viewer.pk, mute.pk, olga.pk]})
    assert page.context["form"].errors["recipients"] == ["mute: no email address.", "vera: may not export customers."]
    page = client.post("/admin/reports/save/", mailed)
    assert page.context["form"].errors["recipients"] == ["Choose who gets it."]
    assert Report.objects.count() == 0
    client.post("/admin/reports/save/", {**mailed, "recipients": [zoe.pk, olga.pk]})
    report = Report.objects.get()
    assert set(report.recipients.all()) == {zoe, olga}
    assert report.scheduled_on is not None


def test_a_schedule_begins_when_it_is_set(client: Client, zoe: User, today_is: Callable[[date], None]) -> None:
    report = make_report(zoe)
    found = []
    for day, schedule in ((11, "weekly"), (12, "weekly"), (13, "daily"), (14, "")):
        today_is(date(2025, 5, day))
        client.post(f"/admin/reports/{report.pk}/edit/", {**FORM, "schedule": schedule, "recipients": [zoe.pk]})
        report.refresh_from_db()
        found.append(report.scheduled_on)
    assert found == [date(2025, 5, 11), date(2025, 5, 11), date(2025, 5, 13), None]


def test_a_name_is_ones_own_once(client: Client, zoe: User, olga: User) -> None:
    make_report(olga, name="At risk")
    client.post("/admin/reports/save/", {**FORM, "query": ""})
    page = client.post("/admin/reports/save/", {**FORM, "name": " At  risk ", "query": ""})
    assert page.context["form"].errors["name"] == ["There is a report of that name already; choose another one."]
    report = Report.objects.get(owner=zoe)
    assert client.post(f"/admin/reports/{report.pk}/edit/", FORM).status_code == 302


@pytest.mark.parametrize("edits", [False, True])
def test_a_name_that_somebody_saves_in_the_same_moment(
    edits: bool, client: Client, zoe: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = make_report(zoe, name="Mine")
    check = ReportForm.is_valid

    def is_valid(form: ReportForm) -> bool:
        valid = check(form)
        Report.objects.create(owner=zoe, name="At risk")
        return valid

    monkeypatch.setattr(ReportForm, "is_valid", is_valid)
    address = f"/admin/reports/{mine.pk}/edit/" if edits else "/admin/reports/save/"
    page = client.post(address, {**FORM, "query": "status=at_risk"})
    assert page.status_code == 200
    assert "There is a report of that name already; choose another one." in page.content.decode()
    assert sorted(Report.objects.values_list("name", flat=True)) == ["At risk", "Mine"]


def test_a_hostile_name_is_text(client: Client, zoe: User) -> None:
    report = make_report(zoe, name="<script>alert(1)</script>\u202e\r\nX: y")
    assert "<script>alert" not in client.get("/admin/reports/").text + opened(client, report).text
    response = client.get(f"/admin/reports/{report.pk}/export/csv/")
    assert response["Content-Disposition"] == 'attachment; filename="scriptalert1script-x-y_2025-05-10.zip"'
    assert read_csv(response)[1]["report"] == report.name


# --- Who ----------------------------------------------------------------------------------------------------------


def test_who_sees_and_changes_which(client: Client, zoe: User, olga: User) -> None:
    mine, private = make_report(zoe, name="Mine"), make_report(olga, name="Private")
    shared, mailed = make_report(olga, name="Shared", shared=True), make_report(olga, name="Mailed")
    mailed.recipients.add(zoe)
    manager = make_staff("Program manager")
    viewer = make_staff("Viewer")
    found = {}
    for user in (zoe, manager, viewer):
        client.force_login(user)
        rows = client.get("/admin/reports/").context["rows"]
        found[user] = [(row["saved"].name, row["may_change"], row["may_delete"]) for row in rows]
    assert found == {
        zoe: [("Mine", True, True), ("Mailed", False, False), ("Shared", False, False)],
        manager: [("Shared", True, True)],
        viewer: [("Shared", False, False)],
    }
    for user, report, verb, status in (
        (zoe, private, "edit", 404),
        (zoe, shared, "edit", 403),
        (zoe, shared, "delete", 403),
        (zoe, mine, "edit", 200),
        (manager, mine, "delete", 404),
        (manager, shared, "delete", 200),
        (viewer, shared, "export/csv", 403),
    ):
        client.force_login(user)
        assert client.get(f"/admin/reports/{report.pk}/{verb}/").status_code == status
    # A report that one may not see says nothing of itself by an address either.
    client.force_login(viewer)
    assert "Private" not in client.get(f"/admin/?report={private.pk}").text
    assert client.get("/admin/?report=x").status_code == 200


def test_delete(client: Client, zoe: User) -> None:
    report = make_report(zoe)
    assert client.get(f"/admin/reports/{report.pk}/delete/").status_code == 200
    assert Report.objects.exists()
    client.post(f"/admin/reports/{report.pk}/delete/")
    assert not Report.objects.exists()


def test_a_deleted_owner_leaves_the_shared_ones_to_be_taken_over(client: Client, zoe: User, olga: User) -> None:
    make_report(olga, name="Private")
    shared = make_report(olga, name="Shared", shared=True, query="owner=me", schedule="daily")
    make_report(zoe, name="Mine")
    olga.delete()
    assert set(Report.objects.values_list("name", "owner")) == {("Shared", None), ("Mine", zoe.pk)}
    assert "Mailing has stopped , because its owner has been deleted." in said(client)
    assert client.get(f"/admin/reports/{shared.pk}/export/csv/").status_code == 302
    assert "Its filter “Me” is nobody, because the report’s owner has been deleted." in said(client)
    manager = make_staff("Program manager")
    client.force_login(manager)
    assert "When you save it, it is yours." in words(client.get(f"/admin/reports/{shared.pk}/edit/").text)
    client.post(f"/admin/reports/{shared.pk}/edit/", {**FORM, "name": "Shared", "shared": "on"})
    shared.refresh_from_db()
    assert shared.owner == manager


def test_the_list_says_what_failed_and_what_has_stopped(client: Client, zoe: User, olga: User) -> None:
    failed = make_report(zoe, schedule="daily", last_error="There is no filter “x”.")
    failed.recipients.add(make_staff("Viewer", username="vera"))
    make_report(olga, shared=True, schedule="weekly")
    User.objects.filter(pk=olga.pk).update(is_active=False)
    text = said(client)
    assert "Failed: There is no filter “x”." in text
    assert "Not sent to vera : may not export customers." in text
    assert "Mailing has stopped , because its owner’s account is not active." in text


def test_the_queries_do_not_grow(client: Client, zoe: User) -> None:
    counts = []
    for total in (2, 12):
        while Report.objects.count() < total:
            report = make_report(zoe, name=f"R{Report.objects.count()}", schedule="daily", query="status=at_risk")
            report.recipients.add(zoe, make_staff("Viewer"))
        for address in ("/admin/reports/", f"/admin/reports/{report.pk}/edit/"):
            with CaptureQueriesContext(connection) as captured:
                client.get(address)
            counts.append(len(captured))
    assert counts[:2] == counts[2:]
