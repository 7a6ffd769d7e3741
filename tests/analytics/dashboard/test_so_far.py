"""So far today: the dashboard says of how many customers, the table and a page of whom, files until when."""

from datetime import date

import pytest
from django.test import Client

from analytics.scoring.snapshots import score_day
from tests.factories import make_customer, make_engagement, make_onboarding, make_staff
from tests.support.pages import words
from tests.support.reporting import report_counters
from tests.support.scoring import D, make_acme
from tests.support.table_export import download, read_csv

pytestmark = pytest.mark.django_db

NOTICE = "So far today: the figures of 1 customer include what the product has reported since 10 May 2025."
MARK = "as of 10 May 2025, plus what the product has reported through 11 May 2025: so far today"


@pytest.fixture
def manager(client: Client) -> Client:
    """A success manager, logged in; of two customers Acme has reported since the scored date."""
    other = make_customer(id="c2", organization="Best Ltd")
    make_onboarding(other)
    make_engagement(other, D, issues_tagged=1)
    report_counters(make_acme(), date(2025, 5, 11), issues_tagged=3)
    score_day(D)
    client.force_login(make_staff("Success manager"))
    return client


def test_the_dashboard_and_the_table_say_of_whom(manager: Client) -> None:
    page = words(manager.get("/admin/?owner=").text)
    assert NOTICE in page
    assert page.count("so far today") == 1
    assert "Acme Inc. blocked so far today" in page


def test_the_customers_page_says_through_which_day(manager: Client) -> None:
    page = words(manager.get("/admin/customer/c1001/").text)
    assert MARK in page
    assert NOTICE not in page
    assert "so far today" not in words(manager.get("/admin/customer/c2/").text)


def test_a_date_that_is_no_longer_the_newest_says_nothing(manager: Client) -> None:
    score_day(date(2025, 5, 11))
    page = words(manager.get("/admin/?owner=&as_of=2025-05-10").text)
    assert "o far today" not in page


def test_the_files_have_the_day(manager: Client) -> None:
    rows, _manifest = read_csv(download(manager, "csv", sort="customer"))
    assert rows[0][-1] == "provisional_to"
    assert {row[0]: row[-1] for row in rows[1:]} == {"c1001": "2025-05-11", "c2": ""}
