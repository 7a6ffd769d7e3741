"""The numbers of the demo program: those of the oracle, of the pages' files, and of the mock-up."""

import csv
import io
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.insights.cohort_export import write_cohorts
from analytics.models import CohortDay, PortfolioDay
from analytics.portfolio.metrics_export import COLUMNS, combined_rows
from customers.audit import trail
from tests.support import oracle
from tests.support.api import Told, get, refused, walk
from tests.support.oracle_feeds import read_feeds
from tests.support.tokens import make_token, token_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program")]

FIXTURES: Path = settings.BASE_DIR / "fixtures"
D, BEFORE = date(2025, 5, 10), date(2025, 5, 9)


@pytest.fixture
def client() -> Client:
    return token_client(make_token())


# --- Snapshots ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [D, BEFORE])
def test_snapshots_are_what_the_oracle_calculates(client: Client, day: date) -> None:
    measured = oracle.measure_all(read_feeds(FIXTURES), day)
    told = {row["customer"]: row for row in walk(client, "snapshots", as_of=day, per_page=5)}
    assert told.keys() == measured.keys()
    for key, row in told.items():
        theirs = measured[key]
        assert row["points"] == {
            name: theirs[name] for name in ("activity", "pr_success", "adoption", "support", "nps")
        }
        assert row["steps"] == theirs["steps"], key
        names = {"activity_trend": "trend", "days_to_value": "days_to_complete", "blocker": "blocker_type"}
        same = ("score", "status", "stage", "steps_done", "onboarding_percent", "onboarded", "issues_tagged")
        same += ("prs_generated", "prs_merged", "support_requests", "success_rate", "days_active")
        for name, of_oracle in {**names, **dict(zip(same, same, strict=True))}.items():
            assert row[name] == theirs[of_oracle], (key, name)
        for name in ("completed_on", "last_active"):
            assert row[name] == (theirs[name] and theirs[name].isoformat()), (key, name)


def test_snapshots_are_the_rows_of_combined_metrics(client: Client) -> None:
    """Row by row, the columns that both have."""
    told = list(walk(client, "snapshots"))
    rows = [dict(zip(COLUMNS, cells, strict=True)) for cells in combined_rows(D)]
    assert [row["customer"] for row in told] == [row["customer_id"] for row in rows]
    for row, cells in zip(told, rows, strict=True):
        said = {
            "health_score": row["score"],
            "health_status": row["status"],
            "trend": row["activity_trend"],
            "stage": row["stage"],
            "onboarding_complete": "yes" if row["onboarded"] else "no",
            "onboarding_percent": row["onboarding_percent"],
            "days_to_complete": row["days_to_value"],
            "blocker_type": row["blocker"],
            "total_issues_tagged": row["issues_tagged"],
            "total_prs_generated": row["prs_generated"],
            "total_prs_merged": row["prs_merged"],
            "success_rate": row["success_rate"],
            "days_active": row["days_active"],
            "last_active": row["last_active"],
            "as_of": row["date"],
            "scoring_policy": row["policy"],
            "provisional_to": row["provisional_to"],
            **row["points"],
        }
        assert {name: "" if value is None else str(value) for name, value in said.items()} == {
            name: cells[name] for name in said
        }


def test_one_customers_history(client: Client) -> None:
    told = list(walk(client, "customers/c1001/history", per_page=1))
    assert [(row["date"], row["customer"]) for row in told] == [("2025-05-10", "c1001"), ("2025-05-09", "c1001")]
    assert told[0] == next(row for row in walk(client, "snapshots") if row["customer"] == "c1001")
    assert [row["date"] for row in walk(client, "customers/c1001/history", as_of=BEFORE)] == ["2025-05-09"]


# --- Portfolio and cohorts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [D, BEFORE])
def test_the_portfolio_is_what_the_oracle_calculates(client: Client, day: date) -> None:
    theirs = oracle.summary(read_feeds(FIXTURES), day)
    told = get(client, "portfolio", as_of=day)
    assert told["date"] == day.isoformat()
    names = {"total_customers": "total"}
    names |= {name: name for name in ("active_today", "at_risk", "onboarding_rate", "success_rate", "onboarded")}
    names |= {name: name for name in ("avg_time_to_value", "onboarding_day_known")}
    assert told["summary"] == {name: theirs[of_oracle] for name, of_oracle in names.items()}
    assert told["onboarding"]["percent"] == theirs["overall_percent"]
    assert {one["step"]: (one["count"], one["percent"]) for one in told["onboarding"]["steps"]} == theirs["steps"]
    assert {one["status"]: (one["count"], one["percent"]) for one in told["distribution"]} == theirs["statuses"]
    assert {one["key"] for one in told["definitions"]} < told["summary"].keys()


def test_the_portfolio_by_date_is_that_of_each_date(client: Client) -> None:
    days = list(walk(client, "portfolio/days", per_page=1))
    assert [day["date"] for day in days] == ["2025-05-10", "2025-05-09"]
    for day in days:
        told = get(client, "portfolio", as_of=day["date"])
        assert {name: told[name] for name in day} == day
    assert [day["date"] for day in walk(client, "portfolio/days", as_of=BEFORE)] == ["2025-05-09"]


def test_a_day_that_is_not_scored_is_the_nearest_before_it(client: Client) -> None:
    assert get(client, "portfolio", as_of="2025-05-30")["date"] == "2025-05-10"
    assert get(client, "portfolio", as_of="2020-01-01")["date"] == "2025-05-09"  # the first one, as on the pages


