"""What is stored of the worklist follows an import, its undo, and the join of two customers."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from analytics.models import Forecast, Snapshot
from analytics.receivers.joined import carry_over, put_back
from analytics.scoring.snapshots import score_day
from analytics.urgency.stored import KEPT, keep_newest
from customers.models import Customer, KeyChange
from tests.factories import csv_row, make_customer, make_day, make_run, make_snapshot, write_feed
from tests.support.loading import load
from tests.support.undoing import undo_newest
from tests.support.urgency import assert_stored_as_the_rule_says, stored

pytestmark = pytest.mark.django_db
D = date(2025, 5, 10)


@pytest.fixture(autouse=True)
def the_same_day(today_is: Callable[[date], None]) -> None:
    today_is(D)


def keys() -> list[str]:
    return sorted(row[0] for row in assert_stored_as_the_rule_says())


def deliver(folder: Path, **overrides: dict[str, str]) -> None:
    """Load three customers, of whom some are other than by default."""
    rows = [
        csv_row("customers", id=key, signup_date="2025-01-01") | overrides.get(key, {}) for key in ("c1", "c2", "c3")
    ]
    write_feed(folder, "customers", rows)
    load(folder, "customers")


def test_a_contract_that_ends_and_a_later_signup_count_before_the_next_scoring(tmp_path: Path) -> None:
    """c1 is likely to go quiet, unless its contract is over; c2 is at risk, unless it signed up this week."""
    deliver(tmp_path)
    score_day(D)
    Snapshot.objects.filter(customer="c2").update(status="at_risk")
    Forecast.objects.create(date=D, customer_id="c1", quiet=900)
    keep_newest(KEPT)
    assert keys() == ["c1", "c2"]
    deliver(tmp_path, c1={"status": "paused"}, c2={"signup_date": "2025-05-09"})
    assert keys() == []
    undo_newest("customers")
    assert keys() == ["c1", "c2"]


def test_an_undone_first_import_leaves_nobody(tmp_path: Path) -> None:
    deliver(tmp_path)
    score_day(D)
    Snapshot.objects.update(status="at_risk")
    keep_newest(KEPT)
    assert len(stored()) == 3
    undo_newest("customers")
    assert (stored(), Customer.objects.count()) == ([], 0)


def test_two_customers_who_are_one_stand_once_and_apart_again() -> None:
    """c1, which vanished, was at risk on the newest date; c2 has no snapshot of it yet."""
    pair = KeyChange.objects.create(
        former=make_customer(id="c1", signup_date=date(2025, 1, 1)),
        customer=make_customer(id="c2", signup_date=date(2025, 1, 1)),
        run=make_run(),
    )
    make_day(date=D)
    make_snapshot(pair.former, status="at_risk")
    keep_newest(KEPT)
    assert keys() == ["c1"]
    pair.carried = carry_over(pair)
    assert keys() == ["c2"]
    put_back(pair)
    assert keys() == ["c1"]
