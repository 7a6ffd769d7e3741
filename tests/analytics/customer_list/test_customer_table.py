"""The dashboard's list of customers: search, filters, sorting, paging, what it costs, and hostile text in it."""

import random
import re
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_tables2 import Column

from analytics.customer_list.columns import TABLE_COLUMNS, CustomerTable
from analytics.models import Snapshot
from analytics.portfolio.score_change import ScoreChanges
from analytics.scoring.snapshots import score_day
from customers.models import Customer, CustomerCare, Engagement, Event, Onboarding
from tests.factories import make_customer, make_day, make_run, make_snapshot, make_staff
from tests.support.pages import Elements, links, main_part, names, notices, rows, words

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
DASHBOARD_QUERIES = 11
"""Session, user and twice permissions; the page's tag with quarantine and badges, the scored date and those around it,
the feeds, who has no owner, what the rules say of those who need somebody; the filters' choices, the customers and
their sparklines. Where filters are set, also the keys."""


AGAIN_QUERIES = 6
"""Of a page that has been made before: session, user and twice permissions; the tag; the filters' choices."""


@pytest.fixture(autouse=True)
def viewer(client: Client) -> Client:
    client.force_login(make_staff("Viewer"))
    return client


def addressed(**parameters: object) -> str:
    return f"/admin/?{urlencode(parameters, doseq=True)}"


# --- Search and filters -----------------------------------------------------------------------------------------


@pytest.fixture
def four_customers() -> None:
    make_day(total=4)
    make_snapshot(
        make_customer(id="c1", organization="Alpha Works", email="ann@alpha.example", cohort="VIP"),
        status="champion",
        stage="regular_usage",
        onboarded=True,
        welcome_email_sent=True,
        account_created=True,
        first_pr_generated=True,
        blocker_type="old_blocker",
        last_active=D,
    )
    make_snapshot(
        make_customer(id="c2", organization="Beta Works", github_username="beta-dev", cohort="VIP"),
        status="at_risk",
        stage="onboarding",
        welcome_email_sent=True,
        account_created=True,
        blocker_type="sso",
        last_active=D - timedelta(days=1),
    )
    make_snapshot(
        make_customer(id="c3:x.y", organization="100% Gamma_Ltd", cohort="Early Access"),
        status="at_risk",
        stage="new_signup",
        welcome_email_sent=True,
    )
    make_snapshot(
        make_customer(id="c4", organization="O'Delta & Söhne \\ Co."),
        status="inactive",
        stage="initial_adoption",
        last_active=D,
    )


ALPHA, BETA, GAMMA, DELTA = "Alpha Works", "Beta Works", "100% Gamma_Ltd", "O'Delta & Söhne \\ Co."


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"q": "alpha"}, [ALPHA]),
        ({"q": "  WORKS "}, [ALPHA, BETA]),
        ({"q": "works vip"}, []),
        ({"q": "works ANN@alpha"}, [ALPHA]),
        ({"q": "beta-dev"}, [BETA]),
        ({"q": "c3:x.y"}, [GAMMA]),
        ({"q": "100%"}, [GAMMA]),
        ({"q": "%"}, [GAMMA]),
        ({"q": "_"}, [GAMMA]),
        ({"q": "\\"}, [DELTA]),
        ({"q": "o'delta"}, [DELTA]),
        ({"q": "söhne"}, [DELTA]),
        ({"q": "nobody"}, []),
        ({"q": ""}, [ALPHA, BETA, GAMMA, DELTA]),
        ({"status": "at_risk"}, [BETA, GAMMA]),
        ({"status": ["champion", "inactive"]}, [ALPHA, DELTA]),
        ({"stage": "regular_usage"}, [ALPHA]),
        ({"stage": ["new_signup", "onboarding"]}, [BETA, GAMMA]),
        ({"cohort": "VIP"}, [ALPHA, BETA]),
        ({"cohort": " "}, [DELTA]),
        ({"cohort": [" ", "Early Access"]}, [GAMMA, DELTA]),
        ({"lacks": "account_created"}, [GAMMA, DELTA]),
        ({"lacks": "first_pr_generated"}, [BETA, GAMMA, DELTA]),
        ({"only": "active"}, [ALPHA, DELTA]),
        ({"only": "onboarded"}, [ALPHA]),
        ({"only": "blocked"}, [BETA]),
        ({"status": "at_risk", "cohort": "VIP", "q": "works"}, [BETA]),
        ({"status": "at_risk", "only": "active"}, []),
    ],
    ids=str,
)
def test_search_and_filters(
    viewer: Client, four_customers: None, parameters: dict[str, object], found: list[str]
) -> None:
    response = viewer.get(addressed(**parameters))
    assert sorted(names(response)) == sorted(found)
    assert ("No customer matches these filters." in words(main_part(response))) is (not found)