@pytest.mark.parametrize("by", ["cohort", "month"])
def test_cohorts_are_the_rows_of_their_file(client: Client, by: str) -> None:
    file = io.BytesIO()
    write_cohorts(file, D, CohortDay.By(by))
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode("utf-8-sig"), newline="")))
    told = list(walk(client, "cohorts", by=by, per_page=2))
    assert [row["label"] for row in told][-1] == "All customers"
    assert [_as_in_the_file(row, by) for row in told] == [
        {name: cell for name, cell in row.items() if cell and name != "As of"} for row in rows
    ]


def _as_in_the_file(row: Told, by: str) -> dict[str, str]:
    weeks = {f"Week {week['week']}: {what}": week[what] for week in row["retention"] for what in ("active", "of")}
    cells = {
        "Cohort" if by == "cohort" else "Signup month": row["label"],
        "Customers": row["size"],
        "Onboarded": row["onboarded"],
        "Onboarded %": row["onboarding_rate"],
        "Median days to value": (row["median_time_to_value"] or "").removesuffix("d"),
        "Average days to value": (row["mean_time_to_value"] or "").removesuffix("d"),
        "Success rate %": row["success_rate"],
        "Average score": row["mean_score"],
        "Champion": row["statuses"]["champion"],
        "Healthy": row["statuses"]["healthy"],
        "Needs attention": row["statuses"]["needs_attention"],
        "At risk": row["statuses"]["at_risk"],
        "Inactive": row["statuses"]["inactive"],
        **weeks,
    }
    return {name: str(cell) for name, cell in cells.items() if cell not in (None, "")}


def test_a_cohorts_query_leads_to_its_members(client: Client) -> None:
    for row in walk(client, "cohorts"):
        assert len(get(client, f"customers?{row['query']}")["results"]) == row["size"]


def test_values_that_are_not_understood(client: Client) -> None:
    assert refused(client.get("/api/v1/cohorts?by=size")) == {"#/by": "Allowed: cohort, month."}
    assert refused(client.get("/api/v1/portfolio?as_of=")) == {"#/as_of": "Allowed: a day as 2025-05-10."}


@pytest.mark.parametrize("path", ["portfolio", "portfolio/days", "cohorts", "customers/c1001/history"])
def test_few_queries(client: Client, path: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        get(client, path)
    assert len(queries) <= 9


READ = [
    *("customers", "customers/c1001", "customers/c1001/timeline", "customers/c1001/history", "snapshots", "portfolio"),
    *("portfolio/days", "cohorts", "alerts", "tasks", "runs", "reports"),
]


@pytest.mark.parametrize("path", READ)
def test_what_has_not_changed_is_not_sent_again(client: Client, path: str) -> None:
    known = {"If-None-Match": client.get(f"/api/v1/{path}").headers["ETag"]}
    assert client.get(f"/api/v1/{path}", headers=known).status_code == 304
    trail.record(trail.Action.CHANGE, "something")
    assert client.get(f"/api/v1/{path}", headers=known).status_code == 200


@pytest.mark.parametrize("path", READ)
def test_nothing_else_is_taken(client: Client, path: str) -> None:
    assert list(refused(client.get(f"/api/v1/{path}?nothing=1"))) == ["#/nothing"]


def test_before_anything_is_scored() -> None:
    PortfolioDay.objects.all().delete()
    client = token_client(make_token())
    assert client.get("/api/v1/portfolio").status_code == 404
    for path in ("portfolio/days", "cohorts", "customers/c1001/history"):
        assert get(client, path) == {"as_of": None, "next": None, "results": []}


# --- One customer -------------------------------------------------------------------------------------------------


def test_acme_is_explained_as_in_the_mock_up(client: Client) -> None:
    told = get(client, "customers/c1001")
    assert (told["id"], told["organization"], told["as_of"]) == ("c1001", "Acme Inc.", "2025-05-10")
    assert (told["snapshot"]["score"], told["snapshot"]["status"]) == (45, "at_risk")
    assert [(one["name"], one["points"], one["maximum"], one["reason"]) for one in told["components"]] == [
        ("activity", 20, 30, "4 active days in the last 7"),
        ("pr_success", 0, 25, "no PR generated in the last 30 days"),
        ("adoption", 15, 20, "account, GitHub Action, first issue; not yet: first PR"),
        ("support", 10, 15, "2 support requests in the last 30 days, no CSAT answer in 90"),
        ("nps", None, 10, "no answer in the last 180 days, counts 0"),
    ]
    assert (told["components"][0]["first_day"], told["components"][0]["last_day"]) == ("2025-05-04", "2025-05-10")
    assert [one["step"] for one in told["onboarding"] if not one["done"]] == ["first_pr_generated"]
    assert get(client, "customers/c1001", as_of=BEFORE)["snapshot"]["date"] == "2025-05-09"


def test_the_detail_says_what_the_list_says(client: Client) -> None:
    for row in walk(client, "customers"):
        told = get(client, f"customers/{row['id']}")
        assert {name: told[name] for name in row} == row


def test_there_is_no_such_customer(client: Client) -> None:
    for path in ("c9", "c9/timeline", "c9/history", "%C3%A4", "c1001/nothing"):
        assert client.get(f"/api/v1/customers/{path}").status_code == 404, path
