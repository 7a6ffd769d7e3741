"""Rows of an unknown customer wait for it, and are loaded once it is there."""

from datetime import date
from pathlib import Path

import pytest

from customers.models import Customer, Engagement, Onboarding, QuarantinedRow, StepSighting
from tests.factories import csv_row, make_customer, make_onboarding, write_feed, write_feeds
from tests.support.loading import customer_row, load, onboarding_row, states, write_bytes
from tests.support.quarantined_rows import UNKNOWN, engagement_row, load_engagement, reasons, waiting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_10_may")]


@pytest.mark.parametrize("feed", ["onboarding", "engagement", "feedback", "events"])
def test_an_unknown_customer_is_quarantined_in_every_feed(feed: str, tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=[customer_row(1)])
    write_feed(tmp_path, feed, [csv_row(feed, id="x1", customer_id="c9"), csv_row(feed, id="x2", customer_id="c1")])
    outcome = load(tmp_path)[feed]
    assert states(outcome) == (1, 0, 0, 1)
    assert outcome.problems == [{"line": 2, "reasons": [UNKNOWN]}]
    assert QuarantinedRow.objects.get().waits_for_customer


def test_an_orphan_is_loaded_by_its_feeds_own_run_once_the_customer_is_there(tmp_path: Path) -> None:
    first = load_engagement(tmp_path, engagement_row("e1"), engagement_row("e2", "c9", issues_tagged="7"))
    assert waiting() == {"e2": "open"}
    unchanged = load_engagement(tmp_path, engagement_row("e1"))
    assert (states(unchanged), unchanged.retried, waiting()) == ((0, 0, 1, 0), 0, {"e2": "open"})

    customers = [customer_row(1), customer_row(9)]
    outcomes = load(write_feeds(tmp_path, customers=customers, engagement=[engagement_row("e1")]))
    assert {name: outcome.retried for name, outcome in outcomes.items()} == {
        "customers": 0,
        "onboarding": 0,
        "engagement": 1,
    }
    assert states(outcomes["engagement"]) == (0, 0, 1, 0)
    assert Engagement.objects.values_list("customer_id", "issues_tagged", "run", "line").get(pk="e2") == (
        *("c9", 7, first.run, 3),
    )
    row = QuarantinedRow.objects.get()
    assert (row.status, row.resolved_by_id) == ("loaded", outcomes["engagement"].run)
    again = load(tmp_path)["engagement"]
    assert (states(again), again.retried) == ((0, 0, 1, 0), 0)


def test_an_orphan_that_is_still_in_the_file_counts_as_retried_and_as_unchanged(tmp_path: Path) -> None:
    rows = [engagement_row("e1"), engagement_row("e2", "c9")]
    load_engagement(tmp_path, *rows)
    load_engagement(tmp_path, *rows)
    assert list(QuarantinedRow.objects.order_by("pk").values_list("status", flat=True)) == ["superseded", "open"]
    customers = [customer_row(1), customer_row(9)]
    outcome = load(write_feeds(tmp_path, customers=customers, engagement=rows))["engagement"]
    assert (states(outcome), outcome.retried) == ((0, 0, 2, 0), 1)
    assert not QuarantinedRow.objects.filter(status="open").exists()


def test_the_customers_run_retries_the_feeds_that_do_not_come_with_it(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=[customer_row(1)])
    for feed, key in (("onboarding", "o9"), ("engagement", "e9"), ("feedback", "f9"), ("events", "v9")):
        write_feed(tmp_path, feed, [csv_row(feed, id=key, customer_id="c9")])
    load(tmp_path)
    assert len(waiting()) == 4
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(9)])
    outcome = load(tmp_path, "customers")["customers"]
    assert (states(outcome), outcome.retried) == ((1, 0, 1, 0), 4)
    assert set(waiting().values()) == {"loaded"}
    assert Onboarding.objects.get().pk == "o9"
    assert StepSighting.objects.filter(customer="c9", run=outcome.run, at_first_import=False).count() == 3


def test_a_run_without_customers_retries_its_own_feed_alone(tmp_path: Path) -> None:
    write_feeds(tmp_path, engagement=[engagement_row("e9", "c9")], events=[csv_row("events", customer_id="c9")])
    load(tmp_path)
    make_customer(id="c9")
    outcome = load(tmp_path, "engagement")["engagement"]
    assert (states(outcome), outcome.retried) == ((0, 0, 1, 0), 1)
    assert waiting() == {"e9": "loaded", "v2001": "open"}


def test_a_retried_row_never_overwrites_a_newer_one_with_its_key(tmp_path: Path) -> None:
    load_engagement(tmp_path, engagement_row("e1", "c9", issues_tagged="1"))
    load_engagement(tmp_path, engagement_row("e1", "c1", issues_tagged="2"))
    assert waiting() == {"e1": "superseded"}
    customers = [customer_row(1), customer_row(9)]
    outcome = load(write_feeds(tmp_path, customers=customers))["engagement"]
    assert outcome.retried == 0
    assert Engagement.objects.values_list("customer_id", "issues_tagged").get() == ("c1", 2)


def test_a_row_that_came_by_another_way_is_not_overwritten_either(tmp_path: Path) -> None:
    """The quarantined row is still open here, because no file brought the newer one."""
    load_engagement(tmp_path, engagement_row("e1", "c9", issues_tagged="1"))
    Engagement.objects.create(
        id="e1", customer=Customer.objects.get(), date=date(2025, 5, 1), issues_tagged=2, run_id=1, line=2
    )
    outcome = load(write_feeds(tmp_path, customers=[customer_row(1), customer_row(9)]))["engagement"]
    assert (outcome.retried, waiting()) == (0, {"e1": "superseded"})
    assert Engagement.objects.get().issues_tagged == 2


