"""The dashboard's list of customers: search and filters, what it costs, and hostile text in it."""

import re
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.scoring.snapshots import score_day
from customers.models import Customer, CustomerCare, Engagement, Event, Onboarding
from tests.factories import make_customer, make_day, make_run, make_snapshot, make_staff
from tests.support.pages import Elements, addressed, links, main_part, names, notices, words
from tests.support.scoring import D

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("viewer")]

DASHBOARD_QUERIES = 10
"""Session, user and twice permissions; the page's tag with quarantine and badges, the scored date and those around it,
the feeds, who has no owner, what the rules say of those who need somebody; the customers and their sparklines. Where
filters are set, also the keys."""

AGAIN_QUERIES = 5
"""Of a page that has been made before: session, user and twice permissions; the tag."""


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
        ({"lacks": "pk"}, "Missing step: Select a valid choice. pk is not one of the available choices."),
        ({"only": "delete"}, "Quick filters: Select a valid choice. delete is not one of the available choices."),
        ({"q": "\x00"}, "Search: Null characters are not allowed."),
        ({"cohort": "\x00"}, "Cohort: Select a valid choice. \x00 is not one of the available choices."),
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
    # The first one after a scoring also finds who is to be acted on by health, and who by an alert or a task, what was
    # done about them, how many nobody looks after, the feeds' states, the dates around, whether there is a forecast,
    # the milestones and the filters' choices; filters take one of their own.
    assert few == [DASHBOARD_QUERIES + 10, DASHBOARD_QUERIES]
    # Who is to be acted on is counted by one more where a page does not hold them all.
    assert many == [DASHBOARD_QUERIES + 11, DASHBOARD_QUERIES]


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
