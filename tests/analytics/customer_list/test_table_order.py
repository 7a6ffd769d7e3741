"""The list of customers in order: sorting, pages, and the way to a customer and back."""

import random
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.test import Client
from django_tables2 import Column

from analytics.customer_list.columns import TABLE_COLUMNS
from analytics.customer_list.customer_table import CustomerTable
from analytics.models import Snapshot
from analytics.portfolio.score_change import ScoreChanges
from customers.models import CustomerCare
from tests.factories import make_customer, make_day, make_snapshot
from tests.support.pages import addressed, links, main_part, names, rows, words
from tests.support.scoring import D

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("viewer")]


# --- Sorting ----------------------------------------------------------------------------------------------------


@pytest.fixture
def five_to_sort() -> None:
    """c1 to c5, made in another order than any column sorts them in; c2 and c4 are alike in every column but name."""
    make_day(total=5)
    ada = User.objects.create(username="ada")
    zoe = User.objects.create(username="zoe", first_name="Anna", last_name="Zoe")
    fields: dict[str, dict[str, object]] = {
        "c3": {"status": "healthy", "score": 80, "trend": "improving", "stage": "regular_usage", "steps_done": 5},
        "c1": {"status": "inactive", "score": 20, "trend": "stable", "stage": "new_signup", "steps_done": 1},
        "c4": {"status": "at_risk", "score": 40, "trend": "declining", "stage": "onboarding", "steps_done": 3},
        "c5": {"status": "champion", "score": 90, "trend": "stable", "stage": "initial_adoption", "steps_done": 4},
        "c2": {"status": "at_risk", "score": 40, "trend": "declining", "stage": "onboarding", "steps_done": 3},
    }
    active = {"c3": D, "c1": None, "c4": date(2025, 5, 1), "c5": date(2025, 5, 9), "c2": date(2025, 5, 1)}
    cohorts = {"c3": "VIP", "c1": "", "c4": "Beta", "c5": "Early", "c2": "Beta"}
    titles = {"c3": "zebra", "c1": "Yak", "c4": "alpaca", "c5": "Bear", "c2": "Cat"}
    owners = {"c3": zoe, "c5": ada}
    for key, values in fields.items():
        customer = make_customer(id=key, organization=titles[key], cohort=cohorts[key])
        make_snapshot(customer, last_active=active[key], **values)
        if key in owners:
            CustomerCare.objects.create(customer=customer, owner=owners[key])


YAK, CAT, ZEBRA, ALPACA, BEAR = "Yak", "Cat", "zebra", "alpaca", "Bear"


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", [ALPACA, CAT, YAK, ZEBRA, BEAR]),
        ("status", [ALPACA, CAT, YAK, ZEBRA, BEAR]),
        ("-status", [BEAR, ZEBRA, YAK, ALPACA, CAT]),
        ("customer", [ALPACA, BEAR, CAT, YAK, ZEBRA]),
        ("-customer", [ZEBRA, YAK, CAT, BEAR, ALPACA]),
        ("score", [YAK, ALPACA, CAT, ZEBRA, BEAR]),
        ("-score", [BEAR, ZEBRA, CAT, ALPACA, YAK]),
        ("trend", [ALPACA, CAT, YAK, BEAR, ZEBRA]),
        ("-trend", [ZEBRA, YAK, BEAR, ALPACA, CAT]),
        ("steps_done", [YAK, ALPACA, CAT, BEAR, ZEBRA]),
        ("-steps_done", [ZEBRA, BEAR, CAT, ALPACA, YAK]),
        ("stage", [YAK, ALPACA, CAT, BEAR, ZEBRA]),
        ("-stage", [ZEBRA, BEAR, ALPACA, CAT, YAK]),
        ("last_active", [ALPACA, CAT, BEAR, ZEBRA, YAK]),
        ("-last_active", [ZEBRA, BEAR, ALPACA, CAT, YAK]),
        ("cohort", [YAK, ALPACA, CAT, BEAR, ZEBRA]),
        ("-cohort", [ZEBRA, BEAR, CAT, ALPACA, YAK]),
        ("owner", [BEAR, ZEBRA, YAK, ALPACA, CAT]),
        ("-owner", [ZEBRA, BEAR, YAK, ALPACA, CAT]),
        ("nothing", [ALPACA, CAT, YAK, ZEBRA, BEAR]),
        ("--score", [ALPACA, CAT, YAK, ZEBRA, BEAR]),
        ("customer.email", [ALPACA, CAT, YAK, ZEBRA, BEAR]),
        ("pk; DROP TABLE", [ALPACA, CAT, YAK, ZEBRA, BEAR]),
    ],
)
def test_sorting(viewer: Client, five_to_sort: None, sort: str, order: list[str]) -> None:
    parameters = {"sort": sort} if sort else {}
    assert names(viewer.get(addressed(**parameters))) == order