def test_a_retried_onboarding_never_replaces_the_row_its_customer_has(tmp_path: Path) -> None:
    load(write_feeds(tmp_path, onboarding=[onboarding_row("old", "c9")]))
    make_onboarding(make_customer(id="c9"), id="new")
    write_feed(tmp_path, "customers", [customer_row(9)])
    assert load(tmp_path, "customers")["customers"].retried == 0
    assert (waiting(), Onboarding.objects.get().pk) == ({"old": "superseded"}, "new")


def test_a_retried_onboarding_gives_way_to_the_files_own_row(tmp_path: Path) -> None:
    load(write_feeds(tmp_path, onboarding=[onboarding_row("old", "c9")]))
    rows = [onboarding_row("new", "c9")]
    outcome = load(write_feeds(tmp_path, customers=[customer_row(9)], onboarding=rows))["onboarding"]
    assert (states(outcome), outcome.retried) == ((0, 1, 0, 0), 1)
    assert Onboarding.objects.get().pk == "new"


def test_of_two_waiting_onboardings_the_first_is_taken(tmp_path: Path) -> None:
    load(write_feeds(tmp_path, onboarding=[onboarding_row("o1", "c9"), onboarding_row("o2", "c9")]))
    write_feed(tmp_path, "customers", [customer_row(9)])
    assert load(tmp_path, "customers")["customers"].retried == 1
    assert Onboarding.objects.get().pk == "o1"


def test_a_retried_row_is_checked_like_any_other(tmp_path: Path) -> None:
    rows = [
        onboarding_row("o1", "c9", completed_date="2025-04-30"),
        onboarding_row("o2", "c8", completed_date="2025-05-03"),
    ]
    load(write_feeds(tmp_path, onboarding=rows))
    write_feed(tmp_path, "customers", [customer_row(9), customer_row(8)])
    assert load(tmp_path, "customers")["customers"].retried == 1
    assert Onboarding.objects.values_list("pk", "days_to_complete").get() == ("o2", 2)
    assert waiting() == {"o1": "open", "o2": "loaded"}


def test_a_refused_file_does_not_keep_orphans_waiting(tmp_path: Path) -> None:
    load_engagement(tmp_path, engagement_row("e1", "c9"))
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(9)])
    write_bytes(tmp_path, "engagement.csv", b"nothing\n")
    outcomes = load(tmp_path)
    assert [(outcome.status, outcome.retried) for outcome in outcomes.values()] == [
        ("loaded", 1),
        ("loaded", 0),
        ("refused", 0),
    ]
    assert waiting() == {"e1": "loaded"}
    assert Engagement.objects.get().pk == "e1"


def test_a_retried_row_that_is_bad_for_another_reason_says_so_and_waits_no_more(tmp_path: Path) -> None:
    late = onboarding_row("o9", "c9", completed_date="2025-04-01")
    load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=[late]))
    write_feeds(tmp_path, customers=[customer_row(1), customer_row(9)], onboarding=[])
    outcomes = load(tmp_path, "customers", "onboarding")
    assert outcomes["onboarding"].retried == 0
    row = QuarantinedRow.objects.get()
    assert row.reasons == ["completed_date: 2025-04-01 is before the signup date, 2025-05-01"]
    assert row.waits_for_customer is False


def test_a_row_that_cannot_be_split_is_not_missing_from_the_feed(tmp_path: Path) -> None:
    load(write_feeds(tmp_path, customers=[customer_row(1), customer_row(2)]))
    header = ",".join(csv_row("customers"))
    write_bytes(tmp_path, "customers.csv", f"{header}\nc1,a@x.example,Acme, Inc,,2025-05-01,,,,\n".encode())
    outcome = load(tmp_path, "customers")["customers"]
    assert states(outcome) == (0, 0, 0, 1)
    assert dict(Customer.objects.values_list("pk", "missing_since")) == {"c1": None, "c2": outcome.run}


def test_a_guessed_key_is_no_duplicate(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=[customer_row(1)])
    header = ",".join(csv_row("engagement"))
    write_bytes(tmp_path, "engagement.csv", f"{header}\ne1,c1,2025-05-02,1,0,0,0,0\ne1,c1,x\n".encode())
    load(tmp_path, "customers")
    outcome = load(tmp_path, "engagement")["engagement"]
    assert states(outcome) == (1, 0, 0, 1)
    assert reasons(outcome) == {3: ["row: has 3 cells, the header has 8"]}


def test_a_missing_file_does_not_keep_orphans_waiting(tmp_path: Path) -> None:
    load_engagement(tmp_path, engagement_row("e1", "c9"))
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(9)])
    (tmp_path / "engagement.csv").unlink()
    outcomes = load(tmp_path)
    assert (outcomes["customers"].retried, outcomes["engagement"].status) == (1, "refused")
    assert waiting() == {"e1": "loaded"}


def test_a_waiting_row_of_an_older_layout_is_left_alone(tmp_path: Path) -> None:
    load_engagement(tmp_path, engagement_row("e1", "c9"))
    QuarantinedRow.objects.update(cells=["e1", "c9", "2025-05-02"])
    outcome = load(write_feeds(tmp_path, customers=[customer_row(9)]))["engagement"]
    assert (outcome.status, outcome.retried) == ("loaded", 0)
