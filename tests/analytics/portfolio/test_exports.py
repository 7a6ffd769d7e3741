"""``export_metrics``: what the archive holds, to the byte, and what its texts are in a spreadsheet."""

import csv
import hashlib
import io
import json
from datetime import date
from pathlib import Path

import pytest

from analytics.scoring.snapshots import score_day
from customers.feeds.declarations import FEEDS
from customers.feeds.resources import RESOURCES
from customers.models import Customer, Engagement
from tests.factories import make_customer, make_engagement, make_event, make_feedback, make_onboarding, make_sighting
from tests.support.exporting import NAME, export, members
from tests.support.scoring import FIRST_POLICY, D, make_acme

pytestmark = pytest.mark.django_db

HEADER = (
    "customer_id,organization,cohort,signup_date,onboarding_complete,onboarding_percent,days_to_complete,blocker_type,"
    "total_issues_tagged,total_prs_generated,total_prs_merged,success_rate,days_active,health_score,health_status,"
    "activity,pr_success,adoption,support,nps,trend,stage,last_active,as_of,forecast_quiet,forecast_first_pr,scoring_policy,"
    "provisional_to"
)
ACME = (
    "c1001,Acme Inc.,VIP,2025-05-03,no,80,,github_permissions,5,0,0,,4,45,at_risk,20,0,15,10,,declining,"
    "initial_adoption,2025-05-07,2025-05-10,72,4,v1,"
)
CHAMPION = (
    "c1002,Best Ltd,Beta,2025-04-01,yes,100,4,,10,19,16,84,8,92,champion,30,20,20,13,9,improving,"
    "regular_usage,2025-05-10,2025-05-10,0,,v1,"
)
NOTHING_YET = "c1003,Aarhus Ø,,2025-05-10,no,0,,,0,0,0,,0,15,at_risk,0,0,0,15,,stable,new_signup,,2025-05-10,,,v1,"
HOSTILE = {
    "=1+1": "'=1+1",
    "+44 20 7946": "'+44 20 7946",
    "-cmd": "'-cmd",
    "@SUM(A1)": "'@SUM(A1)",
    "'=1+1": "''=1+1",
    "''@x": "'''@x",
    "-12.5": "-12.5",
    "'quoted'": "'quoted'",
    "plain = text": "plain = text",
}
"""Texts, and the cells that they become."""


def cells(content: bytes) -> list[list[str]]:
    """A CSV's rows, the header included."""
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