def test_customers_that_are_alike_keep_their_order_from_page_to_page(viewer: Client) -> None:
    make_day(total=60)
    customers = [make_customer(organization=f"Customer {number:02}", cohort="VIP") for number in range(60)]
    random.Random(1).shuffle(customers)
    for customer in customers:
        make_snapshot(customer)
    for field in TABLE_COLUMNS:
        if field == "customer":
            continue
        seen = [name for page in (1, 2, 3) for name in names(viewer.get(addressed(sort=f"-{field}", page=page)))]
        assert len(set(seen)) == 60, field


def test_a_stock_column_of_django_tables2_is_drawn_beside_ours() -> None:
    class WithPlan(CustomerTable):
        plan = Column(accessor="customer__industry", verbose_name="Branch")

    make_day(total=2)
    for industry in ("Tools & Dies", ""):
        make_snapshot(make_customer(industry=industry))
    table = WithPlan(Snapshot.objects.on(D).order_by("pk"), changes=ScoreChanges(D))
    for name in TABLE_COLUMNS:
        if name != "stage":
            table.columns.hide(name)
    page = Paginator(table.data.data, 10).page(1)
    table.turn_to(page, list(page.object_list))
    drawn = [cells for _record, cells in table.lines()]
    assert drawn == [
        '<td >Tools &amp; Dies</td><td class="wrapped">Onboarding</td>',
        '<td >—</td><td class="wrapped">Onboarding</td>',
    ]


def test_a_header_sorts_by_its_column_and_then_the_other_way(viewer: Client, five_to_sort: None) -> None:
    response = viewer.get("/admin/?status=at_risk&page=1")
    assert links(response, "Score") == ["?status=at_risk&sort=score"]
    response = viewer.get("/admin/?status=at_risk&sort=score")
    assert links(response, "Score") == ["?status=at_risk&sort=-score"]
    assert main_part(response).count("aria-sort=") == 1
    assert 'aria-sort="ascending"' in main_part(response)
    assert 'aria-sort="descending"' in main_part(viewer.get("/admin/?sort=-score"))


def test_the_owner_is_named(viewer: Client, five_to_sort: None) -> None:
    assert [row[-1] for row in rows(viewer.get("/admin/?sort=owner"))] == ["ada", "Anna Zoe", "–", "–", "–"]


# --- Pages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sixty_customers() -> None:
    make_day(total=60)
    for number in range(60):
        make_snapshot(make_customer(organization=f"Customer {number:02}"))