@pytest.mark.parametrize(
    ("parameters", "note"),
    [
        ({"status": "great"}, "Status: Select a valid choice. great is not one of the available choices."),
        ({"stage": "0"}, "Stage: Select a valid choice. 0 is not one of the available choices."),
        ({"owner": "' OR 1=1"}, "Owner: Select a valid choice. ' OR 1=1 is not one of the available choices."),
        ({"lacks": "pk"}, "Lacks: Select a valid choice. pk is not one of the available choices."),
        ({"only": "delete"}, "Only: Select a valid choice. delete is not one of the available choices."),
        ({"q": "\x00"}, "Search: Null characters are not allowed."),
    ],
    ids=str,
)
def test_a_bad_value_is_named_and_filters_nothing(
    viewer: Client, four_customers: None, parameters: dict[str, object], note: str
) -> None:
    response = viewer.get(addressed(as_of="2025-05-10", **parameters))
    assert response.status_code == 200
    assert notices(response)[-1] == note
    assert len(names(response)) == 4


def test_the_form_shows_what_is_filtered_and_can_be_cleared(viewer: Client, four_customers: None) -> None:
    make_day(date=date(2025, 5, 11))
    plain = viewer.get("/admin/?as_of=2025-05-10")
    assert links(plain, "Clear all") == []
    response = viewer.get("/admin/?as_of=2025-05-10&q=works&status=at_risk&lacks=first_issue_tagged&sort=score")
    elements = Elements(main_part(response).split('role="search"')[1]).found
    fields = [attrs for tag, attrs in elements if tag in {"input", "option"}]
    checked = [
        (attrs["name"], attrs["value"]) for attrs in fields if "checked" in attrs and attrs["name"] != "columns"
    ]
    assert checked == [("status", "at_risk"), ("lacks", "first_issue_tagged")]
    [form] = re.findall(r'<form [^>]*role="search".*?</form>', main_part(response), re.DOTALL)
    fields = [attrs for tag, attrs in Elements(form).found if attrs.get("type") in {"hidden", "search"}]
    assert {attrs["name"]: attrs["value"] for attrs in fields} == {
        "q": "works",
        "sort": "score",
        "as_of": "2025-05-10",
    }
    assert links(response, "Clear all") == ["/admin/?as_of=2025-05-10&sort=score#customers"]


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
        "<td >Tools &amp; Dies</td><td >Onboarding</td>",
        "<td >—</td><td >Onboarding</td>",
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


# --- What it costs ----------------------------------------------------------------------------------------------


def sign_up(first: int, last: int) -> None:
    """Customers with an onboarding, engagement, an event and an owner each, in a few statements."""
    keys = [f"n{number:04}" for number in range(first, last)]
    owner = make_staff("Success manager")
    row = {"run_id": 1, "line": 2}
    Customer.objects.bulk_create(
        Customer(id=key, organization=key, email=f"a@{key}.example", signup_date=date(2025, 5, 1), **row)
        for key in keys
    )
    CustomerCare.objects.bulk_create(CustomerCare(customer_id=key, owner=owner) for key in keys)
    Onboarding.objects.bulk_create(
        Onboarding(id=f"o{key}", customer_id=key, blocker_type="sso", **row) for key in keys
    )
    Engagement.objects.bulk_create(
        Engagement(id=f"e{key}", customer_id=key, date=D, issues_tagged=1, **row) for key in keys
    )
    Event.objects.bulk_create(
        Event(id=f"v{key}", customer_id=key, date=D, kind="first_issue_tagged", **row) for key in keys
    )


