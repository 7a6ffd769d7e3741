"""The list of customers: the table's own filters and order, its export's values, page after page."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.customer_list.columns import TABLE_COLUMNS
from analytics.models import Snapshot
from analytics.scoring.snapshots import score_day
from customers.core.roles import Role
from customers.erasure.erase import erase
from customers.models import Customer, CustomerCare
from tests.factories import make_customer, make_day, make_forecast, make_run, make_snapshot, make_staff
from tests.support.api import as_exported, get, refused, walk
from tests.support.table_export import HEADER, download, read_csv
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture
def program() -> Iterator[tuple[Client, Client]]:
    """A program's client, and the browser of the same person, over customers of every kind."""
    user = make_staff(Role.SUCCESS_MANAGER, username="zoe", first_name="Zoe", last_name="Quist")
    _history(user.pk)
    browser = Client()
    browser.force_login(user)
    yield token_client(make_token(user)), browser


def _history(owner: int) -> None:
    """Twelve customers with scores now, a week before and a month before; some fields empty in some of them."""
    make_day(total=12, date=D)
    for day in (date(2025, 5, 3), date(2025, 4, 10)):
        make_day(total=12, date=day)
    for number in range(12):
        customer = _customer(number)
        _snapshots(customer, number)
        if number % 2:
            make_forecast(customer, date=D, quiet=90 * number, first_pr=None if number % 3 else 250)
        if number % 4 == 2:
            CustomerCare.objects.create(customer=customer, owner_id=owner)


def _customer(number: int) -> Customer:
    return make_customer(
        id=f"k{number}",
        email=f"someone@k{number}.example",
        organization=("Öl & Gas", "Acme Inc.", "acme inc.", "Zebra")[number % 4],
        cohort=("VIP", "", "Beta")[number % 3],
        industry="SaaS" if number % 2 else "",
        team_size=number or None,
        status="paused" if number == 5 else "active",
        missing_since=make_run() if number == 3 else None,
    )


def _snapshots(customer: Customer, number: int) -> None:
    statuses = ("champion", "healthy", "needs_attention", "at_risk", "inactive")
    make_snapshot(
        customer,
        date=D,
        score=40 + 5 * (number % 5),
        status=statuses[number % 5],
        trend=("improving", "stable", "declining")[number % 3],
        stage=("new_signup", "onboarding", "initial_adoption", "regular_usage")[number % 4],
        steps_done=number % 6,
        last_active=date(2025, 5, number) if number % 4 else None,
        blocker_type="github_permissions" if number % 3 == 1 else "",
        prs_generated=number % 4,
        prs_merged=number % 3,
        issues_tagged=1_000 * number,
        support_requests=number % 2,
        days_active=number,
        days_to_complete=number if number % 3 else None,
        provisional_to=date(2025, 5, 11) if number == 4 else None,
    )
    if number % 3:
        make_snapshot(customer, date=date(2025, 5, 3), score=50, status=statuses[number % 3])
    if number % 4 == 0:
        make_snapshot(customer, date=date(2025, 4, 10), score=45, status="healthy")


def exported(browser: Client, **asked: object) -> list[list[str]]:
    rows, _manifest = read_csv(download(browser, "csv", **asked))
    assert rows[0] == HEADER
    return rows[1:]


# --- The same as the table ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", [name for one in TABLE_COLUMNS for name in (one, f"-{one}")])
def test_every_row_is_that_of_the_export_in_every_order(program: tuple[Client, Client], column: str) -> None:
    client, browser = program
    rows = list(walk(client, "customers", sort=column, per_page=5))
    assert [as_exported(row) for row in rows] == exported(browser, sort=column)
    assert len(rows) == 12


