"""What an undo leaves as it is: rows that changed since, customers whom others need, and what is there no more."""

from pathlib import Path

import pytest

from analytics.models import Task
from customers.models import Customer, CustomerCare, Engagement, Onboarding, QuarantinedRow, StepSighting
from customers.runs.undo import undo
from tests.factories import csv_row, make_engagement, write_feed, write_feeds
from tests.support.loading import load
from tests.support.undoing import (
    TODAY,
    counts,
    customer_rows,
    data,
    engagement_rows,
    left,
    newest,
    newest_file,
    onboarding_rows,
    quarantine,
    undo_newest,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fixed_day")]


# --- Rows -------------------------------------------------------------------------------------------------------


def test_rows_changed_by_a_later_run_are_left_and_listed(drop: Path) -> None:
    write_feed(drop, "engagement", engagement_rows(1, 2, 3, 4, issues_tagged="7"))
    load(drop, "engagement")
    first = newest("engagement")
    write_feed(drop, "engagement", [*engagement_rows(1, issues_tagged="8"), *engagement_rows(3, issues_tagged="9")])
    load(drop, "engagement")
    later = newest("engagement")
    undoing = undo(first, "test")
    assert counts(undoing) == {"updated": 1, "deleted": 1, "unchanged": 2}
    why = f"changed since by run {later.pk}"
    assert left(undoing) == [("engagement", "e1", why), ("engagement", "e3", why)]
    assert undoing.warnings == [f"2 engagement rows left: {why} (such as e1)"]
    assert dict(Engagement.objects.values_list("pk", "issues_tagged")) == {"e1": 8, "e2": 5, "e3": 9}
    # What was left is no part of the undo: undoing that leaves it alone again.
    assert counts(undo(undoing, "test")) == {"created": 1, "updated": 1}
    assert dict(Engagement.objects.values_list("pk", "issues_tagged")) == {"e1": 8, "e2": 7, "e3": 9, "e4": 7}


def test_a_customer_with_a_task_stays_with_it(drop: Path) -> None:
    write_feed(drop, "customers", customer_rows(1, 2, 3, 4))
    load(drop, "customers")
    Task.objects.create(customer_id="c3", what="Call them", due=TODAY)
    undoing = undo(newest("customers"), "test")
    assert left(undoing) == [("customer", "c3", "still has tasks")]
    assert (Task.objects.get().customer_id, Customer.objects.filter(pk="c4").exists()) == ("c3", False)


def test_customers_whom_others_need_are_left_and_listed(drop: Path) -> None:
    write_feed(drop, "customers", customer_rows(1, 2, 3, 4, 5))
    load(drop, "customers")
    created = newest("customers")
    CustomerCare.objects.create(customer_id="c3", notes="ours")
    make_engagement(Customer.objects.get(pk="c4"), TODAY, id="other")
    undoing = undo(created, "test")
    assert counts(undoing) == {"deleted": 1, "unchanged": 2}
    assert left(undoing) == [
        ("customer", "c3", "still has assignments"),
        ("customer", "c4", "still has engagement"),
    ]
    assert sorted(Customer.objects.values_list("pk", flat=True)) == ["c1", "c2", "c3", "c4"]
    assert CustomerCare.objects.get().notes == "ours"


def test_a_row_does_not_come_back_to_a_customer_who_is_gone(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=customer_rows(1), onboarding=onboarding_rows(1), engagement=engagement_rows(1))
    load(tmp_path)
    undone = [undo_newest(feed) for feed in ("engagement", "onboarding", "customers")]
    assert all(not rows for rows in data().values())
    again = undo(undone[0], "test")
    assert left(again) == [("engagement", "e1", "there is no customer c1")]
    assert counts(again) == {"unchanged": 1}
    assert Engagement.objects.count() == 0


def test_a_row_does_not_come_back_where_its_customer_has_another(drop: Path) -> None:
    write_feed(drop, "onboarding", [*onboarding_rows(1), csv_row("onboarding", id="new", customer_id="c2")])
    load(drop, "onboarding")
    replaced = newest("onboarding")
    write_feed(drop, "onboarding", [*onboarding_rows(1), csv_row("onboarding", id="newer", customer_id="c2")])
    load(drop, "onboarding")
    undoing = undo(replaced, "test")
    assert left(undoing) == [("onboarding", "o2", "its customer has another row now")]
    assert sorted(Onboarding.objects.values_list("pk", flat=True)) == ["newer", "o1"]
    assert StepSighting.objects.filter(customer="c2").count() == 3


def test_a_row_that_a_later_file_lacks_is_left(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=customer_rows(1, 2))
    load(tmp_path, "customers")
    first = newest("customers")
    write_feed(tmp_path, "customers", customer_rows(1))
    load(tmp_path, "customers")
    undoing = undo(first, "test")
    assert left(undoing) == [("customer", "c2", f"missing from the feed since run {newest_file().pk}")]
    assert list(Customer.objects.values_list("pk", flat=True)) == ["c2"]


# --- Quarantine and sightings -------------------------------------------------------------------------------------


def test_a_row_that_came_out_of_quarantine_since_is_left_with_its_state(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=customer_rows(1), engagement=engagement_rows(1, customer_id="c2"))
    load(tmp_path)
    file = newest("engagement")
    write_feed(tmp_path, "customers", customer_rows(1, 2))
    load(tmp_path, "customers")
    undoing = undo(file, "test")
    assert left(undoing) == [("engagement", "e1", f"loaded from quarantine by run {newest('customers').pk}")]
    assert QuarantinedRow.objects.get().status == "loaded"
    undo_newest("customers")
    assert (Engagement.objects.count(), len(quarantine())) == (0, 1)


def test_a_sighting_stays_with_a_row_that_is_left(drop: Path) -> None:
    write_feed(drop, "onboarding", onboarding_rows(1, 2, first_issue_tagged="true"))
    load(drop, "onboarding")
    flagged = newest("onboarding")
    flags = {"first_issue_tagged": "true", "blocker_type": "other"}
    write_feed(drop, "onboarding", [*onboarding_rows(1, **flags), *onboarding_rows(2, first_issue_tagged="true")])
    load(drop, "onboarding")
    assert counts(undo(flagged, "test")) == {"updated": 1, "unchanged": 1}
    assert [row.customer_id for row in StepSighting.objects.filter(step="first_issue_tagged")] == ["c1"]