def queries_of(viewer: Client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert viewer.get(address).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


def test_the_number_of_queries_does_not_grow_with_the_customers(viewer: Client) -> None:
    for feed in ("customers", "onboarding", "engagement"):
        make_run(feed=feed, file=f"{feed}.csv")
    sign_up(0, 12)
    score_day(D)
    addresses = ["/admin/", "/admin/?status=at_risk&q=n00&cohort=+&sort=-owner&as_of=2025-05-10"]
    few = [len(queries_of(viewer, address)) for address in addresses]
    sign_up(12, 1200)
    score_day(D)
    many = [len(queries_of(viewer, address)) for address in addresses]
    assert "1–25 of 1,200" in words(main_part(viewer.get("/admin/")))
    assert [len(queries_of(viewer, address)) for address in addresses] == [AGAIN_QUERIES] * 2
    # The first one after a scoring also finds who is to be acted on and what was done about them, how many nobody
    # looks after, the feeds' states and the dates around; filters take one of their own.
    assert few == many == [DASHBOARD_QUERIES + 5, DASHBOARD_QUERIES]


# --- Hostile text -----------------------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7|add:7 }}{% now 'Y' %}",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "&lt;b&gt;",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(viewer: Client, text: str) -> None:
    make_day(total=1)
    customer = make_customer(
        organization=text, cohort=text, industry=text, github_username=text, email=f"{text}@example.com"
    )
    make_snapshot(customer, blocker_type=text)
    Onboarding.objects.create(id="o1", customer=customer, blocker_type=text, notes=text, run_id=1, line=2)
    Event.objects.create(id="v1", customer=customer, date=D, kind="note", detail=text, run_id=1, line=2)
    CustomerCare.objects.create(customer=customer, notes=text, owner=make_staff(last_name=text))
    make_run(file=text, status="refused", reason=text)
    user = User.objects.get(username=viewer.get("/admin/").context["user"].username)
    user.first_name = text
    user.save()
    client_pages = [
        viewer.get("/admin/"),
        viewer.get(addressed(q=text, cohort=text, as_of=text, sort=text, page=text, lacks=text)),
        viewer.get(f"/admin/customer/{customer.pk}/"),
        viewer.get(f"/admin/customer/{customer.pk}/?{urlencode({'q': text, 'as_of': text})}"),
    ]
    harmless = Elements(viewer.get("/admin/customers/importrun/").text)
    for response in client_pages:
        assert response.status_code == 200
        page = Elements(response.text)
        assert text in words(main_part(response)) or text in str(list(page.attributes("value")))
        assert not {"onerror", "onmouseover"} & {name for _tag, attrs in page.found for name in attrs}
        assert "x" not in page.attributes("src")
        assert not any(str(href).startswith("javascript") for href in page.attributes("href"))
        scripts = [attrs for tag, attrs in page.found if tag == "script"]
        assert all("src" in attrs or attrs["type"] == "application/json" for attrs in scripts)
    assert not any(str(href).startswith("javascript") for href in harmless.attributes("href"))


def test_a_name_that_turns_the_writing_around_turns_nothing_else(viewer: Client) -> None:
    make_day(total=1)
    customer = make_customer(organization="\N{RIGHT-TO-LEFT OVERRIDE}abc")
    make_snapshot(customer)
    for address in ("/admin/", f"/admin/customer/{customer.pk}/"):
        page = main_part(viewer.get(address))
        [tag] = [tag for tag in page.split("<") if tag.endswith(">\N{RIGHT-TO-LEFT OVERRIDE}abc")]
        assert 'dir="auto"' in tag
