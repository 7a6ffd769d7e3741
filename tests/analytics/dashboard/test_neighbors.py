"""The customers before and after one, in the list that one came from."""

from datetime import date

import pytest
from django.test import Client

from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import links, words

pytestmark = pytest.mark.django_db
D = date(2025, 5, 10)


@pytest.fixture
def viewer(client: Client) -> Client:
    """Of 60 customers c00, c01, ... c59 with the scores 40, 41, ... 99; those of even numbers are at risk."""
    make_day(date=D)
    for number in range(60):
        customer = make_customer(id=f"c{number:02}", organization=f"Customer {number:02}")
        make_snapshot(customer, date=D, score=40 + number, status="healthy" if number % 2 else "at_risk")
    client.force_login(make_staff("Viewer"))
    return client


def go(client: Client, key: str, way: str, query: str = "") -> str:
    address = client.get(f"/admin/customer/{key}/{way}/{query}").headers["Location"]
    return address.removeprefix("/admin/")


@pytest.mark.parametrize(
    ("key", "way", "query", "expected"),
    [
        # In the order of scores, downwards.
        ("c30", "next", "?sort=-score", "customer/c29/?sort=-score&page=2"),
        ("c30", "next", "?sort=-score&page=2", "customer/c29/?sort=-score&page=2"),
        ("c30", "previous", "?sort=-score&page=2", "customer/c31/?sort=-score&page=2"),
        # From the last of the first page to the second, and back.
        ("c35", "next", "?sort=-score", "customer/c34/?sort=-score&page=2"),
        ("c34", "previous", "?sort=-score&page=2", "customer/c35/?sort=-score"),
        ("c10", "next", "?sort=-score&per_page=50&page=1", "customer/c09/?sort=-score&per_page=50&page=2"),
        # Among those at risk.
        ("c10", "next", "?status=at_risk&sort=score", "customer/c12/?status=at_risk&sort=score"),
        ("c10", "previous", "?status=at_risk&sort=score", "customer/c08/?status=at_risk&sort=score"),
        # Where the page is no longer right, and where it is none.
        ("c01", "next", "?sort=-score&page=1", "customer/c00/?sort=-score&page=3"),
        ("c58", "next", "?sort=-score&page=x", "customer/c57/?sort=-score"),
        ("c58", "next", "?sort=-score&page=99", "customer/c57/?sort=-score"),
        # At the ends, and for whoever is not in the list.
        ("c59", "previous", "?sort=-score", "?sort=-score#customers"),
        ("c00", "next", "?sort=-score&page=3", "?sort=-score&page=3#customers"),
        ("c11", "next", "?status=at_risk", "?status=at_risk#customers"),
        ("nobody", "next", "", "#customers"),
    ],
)
def test_the_way(viewer: Client, key: str, way: str, query: str, expected: str) -> None:
    assert go(viewer, key, way, query) == expected


def test_the_end_is_said(viewer: Client) -> None:
    response = viewer.get("/admin/customer/c59/previous/?sort=-score", follow=True)
    assert "There is no previous customer in this list." in words(response.text)


def test_without_a_score_there_is_no_list(client: Client) -> None:
    make_customer(id="c1")
    client.force_login(make_staff("Viewer"))
    assert go(client, "c1", "next") == "#customers"


def test_the_page_leads_both_ways_in_the_list_one_came_from(viewer: Client) -> None:
    page = viewer.get("/admin/customer/c10/?status=at_risk&sort=score&told=staff")
    query = "?status=at_risk&sort=score"
    assert links(page, "Next") == [f"/admin/customer/c10/next/{query}"]
    assert links(page, "Previous") == [f"/admin/customer/c10/previous/{query}"]