QUERIES: list[dict[str, Any]] = [
    {"q": "acme"},
    {"q": "öl gas"},
    {"status": ["at_risk", "inactive"], "stage": "onboarding"},
    {"cohort": " "},
    {"cohort": ["VIP", "Beta"], "industry": "SaaS"},
    {"owner": "me"},
    {"owner": "nobody", "trend": "declining"},
    {"only": ["blocked", "got_worse"]},
    {"only": "missing"},
    {"last_active": "never"},
    {"score_min": 45, "score_max": 55},
    {"fell_7": 1},
    {"status_change_30": "changed"},
    {"success_rate_min": 1, "success_rate_max": 99},
    {"forecast_quiet": "likely"},
    {"signup": "2025-05", "done": "account_created"},
    {"team_size_min": 3, "days_active_max": 8, "signup_from": "2025-01-01"},
    {"signup_from": "", "score_min": "", "last_active": "", "q": ""},
    {"as_of": "2025-05-03"},
    {"as_of": "2025-05-05", "status": "healthy"},
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_query_of_the_table_means_the_same_customers(program: tuple[Client, Client], query: dict[str, Any]) -> None:
    client, browser = program
    told = get(client, "customers", sort="customer", columns="status,owner", page=1, report="", **query)
    assert [as_exported(row) for row in told["results"]] == exported(browser, sort="customer", **query)


def test_without_an_order_it_is_that_of_the_keys(program: tuple[Client, Client]) -> None:
    client, browser = program
    keys = [row["id"] for row in walk(client, "customers", per_page=5)]
    assert keys == sorted(row[0] for row in exported(browser))


def test_nobodys_own_customers_are_chosen_by_themselves(program: tuple[Client, Client]) -> None:
    """The page shows an owner's own at first, and says so in its address; a program gets what it asks for."""
    client, _browser = program
    assert len(get(client, "customers")["results"]) == 12
    assert {row["owner"]["name"] for row in get(client, "customers", owner="me")["results"]} == {"Zoe Quist"}


def test_a_row(program: tuple[Client, Client]) -> None:
    client, _browser = program
    [row] = [row for row in walk(client, "customers") if row["id"] == "k1"]
    assert row.pop("snapshot")["points"] == {"activity": 0, "pr_success": 0, "adoption": 0, "support": 0, "nps": None}
    assert row.pop("changes") == {
        "score_7_days": -5,
        "score_30_days": None,
        "status_7_days_before": "healthy",
        "status_30_days_before": None,
    }
    assert row == {
        "id": "k1",
        "organization": "Acme Inc.",
        "email": "someone@k1.example",
        "github_username": "",
        "signup_date": "2025-05-01",
        "cohort": "",
        "industry": "SaaS",
        "team_size": 1,
        "account_status": "active",
        "missing_since": None,
        "owner": None,
        "do_not_contact": False,
        "language": "",
    }


# --- Pages --------------------------------------------------------------------------------------------------------


def test_nobody_is_skipped_or_told_twice_while_customers_come_and_scores_change(
    program: tuple[Client, Client],
) -> None:
    client, _browser = program
    first = get(client, "customers", per_page=4)
    make_snapshot(make_customer(id="k00"), date=D)
    Snapshot.objects.filter(customer="k9").update(score=1, status="at_risk")
    rest = list(walk(client, first["next"]))
    keys = [row["id"] for row in first["results"]] + [row["id"] for row in rest]
    assert keys == ["k0", "k1", "k10", "k11", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"]


def test_a_walk_stays_on_its_date(program: tuple[Client, Client]) -> None:
    client, _browser = program
    first = get(client, "customers", per_page=10)
    score_day(date(2025, 5, 11))
    assert first["as_of"] == get(client, first["next"])["as_of"] == "2025-05-10"
    assert get(client, "customers")["as_of"] == "2025-05-11"


def test_a_cursor_is_for_its_own_query(program: tuple[Client, Client]) -> None:
    client, _browser = program
    link = get(client, "customers", per_page=5, sort="score")["next"]
    assert "sort=score" in link
    assert client.get(link.replace("per_page=5", "per_page=2")).status_code == 200
    for other in (link.replace("sort=score", "sort=-score"), link.replace("customers", "snapshots"), f"{link}x"):
        assert list(refused(client.get(other))) == ["#/cursor"], other


@pytest.mark.parametrize("size", ["0", "1001", "x", "-1", "1e2", ""])
def test_a_page_has_from_one_to_a_thousand_rows(program: tuple[Client, Client], size: str) -> None:
    client, _browser = program
    said = refused(client.get(f"/api/v1/customers?per_page={size}"))
    assert said == {"#/per_page": "Allowed: a whole number from 1 to 1,000."}


def test_the_last_page_is_the_last_even_if_it_is_full(program: tuple[Client, Client]) -> None:
    client, _browser = program
    assert get(client, "customers", per_page=12)["next"] is None
    assert len(list(walk(client, "customers", per_page=6))) == 12


# --- What is not understood ---------------------------------------------------------------------------------------


def test_what_is_no_parameter_is_named_with_those_that_are(program: tuple[Client, Client]) -> None:
    client, _browser = program
    said = refused(client.get("/api/v1/customers?statu=at_risk&x=1"))
    assert list(said) == ["#/statu", "#/x"]
    assert said["#/statu"].startswith("There is no such parameter. Allowed: as_of, cohort, columns, compare,")


@pytest.mark.parametrize(
    ("query", "pointer", "words"),
    [
        ("status=bad", "status", "Allowed: champion, healthy, needs_attention, at_risk, inactive."),
        ("score_min=x", "score_min", "Enter a whole number."),
        ("score_min=101", "score_min", "less than or equal to 100"),
        ("score_min=60&score_max=50", "score_max", "50 is below the lowest score asked for, 60."),
        ("signup_from=2025-13-01", "signup_from", "Enter a valid date."),
        ("signup=May", "signup", "Write a month as 2025-05."),
        ("last_active=soon", "last_active", "Allowed: within_7, within_30,"),
        ("sort=nothing", "sort", "Allowed, with or without a minus: customer, status,"),
        ("as_of=10.5.2025", "as_of", "Allowed: a day as 2025-05-10."),
        ("as_of=2025-02-30", "as_of", "Allowed: a day as 2025-05-10."),
        ("cohort=%00", "cohort", "Select a valid choice."),
        ("industry=a%00b", "industry", "Select a valid choice."),
        ("q=%00", "q", "Null characters are not allowed."),
    ],
)
def test_a_value_that_is_not_understood(program: tuple[Client, Client], query: str, pointer: str, words: str) -> None:
    client, _browser = program
    said = refused(client.get(f"/api/v1/customers?{query}"))
    assert list(said) == [f"#/{pointer}"]
    assert words in said[f"#/{pointer}"]


# --- Dates, caching, cost -----------------------------------------------------------------------------------------


def test_before_anything_is_scored_there_is_nobody() -> None:
    make_customer()
    client = token_client(make_token())
    for path in ("customers", "snapshots"):
        assert get(client, path) == {"as_of": None, "next": None, "results": []}


def test_an_erased_customer_is_gone_from_every_date(program: tuple[Client, Client]) -> None:
    client, _browser = program
    erase("k1", "zoe")
    for day in ("2025-05-10", "2025-05-03"):
        assert "k1" not in {row["id"] for row in walk(client, "customers", as_of=day)}
    for path in ("customers/k1", "customers/k1/timeline", "customers/k1/history"):
        assert client.get(f"/api/v1/{path}").status_code == 404


def test_what_has_not_changed_is_not_sent_again(program: tuple[Client, Client]) -> None:
    client, _browser = program
    first = client.get("/api/v1/customers")
    known = {"If-None-Match": first.headers["ETag"]}
    again = client.get("/api/v1/customers", headers=known)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert client.get("/api/v1/customers?status=healthy", headers=known).status_code == 200
    CustomerCare.objects.create(customer_id="k1", owner=make_staff())
    assert client.get("/api/v1/customers", headers=known).status_code == 200


def test_what_has_not_changed_is_no_answer_to_who_may_not_ask(program: tuple[Client, Client]) -> None:
    client, _browser = program
    known = {"If-None-Match": client.get("/api/v1/customers").headers["ETag"]}
    assert token_client(make_token(None, "ingest")).get("/api/v1/customers", headers=known).status_code == 403


@pytest.mark.parametrize("path", ["customers", "customers?sort=-status&q=acme", "snapshots"])
def test_queries_do_not_grow_with_rows(program: tuple[Client, Client], path: str) -> None:
    client, _browser = program
    counts = []
    for more in (0, 20):
        for number in range(more):
            customer = make_customer(id=f"n{number}", organization="Acme", missing_since=make_run())
            make_snapshot(customer, date=D)
            CustomerCare.objects.create(customer=customer, owner=make_staff())
        with CaptureQueriesContext(connection) as queries:
            get(client, path)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 14
