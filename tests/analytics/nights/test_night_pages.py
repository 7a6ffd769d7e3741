"""The pages of nights and the banner of one that failed: what they show, to whom, and what they cost."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from analytics.models import Night
from tests.factories import make_customer, make_day, make_run, make_staff
from tests.support.nights import make_night, moment
from tests.support.pages import links, main_part, notices, words

pytestmark = pytest.mark.django_db

HOSTILE = '<script>alert("x")</script>\u202e\nforged'
ESCAPED = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"
PAGES = [
    "/admin/",
    "/admin/cohorts/",
    "/admin/alerts/",
    "/admin/tasks/?whose=everybody",
    "/admin/reports/",
    "/admin/customers/event/",
]


# --- The banner ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PAGES)
def test_every_page_says_that_the_night_failed(viewer: Client, address: str) -> None:
    make_day()
    assert "failed." not in viewer.get(address).text
    night = make_night("failed")
    page = viewer.get(address).text
    assert f"The nightly run of {moment(night)} failed." in page
    assert f"/admin/analytics/night/{night.pk}/change/" in page
    Night.objects.update(state="done")
    assert "The nightly run of" not in viewer.get(address).text


def test_a_night_that_never_ended_leads_to_the_list(viewer: Client) -> None:
    make_night("running", hours_ago=30)
    assert 'href="/admin/analytics/night/">Nightly runs</a>' in viewer.get("/admin/reports/").text


def test_who_may_not_see_imports_is_told_nothing(client: Client) -> None:
    make_night("failed")
    user = make_staff()
    user.user_permissions.add(*permissions("view_task", "view_customer", "view_event"))
    client.force_login(user)
    for address in ("/admin/", "/admin/tasks/?whose=everybody", "/admin/customers/event/"):
        response = client.get(address)
        assert response.status_code == 200
        assert "The nightly run of" not in response.text
    assert "The nightly run of" not in Client().get("/admin/login/").text


def permissions(*names: str) -> list[Any]:
    return list(Permission.objects.filter(codename__in=names))


@pytest.mark.parametrize("address", PAGES)
def test_the_banner_costs_no_query(viewer: Client, address: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get(address).status_code == 200
        return len(captured)

    make_day()
    cost()
    before = cost()
    for _ in range(3):
        make_night("failed")
    assert cost() == before


def test_a_refresh_shows_a_night_that_failed_or_did_not_come(viewer: Client, settings: Settings) -> None:
    make_day()

    def tag() -> str:
        return viewer.get("/admin/").headers["ETag"]

    def refreshed(known: str) -> int:
        return viewer.get("/admin/", headers={"HX-Request": "true", "If-None-Match": known}).status_code

    known = tag()
    assert refreshed(known) == 304
    make_night("done", hours_ago=3)
    known = tag()
    night = make_night("running")
    assert refreshed(known) == 200
    known = tag()
    Night.objects.filter(pk=night.pk).update(state="failed")
    response = viewer.get("/admin/", headers={"HX-Request": "true", "If-None-Match": known})
    assert response.status_code == 200
    assert notices(response)[0] == f"The nightly run of {moment(night)} failed. Open that run"
    region = main_part(response).split('id="notices"')[1].split("<section")[0]
    assert "The nightly run of" in region, "it stands where a refresh looks"
    assert main_part(response).count("The nightly run of") == 1
    Night.objects.update(state="done")
    known = tag()
    assert refreshed(known) == 304
    # As if time had passed: the last night began an hour ago. (A day later nobody would be logged in any more.)
    settings.NIGHTLY_HOURS = 1
    assert refreshed(known) == 200


# --- The pages ----------------------------------------------------------------------------------------------------


def test_the_list_and_the_page_of_a_night(viewer: Client) -> None:
    night = make_night(
        "failed",
        started_by=HOSTILE,
        steps=[
            {"name": "import", "result": "failed", "seconds": 1.25, "message": HOSTILE},
            {"name": "score", "result": "skipped", "seconds": 0.0, "message": ""},
            {"name": "alerts", "result": "done", "seconds": 2.0, "message": "0 sent"},
        ],
    )
    inside = make_run(started_at=night.started_at + timedelta(minutes=1), file=HOSTILE)
    make_run(started_at=night.started_at + timedelta(hours=5))
    listed = viewer.get("/admin/analytics/night/")
    assert "import failed, score skipped" in words(listed.text)
    page = viewer.get(f"/admin/analytics/night/{night.pk}/change/")
    for response in (listed, page):
        assert HOSTILE not in response.text
        assert ESCAPED in response.text
    text = words(main_part(page))
    assert "Import ⚠ Failed 1.2" in text.replace("1.3", "1.2")
    assert "Score Skipped 0.0 –" in text
    assert "Alerts Done 2.0 0 sent" in text
    assert links(page, words(f"Run {inside.pk}: {ESCAPED}\u202e forged")) == [
        f"/admin/customers/importrun/{inside.pk}/change/"
    ]
    assert text.count("Run ") == 1
    assert f"Nightly run of {moment(night)} ⚠ Failed" in text
    assert "Open that run" in listed.text
    assert "Open that run" not in text


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_a_night_without_any_step_has_a_page(viewer: Client, state: str) -> None:
    text = words(viewer.get(f"/admin/analytics/night/{make_night(state).pk}/change/").text)
    assert ("The first step is not done yet." if state == "running" else "No step was done.") in text


@pytest.mark.parametrize(("role", "status"), [("Viewer", 200), ("Administrator", 200), (None, 403)])
def test_who_may_see_nights(client: Client, role: str | None, status: int) -> None:
    night = make_night()
    client.force_login(make_staff(role))
    assert client.get("/admin/analytics/night/").status_code == status
    assert client.get(f"/admin/analytics/night/{night.pk}/change/").status_code == status
    assert client.get("/admin/analytics/night/add/").status_code == 403
    assert client.get(f"/admin/analytics/night/{night.pk}/delete/").status_code == 403
    assert client.post(f"/admin/analytics/night/{night.pk}/change/", {"state": "done"}).status_code == 403
    if role:
        assert client.get("/admin/analytics/night/999999/change/").status_code == 404


def test_the_list_takes_the_same_queries_however_long_it_is(viewer: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get("/admin/analytics/night/").status_code == 200
        return len(captured)

    make_night()
    cost()
    few = cost()
    for _ in range(30):
        make_night()
    assert cost() == few


def test_nobody_has_a_permission_to_change_a_night() -> None:
    assert permissions("add_night", "change_night", "delete_night", "view_night") == []


def test_a_customer_page_shows_the_banner_too(viewer: Client) -> None:
    make_day()
    night = make_night("failed")
    page = viewer.get(f"/admin/customer/{make_customer().pk}/")
    assert notices(page)[0] == f"The nightly run of {moment(night)} failed. Open that run"
