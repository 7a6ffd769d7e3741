"""Numbers in words."""

from datetime import date, datetime

import pytest
from django.test import Client
from django.utils.formats import date_format, localize
from pytest_django.fixtures import Settings

from analytics.wording import counted, day_in_year, days_ago
from customers.text.codes import code_in_words
from tests.factories import make_snapshot, make_staff

D = date(2025, 5, 10)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (None, "Never"),
        (date(2025, 5, 10), "Today"),
        (date(2025, 5, 9), "Yesterday"),
        (date(2025, 5, 8), "2 days ago"),
        (date(2020, 1, 1), "1,956 days ago"),
    ],
)
def test_days_ago(day: date | None, expected: str) -> None:
    assert days_ago(day, D) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [(date(2025, 1, 1), "1 Jan"), (date(2024, 12, 31), "31 Dec 2024"), (date(2026, 1, 1), "1 Jan 2026")],
)
def test_a_day_says_its_year_where_it_is_another(day: date, expected: str) -> None:
    assert day_in_year(day, D) == expected


@pytest.mark.parametrize(("number", "expected"), [(0, "0 issues"), (1, "1 issue"), (1200, "1,200 issues")])
def test_counted(number: int, expected: str) -> None:
    assert counted(number, "issue") == expected


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("github_permissions", "GitHub permissions"),
        ("budget_freeze", "Budget freeze"),
        ("sso_login", "SSO login"),
        ("security", "Security"),
        ("Waiting for IT_dept", "Waiting for IT_dept"),
        ("", ""),
    ],
)
def test_codes_are_shown_as_words(code: str, words: str) -> None:
    assert code_in_words(code) == words


def test_the_admin_writes_dates_as_our_pages_do() -> None:
    assert date_format(datetime(2026, 11, 28, 17, 34), "DATETIME_FORMAT") == "28 Nov 2026, 17:34"
    assert localize(date(2025, 5, 11)) == "11 May 2025"


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_every_page_says_which_clock_its_times_are_read_from(settings: Settings, zone: str) -> None:
    settings.TIME_ZONE = zone
    snapshot, visitor = make_snapshot(), Client()
    visitor.force_login(make_staff("Administrator"))
    customer = snapshot.customer_id
    ours = ["/admin/", "/admin/alerts/", "/admin/sessions/", f"/admin/customer/{customer}/"]
    for address in [*ours, "/admin/customers/importrun/", f"/admin/customers/customer/{customer}/change/"]:
        assert f"Times are in {zone}." in visitor.get(address).text, address
