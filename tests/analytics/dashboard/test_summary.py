"""The summary: six figures, what changed and the worst, on one screen, of the date that is asked for."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import make_staff
from tests.support.pages import words

pytestmark = pytest.mark.django_db

PAGE = "/admin/summary/"


def as_role(role: str) -> Client:
    client = Client()
    client.force_login(make_staff(role))
    return client


def menu(client: Client) -> list[str]:
    page = client.get(PAGE).context["sidebar_navigation"]
    return [item["title"] for group in page for item in group["items"]]


@pytest.mark.usefixtures("demo_program")
def test_it_has_the_six_figures_of_the_newest_date() -> None:
    said = words(as_role("Viewer").get(PAGE).text)
    assert "As of 10 May 2025" in said
    for label, value in (
        ("Total customers", "12"),
        ("Active today", "8"),
        ("At risk", "2"),
        ("Onboarding rate", "50%"),
    ):
        assert f"{label} {value}" in said
    assert "Success rate 82%" in said
    assert "Avg time to value 3.5d" in said


@pytest.mark.usefixtures("demo_program")
def test_it_names_the_three_who_need_most() -> None:
    page = as_role("Viewer").get(PAGE)
    assert [item.snapshot.customer.organization for item in page.context["worst"]][:1] == ["Acme Inc."]
    assert len(page.context["worst"]) <= 3
    assert 'href="/admin/customer/c1001/"' in page.text


@pytest.mark.usefixtures("demo_program")
def test_it_is_about_the_date_that_is_asked_for() -> None:
    said = words(as_role("Viewer").get(f"{PAGE}?as_of=2025-05-09").text)
    assert "As of 9 May 2025" in said
    assert "At risk 3" in said


def test_without_a_scored_date_it_says_so() -> None:
    assert "Nothing is scored yet." in as_role("Viewer").get(PAGE).text


@pytest.mark.usefixtures("demo_program")
def test_a_visit_that_finds_it_kept_asks_little() -> None:
    client = as_role("Viewer")
    client.get(PAGE)
    with CaptureQueriesContext(connection) as queries:
        client.get(PAGE)
    assert len(queries) <= 10


def test_a_viewers_menu_has_what_a_viewer_can_use() -> None:
    found = menu(as_role("Viewer"))
    assert found[:2] == ["Summary", "Dashboard"]
    assert {"Cohorts", "Reports", "Customers"} <= set(found)
    assert {"My tasks", "Messages", "Import runs", "Quarantine", "Alert rules", "Scoring policies"}.isdisjoint(found)
    assert len(found) <= 12


@pytest.mark.parametrize("role", ["Success manager", "Program manager", "Administrator"])
def test_who_works_with_it_has_the_whole_menu(role: str) -> None:
    found = menu(as_role(role))
    assert {"My tasks", "Import runs", "Alert rules"} <= set(found)
    assert "Summary" not in found
    assert as_role(role).get(PAGE).status_code == 200
