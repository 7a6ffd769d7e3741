"""The menu of each role, and the summary that a Viewer's begins with, where nothing is scored yet."""

import pytest
from django.test import Client

from tests.factories import make_staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/summary/"


def as_role(role: str) -> Client:
    client = Client()
    client.force_login(make_staff(role))
    return client


def menu(client: Client) -> list[str]:
    page = client.get(PAGE).context["sidebar_navigation"]
    return [item["title"] for group in page for item in group["items"]]


def test_without_a_scored_date_it_says_so() -> None:
    assert "No customers yet" in as_role("Viewer").get(PAGE).text


def test_a_viewers_menu_has_what_a_viewer_can_use() -> None:
    found = menu(as_role("Viewer"))
    assert found[:2] == ["Summary", "Dashboard"]
    assert {"Cohorts", "Reports", "Customers"} <= set(found)
    assert {"My tasks", "Messages", "Import runs", "Quarantine", "Alert rules", "Scoring policies"}.isdisjoint(found)
    assert len(found) <= 13


@pytest.mark.parametrize("role", ["Success manager", "Program manager", "Administrator"])
def test_who_works_with_it_has_the_whole_menu(role: str) -> None:
    found = menu(as_role(role))
    assert {"My tasks", "Import runs", "Alert rules"} <= set(found)
    assert "Summary" not in found
    assert as_role(role).get(PAGE).status_code == 200
