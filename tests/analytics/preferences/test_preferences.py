"""Preferences: the time zone of each page, the page that opens at login, and the form that stores both."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.models import Preferences, Report
from analytics.preferences.default_view import default_views, start_address
from customers.clock import program_today
from customers.models import AuditEntry
from tests.factories import make_run, make_staff

pytestmark = pytest.mark.django_db
PAGE = "/admin/preferences/"
PASSWORD = "a long password"


@pytest.fixture
def olga() -> User:
    """A success manager."""
    return make_staff("Success manager", username="olga", email="olga@example.com", password=PASSWORD)


def prefer(user: User, **chosen: Any) -> Preferences:
    return Preferences.objects.create(user=user, **chosen)


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- The form -----------------------------------------------------------------------------------------------------


def test_what_is_chosen_is_kept_and_in_the_audit(olga: User) -> None:
    browser = as_user(olga)
    sent = {"time_zone": "Asia/Kolkata", "digest_hour": "8", "default_view": ""}
    page = browser.post(PAGE, sent, follow=True)
    assert "Preferences saved." in page.text
    kept = Preferences.objects.get()
    assert (kept.user, kept.time_zone, kept.digest_hour, kept.digest_channel) == (olga, "Asia/Kolkata", 8, "email")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.actor, entry.action, entry.changes["time zone"]) == ("olga", "add", [None, "Asia/Kolkata"])
    browser.post(PAGE, {**sent, "digest_hour": ""})
    assert Preferences.objects.get().digest_hour is None


@pytest.mark.parametrize(
    "sent",
    [{"time_zone": "Mars/Olympus"}, {"time_zone": "../etc/passwd"}, {"digest_hour": "24"}, {"digest_hour": "-1"}]
    + [{"default_view": value} for value in ("report:0", "https://evil.example", "//evil.example")],
)
def test_what_is_not_offered_is_refused(sent: dict[str, str], olga: User) -> None:
    answer = as_user(olga).post(PAGE, sent)
    assert answer.status_code == 422
    assert "field-error" in answer.text
    assert not Preferences.objects.exists()


def test_a_time_zone_that_is_none_is_no_valid_row(olga: User) -> None:
    with pytest.raises(ValidationError):
        Preferences(user=olga, time_zone="Europe/Nowhere").full_clean()
    Preferences(user=olga, time_zone="Europe/Berlin").full_clean()


def test_who_gets_no_digest_is_asked_for_no_hour() -> None:
    assert "digest_hour" not in as_user(make_staff("Viewer")).get(PAGE).text
    assert "digest_hour" in as_user(make_staff("Success manager")).get(PAGE).text


# --- The time zone ------------------------------------------------------------------------------------------------


@pytest.fixture
def at_new_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an hour before midnight in UTC, the next day in Berlin and Kolkata."""
    monkeypatch.setattr(timezone, "now", lambda: datetime(2025, 12, 31, 23, 30, tzinfo=UTC))


@pytest.mark.usefixtures("at_new_year")
def test_each_reads_the_times_of_a_page_from_their_own_clock(olga: User) -> None:
    run = make_run(started_at=datetime(2025, 12, 31, 23, 15, tzinfo=UTC))
    page = reverse("admin:customers_importrun_change", args=[run.pk])
    other = as_user(make_staff("Success manager"))
    prefer(olga, time_zone="Asia/Kolkata")
    told = as_user(olga).get(page).text
    assert "1 Jan 2026, 04:45" in told
    assert "Times are in Asia/Kolkata." in told
    told = other.get(page).text
    assert "31 Dec 2025, 23:15" in told
    assert "Times are in UTC." in told


@pytest.mark.usefixtures("at_new_year")
def test_what_is_kept_of_a_page_is_kept_for_each_time_zone(olga: User, demo_program: None) -> None:
    """The dashboard says when each feed was loaded, and is kept between requests."""
    page = "/admin/?owner="
    make_run(feed="engagement", started_at=datetime(2025, 12, 31, 23, 15, tzinfo=UTC), finished_at=timezone.now())
    other = as_user(make_staff("Success manager"))
    prefer(olga, time_zone="Asia/Kolkata")
    assert "31 Dec 2025, 23:15" in other.get(page).text
    assert "1 Jan 2026, 04:45" in as_user(olga).get(page).text
    assert "31 Dec 2025, 23:15" in other.get(page).text


