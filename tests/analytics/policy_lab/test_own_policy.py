"""Pages, files and marks name the policy that scored the very customer."""

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest
from django.test import Client

from analytics.customer_page.what_changed import what_changed
from analytics.models import PortfolioDay, ScoringPolicy, Snapshot
from analytics.portfolio.charts import health_history
from analytics.scoring.snapshots import score_day
from tests.factories import make_customer, make_engagement, make_policy, make_staff
from tests.support.exporting import NAME, export, members
from tests.support.pages import section
from tests.support.scoring import D, make_acme
from tests.support.table_export import download, read_csv, read_xlsx

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_day_after")]

THEN = date(2025, 5, 3)


@pytest.fixture
def own(client: Client) -> ScoringPolicy:
    """From 10 May on VIPs, such as Acme, have a policy of their own: an active day is 1 point. Beta Ltd has v1."""
    make_acme()
    beta = make_customer(id="beta", organization="Beta Ltd", cohort="Beta", signup_date=date(2025, 5, 3))
    make_engagement(beta, D, issues_tagged=1)
    policy = make_policy("VIPs", cohorts=["VIP"], activity_points_per_day=1)
    score_day(THEN)
    score_day(D)
    client.force_login(make_staff("Program manager"))
    return policy


def test_the_customers_page_names_it(client: Client, own: ScoringPolicy) -> None:
    assert section(client.get("/admin/customer/c1001/"), "health").endswith("Policy VIPs , for: Cohort VIP")
    assert section(client.get("/admin/customer/beta/"), "health").endswith("Policy v1")
    page = client.get("/admin/customer/c1001/").text
    assert f'<a href="/admin/analytics/scoringpolicy/{own.pk}/change/">VIPs</a>' in page


@pytest.mark.usefixtures("own")
def test_what_changed_is_by_the_customers_own_policy() -> None:
    def why(customer: str) -> list[str]:
        then, now = Snapshot.objects.select_related("policy", "customer").filter(customer=customer).order_by("date")
        return [line for part in what_changed(now.customer, then, now).parts for line in part.why]

    assert "−16: policy v1 became VIPs" in why("c1001")
    assert not [line for line in why("beta") if "policy" in line]


@pytest.mark.usefixtures("own")
def test_the_table_has_a_column_of_it_that_is_off_until_chosen(client: Client) -> None:
    assert ">Policy<" not in client.get("/admin/?owner=").text
    shown = client.get("/admin/?owner=&columns=scoring_policy&sort=scoring_policy").text
    assert ">VIPs</td>" in shown.replace("\n", "").replace("  ", "")
    assert shown.index("Beta Ltd") < shown.index("Acme Inc.")


@pytest.mark.usefixtures("own")
def test_the_files_of_the_table_have_it_last_but_one(client: Client) -> None:
    rows, manifest = read_csv(download(client, "csv", sort="customer"))
    assert [(row[1], row[-2]) for row in rows] == [
        ("Name", "scoring_policy"),
        ("Acme Inc.", "VIPs"),
        ("Beta Ltd", "v1"),
    ]
    assert (manifest["policy"], manifest["segment_policies"]) == ("v1", ["VIPs"])
    _rows, about = read_xlsx(download(client, "xlsx"))
    assert about["Scoring policy"] == "v1 and VIPs"


def test_the_nights_export_has_it(own: ScoringPolicy, tmp_path: Path) -> None:
    export(tmp_path)
    content = members(tmp_path / NAME)
    rows = csv.DictReader(io.StringIO(content["combined_metrics.csv"].decode(), newline=""))
    assert {row["customer_id"]: row["scoring_policy"] for row in rows} == {"c1001": "VIPs", "beta": "v1"}
    manifest = json.loads(content["manifest.json"])
    assert manifest["policy"]["name"] == "v1"
    [described] = manifest["segment_policies"]
    assert (described["name"], described["cohorts"], described["stages"]) == ("VIPs", ["VIP"], [])
    assert (described["effective_from"], described["activity_points_per_day"]) == ("2025-05-10", 1)


def marks(*days: dict[str, str]) -> list[tuple[str, str]]:
    v1, v2 = ScoringPolicy(pk=1, name="v1"), ScoringPolicy(pk=2, name="v2")
    counted = dict.fromkeys(("champion", "healthy", "needs_attention", "at_risk", "inactive"), 0)
    scored = [
        PortfolioDay(
            date=date(2025, 5, place),
            policy=v2 if "2" in names else v1,
            segment_policies={key: name for key, name in names.items() if key not in {"1", "2"}},
            **counted,
        )
        for place, names in enumerate(days, start=1)
    ]
    return [(mark.label, mark.text) for mark in health_history(scored).marks]


def test_the_health_history_marks_each_publishing_and_each_end() -> None:
    first, both = {"1": "v1"}, {"1": "v1", "3": "VIPs"}
    assert marks(first, first) == []
    assert marks(first, both, both, first) == [("2 May", "Policy VIPs"), ("4 May", "Policy VIPs ended")]
    # One that takes another's place is one mark, and two of one date are one.
    assert marks(both, {"1": "v1", "4": "New VIPs"}) == [("2 May", "Policy New VIPs")]
    assert marks(first, {"2": "v2", "3": "VIPs"}) == [("2 May", "Policy v2 and VIPs")]


@pytest.mark.usefixtures("own")
def test_the_dashboard_says_that_some_have_their_own(client: Client) -> None:
    said = " Some customers have a policy of their own: VIPs."
    assert said in client.get("/admin/?owner=").text
    assert said not in client.get(f"/admin/?owner=&as_of={THEN}").text