# --- What is in the archive --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("program")
def test_the_combined_metrics_have_the_columns_of_the_contract_and_a_row_for_each_customer(tmp_path: Path) -> None:
    done = export(tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.lines == [f"Exported 3 customers as of 10 May 2025 to {tmp_path / NAME}."]
    content = members(tmp_path / NAME)["combined_metrics.csv"]
    assert content.decode().split("\r\n") == [HEADER, ACME, CHAMPION, NOTHING_YET, ""]


@pytest.mark.usefixtures("program")
def test_the_forecasts_are_there_of_whoever_has_no_contract_any_more(tmp_path: Path) -> None:
    Customer.objects.filter(pk="c1001").update(status="churned")
    export(tmp_path)
    [row] = [row for row in cells(members(tmp_path / NAME)["combined_metrics.csv"]) if row[0] == "c1001"]
    assert row[-4:] == ["72", "4", "v1", ""]


@pytest.mark.usefixtures("program")
def test_the_feeds_are_there_as_their_csv_says_them(tmp_path: Path) -> None:
    acme = Customer.objects.get(pk="c1001")
    make_event(acme, D, "note", id="v1", detail='Said "yes", twice')
    Engagement.objects.exclude(customer=acme).delete()
    Engagement.objects.filter(customer=acme).exclude(issues_tagged=3).delete()
    Engagement.objects.update(id="e1")
    export(tmp_path)
    content = {name: part.decode() for name, part in members(tmp_path / NAME).items()}
    assert list(content) == [
        "customers.csv",
        "onboarding.csv",
        "engagement.csv",
        "feedback.csv",
        "events.csv",
        "combined_metrics.csv",
        "manifest.json",
    ]
    assert content["customers.csv"].split("\r\n")[:2] == [
        "id,email,organization,github_username,signup_date,cohort,industry,team_size,status",
        "c1001,john@acme.com,Acme Inc.,,2025-05-03,VIP,,15,active",
    ]
    assert content["onboarding.csv"].split("\r\n")[:3] == [
        "id,customer_id,welcome_email_sent,account_created,github_action_installed,first_issue_tagged,"
        "first_pr_generated,completed_date,days_to_complete,blocker_type,notes",
        "o-c1001,c1001,true,true,true,true,false,,,github_permissions,Customer needs help with repository permissions",
        "o-c1002,c1002,true,true,true,true,true,2025-04-05,4,,",
    ]
    assert content["engagement.csv"] == (
        "id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests\r\n"
        "e1,c1001,2025-05-05,3,0,0,0,0\r\n"
    )
    assert [row[1:] for row in cells(members(tmp_path / NAME)["feedback.csv"])] == [
        ["customer_id", "date", "nps", "csat", "comment"],
        ["c1002", "2025-05-01", "6", "5", ""],
        ["c1002", "2025-05-02", "9", "4", ""],
    ]
    assert content["events.csv"] == (
        'id,customer_id,date,kind,detail\r\nv1,c1001,2025-05-10,note,"Said ""yes"", twice"\r\n'
    )


def test_the_events_carry_the_step_dates_that_nothing_else_tells(tmp_path: Path) -> None:
    acme, other = make_acme(), make_customer(id="c1000", organization="Zebra")
    for step in ("account_created", "github_action_installed", "first_issue_tagged"):
        make_sighting(acme, step, date(2025, 5, 6))
    make_sighting(acme, "welcome_email_sent", None)  # True at the first import: the signup date stands for it.
    make_event(acme, date(2025, 5, 4), "account_created", id="v1")
    make_event(other, date(2025, 5, 4), "github_action_installed", id="v2")  # Of somebody else.
    make_sighting(other, "first_issue_tagged", date(2025, 5, 9))
    make_engagement(other, D, issues_tagged=0, support_requests=1)  # Dates no step.
    score_day(D)
    export(tmp_path)
    rows = cells(members(tmp_path / NAME)["events.csv"])[1:]
    assert [row[1:] for row in rows] == [
        ["c1001", "2025-05-04", "account_created", ""],
        ["c1000", "2025-05-04", "github_action_installed", ""],
        ["c1000", "2025-05-09", "first_issue_tagged", ""],
        ["c1001", "2025-05-06", "github_action_installed", ""],
    ]
    ids = [row[0] for row in rows]
    assert ids[:2] == ["v1", "v2"]
    assert ids[3] == "step-" + hashlib.sha256(b"c1001\ngithub_action_installed").hexdigest()[:40]


@pytest.mark.usefixtures("program")
def test_the_manifest_vouches_for_date_policy_figures_and_every_file(tmp_path: Path) -> None:
    export(tmp_path)
    content = members(tmp_path / NAME)
    manifest = json.loads(content.pop("manifest.json"))
    assert list(manifest) == ["generator", "as_of", "policy", "summary", "files", "segment_policies"]
    assert manifest["generator"] == "rsolv-customer-success"
    assert manifest["as_of"] == "2025-05-10"
    assert manifest["policy"] == {
        "name": "v1",
        "effective_from": "2000-01-01",
        **FIRST_POLICY,
        "support_points_per_request": "2.50",
        "trend_slope": "0.10",
    }
    assert manifest["summary"] == {
        "total_customers": 3,
        "active_today": 1,
        "at_risk": 2,
        "onboarding_rate": 33,
        "success_rate": 84,
        "avg_time_to_value": "4.0d",
        "onboarded": 1,
        "onboarding_day_known": 1,
    }
    assert manifest["files"] == {
        name: {"rows": len(cells(part)) - 1, "sha256": hashlib.sha256(part).hexdigest()}
        for name, part in content.items()
    }
    assert {name: part["rows"] for name, part in manifest["files"].items()} == {
        "customers.csv": 3,
        "onboarding.csv": 2,
        "engagement.csv": 12,
        "feedback.csv": 2,
        "events.csv": 0,
        "combined_metrics.csv": 3,
    }


def test_figures_that_do_not_exist_are_empty_and_null(tmp_path: Path) -> None:
    score_day(D)
    export(tmp_path)
    content = members(tmp_path / NAME)
    assert content["combined_metrics.csv"].decode() == HEADER + "\r\n"
    assert json.loads(content["manifest.json"])["summary"] == {
        "total_customers": 0,
        "active_today": 0,
        "at_risk": 0,
        "onboarding_rate": None,
        "success_rate": None,
        "avg_time_to_value": None,
        "onboarded": 0,
        "onboarding_day_known": 0,
    }


@pytest.mark.usefixtures("program")
def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    make_sighting(Customer.objects.get(pk="c1001"), "account_created", date(2025, 5, 6))
    export(tmp_path / "one")
    score_day(D)
    export(tmp_path / "two")
    assert (tmp_path / "one" / NAME).read_bytes() == (tmp_path / "two" / NAME).read_bytes()


@pytest.mark.usefixtures("program")
def test_an_earlier_date_has_what_was_known_then(tmp_path: Path) -> None:
    score_day(date(2025, 5, 5))
    done = export(tmp_path, "--as-of", "2025-05-05")
    assert done.lines == [f"Exported 2 customers as of 5 May 2025 to {tmp_path / 'rsolv_metrics_2025-05-05.zip'}."]
    content = members(tmp_path / "rsolv_metrics_2025-05-05.zip")
    assert [row[0] for row in cells(content["combined_metrics.csv"])] == ["customer_id", "c1001", "c1002"]
    assert json.loads(content["manifest.json"])["as_of"] == "2025-05-05"
    assert [path.name for path in tmp_path.iterdir()] == ["rsolv_metrics_2025-05-05.zip"]


# --- Safe for spreadsheets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "cell"), HOSTILE.items())
def test_a_text_in_any_column_is_no_formula_in_a_spreadsheet(text: str, cell: str, tmp_path: Path) -> None:
    customer = make_customer(
        id="c1", email=f"{text[:1]}x@example.com", organization=text, github_username=text, cohort=text, industry=text
    )
    make_onboarding(customer, blocker_type=text, notes=text)
    make_feedback(customer, D, csat=1, comment=text)
    make_event(customer, D, "note", detail=text)
    score_day(D)
    export(tmp_path)
    found = {}
    for name, content in members(tmp_path / NAME).items():
        if name.endswith(".csv") and name != "engagement.csv":
            header, row = cells(content)
            found[name] = dict(zip(header, row, strict=True))
    texts = {
        "customers.csv": ("organization", "github_username", "cohort", "industry"),
        "onboarding.csv": ("blocker_type", "notes"),
        "feedback.csv": ("comment",),
        "events.csv": ("detail",),
        "combined_metrics.csv": ("organization", "cohort", "blocker_type"),
    }
    for name, columns in texts.items():
        assert {column: found[name][column] for column in columns} == dict.fromkeys(columns, cell)
    email = f"{text[:1]}x@example.com"
    assert found["customers.csv"]["email"] == (f"'{email}" if text[0] in "=+-@" else email)


def test_the_admin_exports_the_columns_of_the_feed_and_safe_cells_too() -> None:
    customer = make_customer(id="c1", organization="=1+1", team_size=None)
    make_onboarding(customer, account_created=True, notes="@x", completed_date=date(2025, 5, 2))
    make_engagement(customer, D, issues_tagged=3)
    make_feedback(customer, D, nps=0, comment="-x")
    make_event(customer, D, "note", detail="'+x")
    tables = {feed.name.value: RESOURCES[feed.model]().export() for feed in FEEDS.values()}
    assert {name: table.headers for name, table in tables.items()} == {
        name: feed.column_names for name, feed in FEEDS.items()
    }
    rows = {name: table.dict[0] for name, table in tables.items()}
    assert (rows["customers"]["organization"], rows["customers"]["team_size"]) == ("'=1+1", "")
    onboarding = rows["onboarding"]
    assert (onboarding["customer_id"], onboarding["notes"], onboarding["completed_date"]) == (
        "c1",
        "'@x",
        "2025-05-02",
    )
    assert (onboarding["account_created"], onboarding["first_pr_generated"]) == ("true", "false")
    assert list(rows["engagement"].values())[1:] == ["c1", "2025-05-10", 3, 0, 0, 0, 0]
    assert list(rows["feedback"].values())[1:] == ["c1", "2025-05-10", 0, "", "'-x"]
    assert list(rows["events"].values())[1:] == ["c1", "2025-05-10", "note", "''+x"]