@pytest.mark.usefixtures("at_new_year")
def test_a_zone_that_is_gone_and_a_visitor_have_the_setting(olga: User, settings: Settings) -> None:
    Preferences.objects.create(user=olga, time_zone="Europe/Gone")
    assert "Times are in UTC." in as_user(olga).get(PAGE).text
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.usefixtures("at_new_year")
def test_the_day_of_the_program_is_nobodys_preference() -> None:
    with timezone.override("Asia/Kolkata"):
        assert timezone.localdate() == date(2026, 1, 1)
        assert program_today() == date(2025, 12, 31)


def test_a_page_needs_no_query_more_for_them(olga: User) -> None:
    browser = as_user(olga)
    browser.get(PAGE)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            browser.get(PAGE)
        counts.append(len(queries))
        Preferences.objects.get_or_create(user=olga)
    assert counts[0] == counts[1]
    assert [
        sql for query in queries if "analytics_preferences" in (sql := query["sql"]) and "auth_user" not in sql
    ] == []


# --- The page that opens at login ---------------------------------------------------------------------------------


def log_in(path: str = "/") -> str:
    """The page on which olga is after the login that an address leads to."""
    browser = Client()
    asked = browser.get(path, follow=True)
    form = asked.text.partition('<form action="')[2].partition('"')[0].replace("&amp;", "&")
    done = browser.post(form, {"username": "olga", "password": PASSWORD}, follow=True)
    assert done.status_code == 200
    return str(done.redirect_chain[-1][0])


@pytest.mark.parametrize("path", ["/", "/admin/", "/admin/login/"])
def test_a_report_opens_at_login_for_who_prefers_it(path: str, olga: User) -> None:
    assert log_in(path).partition("?")[0] == "/admin/my-day/"
    report = Report.objects.create(name="Mine", owner=olga, query="status=at_risk")
    prefer(olga, default_view=f"report:{report.pk}")
    assert log_in(path) == f"/admin/?status=at_risk&report={report.pk}#customers"
    assert start_address(olga) == f"/admin/reports/{report.pk}/"


def test_my_day_opens_for_who_prefers_it(olga: User) -> None:
    assert ("my-day", "My day") in default_views(olga)
    prefer(olga, default_view="my-day")
    assert log_in().partition("?")[0] == "/admin/my-day/"
    Preferences.objects.update(default_view="dashboard")
    assert log_in().partition("?")[0] == "/admin/"
    Preferences.objects.update(default_view="summary")
    assert log_in() == "/admin/summary/"


@pytest.mark.parametrize(
    ("role", "page", "address"),
    [
        ("Viewer", "Summary", "/admin/summary/"),
        ("Success manager", "My day", "/admin/my-day/"),
        ("Program manager", "Dashboard", "/admin/"),
        ("Administrator", "Dashboard", "/admin/"),
    ],
)
def test_the_usual_page_is_that_of_the_role(role: str, page: str, address: str) -> None:
    user = make_staff(role)
    assert start_address(user) == address
    assert default_views(user)[0] == ("", f"Usual for your role: {page}")


def test_who_asked_for_a_page_gets_that_page(olga: User) -> None:
    prefer(olga, default_view="my-day")
    assert log_in("/admin/cohorts/") == "/admin/cohorts/"


def test_a_report_that_is_gone_gives_way_to_the_usual_page(olga: User) -> None:
    theirs = Report.objects.create(name="Theirs", owner=make_staff("Success manager"))
    prefer(olga, default_view=f"report:{theirs.pk}")
    assert start_address(olga) == "/admin/my-day/"
    theirs.shared = True
    theirs.save()
    assert start_address(olga) == f"/admin/reports/{theirs.pk}/"
    assert (f"report:{theirs.pk}", "Report: Theirs") in default_views(olga)
    theirs.delete()
    assert start_address(olga) == "/admin/my-day/"