@pytest.mark.parametrize(
    ("page", "first", "last", "told"),
    [
        (" 2 ", 25, 49, "26–50 of 60 Previous Page 2 of 3 Next"),
        ("", 0, 24, "1–25 of 60 Page 1 of 3 Next"),
        ("1", 0, 24, "1–25 of 60 Page 1 of 3 Next"),
        ("2", 25, 49, "26–50 of 60 Previous Page 2 of 3 Next"),
        ("3", 50, 59, "51–60 of 60 Previous Page 3 of 3"),
        ("4", 50, 59, "51–60 of 60 Previous Page 3 of 3"),
        ("99999999999999999999", 50, 59, "51–60 of 60 Previous Page 3 of 3"),
        ("0", 50, 59, "51–60 of 60 Previous Page 3 of 3"),
        ("-1", 50, 59, "51–60 of 60 Previous Page 3 of 3"),
        ("two", 0, 24, "1–25 of 60 Page 1 of 3 Next"),
        ("1.5", 0, 24, "1–25 of 60 Page 1 of 3 Next"),
    ],
)
def test_pages(viewer: Client, sixty_customers: None, page: str, first: int, last: int, told: str) -> None:
    for filters in ({}, {"status": "healthy"}):  # which count in another way
        response = viewer.get(addressed(sort="customer", page=page, **filters))
        assert names(response) == [f"Customer {number:02}" for number in range(first, last + 1)]
        assert told in words(main_part(response))


def test_customers_whom_an_undo_took_away_are_not_counted(viewer: Client) -> None:
    make_day(total=60, stale=True)
    make_snapshot(make_customer(organization="Customer 01"))
    assert "1–1 of 1" in words(main_part(viewer.get("/admin/")))


@pytest.mark.parametrize(
    ("rows_wanted", "page", "found", "told"),
    [
        (25, 1, 25, "1–25 of 60 Page 1 of 3 Next Rows 25 50 100"),
        (50, 1, 50, "1–50 of 60 Page 1 of 2 Next Rows 25 50 100"),
        (50, 2, 10, "51–60 of 60 Previous Page 2 of 2 Rows 25 50 100"),
        (100, 2, 60, "1–60 of 60 Rows 25 50 100"),
    ],
)
def test_a_page_has_as_many_rows_as_the_address_says(
    viewer: Client, sixty_customers: None, rows_wanted: int, page: int, found: int, told: str
) -> None:
    response = viewer.get(addressed(per_page=rows_wanted, page=page, status="healthy"))
    assert len(names(response)) == found
    assert told in words(main_part(response))
    assert links(response, "100") == ["?per_page=100&status=healthy"]


@pytest.mark.parametrize("rows_wanted", ["0", "-3", "1", "100000", "many"])
def test_but_only_a_few_sizes_of_pages_are_known(viewer: Client, sixty_customers: None, rows_wanted: str) -> None:
    assert len(names(viewer.get(addressed(per_page=rows_wanted)))) == 25


def test_the_next_page_keeps_filters_and_sorting(viewer: Client, sixty_customers: None) -> None:
    response = viewer.get("/admin/?q=customer&sort=-customer&page=2&status=healthy")
    assert links(response, "Next") == ["?q=customer&sort=-customer&page=3&status=healthy"]
    assert links(response, "Previous") == ["?q=customer&sort=-customer&page=1&status=healthy"]
    assert names(response)[0] == "Customer 34"


def test_twenty_five_customers_need_no_second_page(viewer: Client) -> None:
    make_day(total=25)
    for _ in range(25):
        make_snapshot()
    text = words(main_part(viewer.get("/admin/")))
    assert "1–25 of 25" in text
    assert "Page 1" not in text


def test_the_way_to_a_customer_and_back_keeps_the_address(viewer: Client, five_to_sort: None) -> None:
    [way] = links(viewer.get("/admin/?status=at_risk&q=a&sort=-score"), "alpaca")
    assert way == "/admin/customer/c4/?status=at_risk&q=a&sort=-score"
    assert links(viewer.get(way), "← Back to the dashboard") == ["/admin/?status=at_risk&q=a&sort=-score"]
    [way] = links(viewer.get("/admin/"), "alpaca")
    assert way == "/admin/customer/c4/"
    assert links(viewer.get(way), "← Back to the dashboard") == ["/admin/"]
