"""The customers before and after one, in the list that one came from."""

import re
from datetime import date
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client

from analytics.models import Task
from customers.models import Customer, CustomerCare
from tests.factories import make_alert, make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import links, words

pytestmark = pytest.mark.django_db
D = date(2025, 5, 10)
CALL = {"kind": "call", "text": "They wait for IT"}


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


# --- From My day, the alerts and the tasks ------------------------------------------------------------------------


@pytest.fixture
def manager(client: Client) -> User:
    """Owns a, b and c, who are at risk with the scores 10, 20 and 30; d is nobody's."""
    user = make_staff("Success manager", username="mia")
    make_day(date=D)
    for place, key in enumerate("abcd", 1):
        customer = make_customer(id=key, organization=f"Customer {key}")
        make_snapshot(customer, date=D, score=10 * place, status="at_risk")
        if key != "d":
            CustomerCare.objects.create(customer=customer, owner=user)
    client.force_login(user)
    return user


def way(response: HttpResponse, name: str) -> str:
    [address, *_same] = links(response, name)
    return unescape(address)


def in_block(page: HttpResponse, key: str) -> str:
    """Where a customer's name among those to act on leads."""
    [address] = re.findall(rf'<a class="need-name" id="need-{key}" href="([^"]*)"', page.text)
    return unescape(address)


def test_from_my_day_through_my_customers(client: Client, manager: User) -> None:
    day = client.get("/admin/my-day/", follow=True)
    page = client.get(way(day, "Customer a"))
    assert way(page, "← Back to My day") == f"/admin/my-day/?owner={manager.pk}"
    page = client.get(way(page, "Next"), follow=True)
    assert page.context["customer"].pk == "b"
    assert client.get(way(page, "Previous"), follow=True).context["customer"].pk == "a"
    page = client.get(way(page, "Next"), follow=True)
    assert page.context["customer"].pk == "c"
    end = client.get(way(page, "Next"), follow=True)
    assert end.redirect_chain[-1][0] == f"/admin/my-day/?owner={manager.pk}"
    assert "There is no next customer in this list." in words(end.text)


def test_from_the_dashboards_customers_to_act_on(client: Client, manager: User) -> None:
    page = client.get(in_block(client.get("/admin/", follow=True), "b"))
    assert way(page, "← Back to My day") == f"/admin/my-day/?owner={manager.pk}"
    assert client.get(way(page, "Previous"), follow=True).context["customer"].pk == "a"
    assert client.get(way(page, "Next"), follow=True).context["customer"].pk == "c"
    make_day(date=date(2025, 5, 9))
    for key in "ab":
        make_snapshot(Customer.objects.get(pk=key), date=date(2025, 5, 9), status="at_risk")
    page = client.get(in_block(client.get("/admin/?as_of=2025-05-09", follow=True), "b"))
    page = client.get(way(page, "Previous"), follow=True)
    assert page.context["customer"].pk == "a"
    assert page.context["as_of"].portfolio.date == date(2025, 5, 9)


def test_who_was_dealt_with_has_left_the_list_and_the_next_one_comes(client: Client, manager: User) -> None:
    day = client.get("/admin/my-day/", follow=True)
    page = client.get(way(client.get(way(day, "Customer a")), "Next"), follow=True)
    page = client.post(f"/admin/customer/b/notes/?{urlsplit(page.redirect_chain[-1][0]).query}", CALL, follow=True)
    assert client.get(way(page, "Next"), follow=True).context["customer"].pk == "c"
    assert client.get(way(page, "Previous"), follow=True).context["customer"].pk == "a"


def test_from_the_tasks_in_their_order(client: Client, manager: User) -> None:
    for key, what, due in (("d", "First", 1), ("b", "Second", 2), ("d", "Third", 3), ("a", "Fourth", 4)):
        Task.objects.create(customer_id=key, what=what, due=date(2025, 5, due), owner=manager)
    tasks = client.get("/admin/tasks/?sort=-due", follow=True)
    page = client.get(way(tasks, "Customer a"))
    assert way(page, "← Back to the tasks") == f"/admin/tasks/?sort=-due&whose={manager.pk}"
    for key in "db":
        page = client.get(way(page, "Next"), follow=True)
        assert page.context["customer"].pk == key
    assert client.get(way(page, "Next"), follow=True).redirect_chain[-1][0].startswith("/admin/tasks/")


def test_from_the_alerts_that_match(client: Client, manager: User) -> None:
    for key, kind, text in (
        ("c", "at_risk", "x"),
        ("d", "at_risk", "x"),
        ("a", "at_risk", "x"),
        ("b", "at_risk", "y"),
        ("c", "blocked", "x"),
    ):
        make_alert(Customer.objects.get(pk=key), kind, text=text)
    alerts = client.get("/admin/alerts/?q=x&told=")
    listed = list(dict.fromkeys(one.customer_id for one in alerts.context["page"].object_list))
    assert sorted(listed) == ["a", "c", "d"]
    page = client.get(way(alerts, f"Customer {listed[0]}"))
    for key in listed[1:]:
        page = client.get(way(page, "Next"), follow=True)
        assert page.context["customer"].pk == key
    assert way(page, "← Back to the alerts") == "/admin/alerts/?q=x&told="


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?list=nonsense", "customer/b/?list=nonsense"),
        ("?list=//evil.example", "customer/b/?list=%2F%2Fevil.example"),
        ("?list=my-day", "customer/b/?list=my-day&at=1"),
        ("?list=my-day%3Fowner%3Dx%26tab%3D%2500&at=x", "my-day/?owner=x&tab=%00"),
        ("?list=tasks%3Fwhose%3D%2500", "tasks/?whose=%00"),
        ("?list=alerts%3Fstate%3Dnonsense&at=-9", "alerts/?state=nonsense"),
    ],
)
def test_a_list_that_is_none(client: Client, manager: User, query: str, expected: str) -> None:
    assert go(client, "a", "next", query) == expected


def test_a_list_that_one_may_not_see(client: Client) -> None:
    make_customer(id="a")
    user = make_staff()
    user.user_permissions.add(Permission.objects.get(codename="view_customer"))
    client.force_login(user)
    assert client.get("/admin/customer/a/next/?list=alerts").status_code == 403
    assert client.get("/admin/customer/a/next/?list=tasks").status_code == 403
