"""Feeds that list everything each night: rows that are gone, onboarding's one row, when a step was first seen."""

from datetime import date
from pathlib import Path

import pytest
from django.db.models import Model

from customers.imports import onboarding
from customers.models import (
    Customer,
    CustomerCare,
    Onboarding,
    StepSighting,
)
from tests.factories import csv_row, make_staff, write_feed, write_feeds
from tests.support.loading import (
    ALL_STEPS,
    NO_STEPS,
    STEPS,
    customer_row,
    engagement_on,
    load,
    onboarding_row,
    states,
    write_bytes,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_10_may")]


# --- Full feeds --------------------------------------------------------------------------------------------------


def missing(model: type[Model]) -> dict[str, int | None]:
    return dict(model.objects.values_list("pk", "missing_since"))


def test_a_row_gone_from_a_full_feed_is_marked_and_not_deleted(tmp_path: Path) -> None:
    onboarding = [csv_row("onboarding", id="o1", customer_id="c1"), csv_row("onboarding", id="o2", customer_id="c2")]
    load(write_feeds(tmp_path, customers=[customer_row(1), customer_row(2)], onboarding=onboarding))
    gone = load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=onboarding[:1]))
    assert missing(Customer) == {"c1": None, "c2": gone["customers"].run}
    assert missing(Onboarding) == {"o1": None, "o2": gone["onboarding"].run}
    assert {feed: (one.missing, one.returned) for feed, one in gone.items()} == {
        "customers": (1, 0),
        "onboarding": (1, 0),
        "engagement": (0, 0),
    }

    still = load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=onboarding[:1]))
    assert still["customers"].run != gone["customers"].run
    assert (still["customers"].missing, still["customers"].returned) == (0, 0)
    assert missing(Customer) == {"c1": None, "c2": gone["customers"].run}

    # By force, because these are the very files of the first night.
    back = load(write_feeds(tmp_path, customers=[customer_row(1), customer_row(2)], onboarding=onboarding), force=True)
    assert states(back["customers"]) == (0, 0, 2, 0)
    assert (back["customers"].missing, back["customers"].returned) == (0, 1)
    assert missing(Customer) == {"c1": None, "c2": None}
    assert missing(Onboarding) == {"o1": None, "o2": None}


def test_a_row_that_is_there_but_quarantined_is_not_missing(tmp_path: Path) -> None:
    load(write_feeds(tmp_path, customers=[customer_row(1), customer_row(2), customer_row(3)]))
    rows = [customer_row(1, signup_date="soon"), customer_row(2), customer_row(2, cohort="Other")]
    outcome = load(write_feeds(tmp_path, customers=rows))["customers"]
    assert missing(Customer) == {"c1": None, "c2": None, "c3": outcome.run}


def test_what_staff_enter_by_hand_stays(tmp_path: Path) -> None:
    load(write_feeds(tmp_path, customers=[customer_row(1), customer_row(2)]))
    owner = make_staff()
    CustomerCare.objects.create(customer_id="c1", owner=owner, notes="Call on Monday")
    CustomerCare.objects.create(customer_id="c2", owner=owner, notes="Leaves soon")
    load(write_feeds(tmp_path, customers=[customer_row(1, organization="Other Ltd")]))
    assert list(CustomerCare.objects.order_by("pk").values_list("customer_id", "owner", "notes")) == [
        ("c1", owner.pk, "Call on Monday"),
        ("c2", owner.pk, "Leaves soon"),
    ]


# --- Onboarding: one row for a customer --------------------------------------------------------------------------


def stored_onboarding() -> dict[str, tuple[str, str]]:
    return {row.pk: (row.customer_id, row.notes) for row in Onboarding.objects.all()}


def test_the_first_valid_row_of_a_customer_is_taken_and_later_ones_are_quarantined(tmp_path: Path) -> None:
    rows = [
        onboarding_row("o1", "c1", first_pr_generated="maybe"),
        onboarding_row("o2", "c1", notes="taken"),
        onboarding_row("o3", "c1", notes="later"),
        onboarding_row("o4", "c2"),
        onboarding_row("o5", "c1", completed_date="soon"),
    ]
    outcome = load(write_feeds(tmp_path, customers=[customer_row(1), customer_row(2)], onboarding=rows))["onboarding"]
    assert states(outcome) == (2, 0, 0, 3)
    second = "customer_id: c1 has a row already, on line 3"
    assert outcome.problems == [
        {
            "line": 2,
            "reasons": ["first_pr_generated: 'maybe' is neither true nor false (true/false, yes/no, 1/0, t/f)"],
        },
        {"line": 4, "reasons": [second]},
        {"line": 6, "reasons": ["completed_date: 'soon' is not a date of the form YYYY-MM-DD", second]},
    ]
    assert stored_onboarding()["o2"] == ("c1", "taken")
    assert set(stored_onboarding()) == {"o2", "o4"}


def test_of_differing_rows_with_one_id_none_is_the_first_valid_one(tmp_path: Path) -> None:
    rows = [
        onboarding_row("o1", "c1", notes="a"),
        onboarding_row("o1", "c1", notes="b"),
        onboarding_row("o2", "c1", notes="taken"),
    ]
    outcome = load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=rows))["onboarding"]
    assert states(outcome) == (1, 0, 0, 2)
    assert stored_onboarding() == {"o2": ("c1", "taken")}


def test_a_new_id_replaces_the_old_row_that_is_gone_from_the_file(tmp_path: Path) -> None:
    customers = [customer_row(1), customer_row(2)]
    load(
        write_feeds(tmp_path, customers=customers, onboarding=[onboarding_row("o1", "c1"), onboarding_row("o2", "c2")])
    )
    rows = [onboarding_row("o9", "c1", notes="new"), onboarding_row("o2", "c2")]
    outcome = load(write_feeds(tmp_path, customers=customers, onboarding=rows))["onboarding"]
    assert states(outcome) == (0, 1, 1, 0)
    assert stored_onboarding() == {
        "o9": ("c1", "new"),
        "o2": ("c2", "Needs help with repository permissions"),
    }
    assert Onboarding.objects.values_list("run", "line", "missing_since").get(pk="o9") == (outcome.run, 2, None)


def test_two_customers_may_swap_their_rows(tmp_path: Path) -> None:
    customers = [customer_row(1), customer_row(2)]
    rows = [onboarding_row("o1", "c1", notes="1"), onboarding_row("o2", "c2", notes="2")]
    load(write_feeds(tmp_path, customers=customers, onboarding=rows))
    rows = [onboarding_row("o1", "c2", notes="1"), onboarding_row("o2", "c1", notes="2")]
    outcome = load(write_feeds(tmp_path, customers=customers, onboarding=rows))["onboarding"]
    assert states(outcome) == (0, 2, 0, 0)
    assert stored_onboarding() == {"o1": ("c2", "1"), "o2": ("c1", "2")}


def test_a_row_may_move_to_a_customer_who_had_none(tmp_path: Path) -> None:
    customers = [customer_row(1), customer_row(2)]
    load(write_feeds(tmp_path, customers=customers, onboarding=[onboarding_row("o1", "c1")]))
    outcome = load(write_feeds(tmp_path, customers=customers, onboarding=[onboarding_row("o1", "c2", notes="moved")]))
    assert states(outcome["onboarding"]) == (0, 1, 0, 0)
    assert stored_onboarding() == {"o1": ("c2", "moved")}


def test_a_row_may_move_to_a_customer_who_had_another(tmp_path: Path) -> None:
    customers = [customer_row(1), customer_row(2)]
    load(
        write_feeds(tmp_path, customers=customers, onboarding=[onboarding_row("o1", "c1"), onboarding_row("o2", "c2")])
    )
    outcome = load(write_feeds(tmp_path, customers=customers, onboarding=[onboarding_row("o1", "c2", notes="moved")]))
    assert states(outcome["onboarding"]) == (0, 1, 0, 0)
    assert stored_onboarding() == {"o1": ("c2", "moved")}


@pytest.mark.parametrize(
    ("completed", "said", "derived", "warning"),
    [
        ("2025-05-04", "", 3, ""),
        ("2025-05-04", "3", 3, ""),
        ("2025-05-04", "4", 3, "line 2 (4, derived 3)"),
        ("2025-05-01", "", 0, ""),
        ("2025-05-01", "1", 0, "line 2 (1, derived 0)"),
        ("", "", None, ""),
        ("", "5", None, "line 2 (5, derived none)"),
    ],
    ids=["blank", "agrees", "disagrees", "same-day", "same-day-disagrees", "not-completed", "not-completed-disagrees"],
)
def test_days_to_complete_is_derived(
    completed: str, said: str, derived: int | None, warning: str, tmp_path: Path
) -> None:
    rows = [onboarding_row("o1", "c1", completed_date=completed, days_to_complete=said)]
    outcome = load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=rows))["onboarding"]
    assert states(outcome) == (1, 0, 0, 0)
    assert Onboarding.objects.get().days_to_complete == derived
    prefix = "days_to_complete disagrees with completed_date - signup_date, the derived value is used: "
    assert outcome.warnings == ([prefix + warning] if warning else [])


def test_days_follow_the_signup_date_and_count_leap_days(tmp_path: Path) -> None:
    rows = [onboarding_row("o1", "c1", completed_date="2025-03-01")]
    load(write_feeds(tmp_path, customers=[customer_row(1, signup_date="2024-02-28")], onboarding=rows))
    assert Onboarding.objects.get().days_to_complete == 367
    outcome = load(write_feeds(tmp_path, customers=[customer_row(1, signup_date="2025-02-28")], onboarding=rows))
    assert states(outcome["onboarding"]) == (0, 1, 0, 0)
    assert Onboarding.objects.get().days_to_complete == 1


def test_many_disagreements_are_one_warning(tmp_path: Path) -> None:
    customers = [customer_row(number) for number in range(12)]
    rows = [
        onboarding_row(f"o{number}", f"c{number}", completed_date="2025-05-02", days_to_complete="7")
        for number in range(12)
    ]
    (warning,) = load(write_feeds(tmp_path, customers=customers, onboarding=rows))["onboarding"].warnings
    assert warning.endswith("line 11 (7, derived 1) and 2 more")


@pytest.mark.parametrize(
    ("completed", "reason"),
    [
        ("2025-04-30", "completed_date: 2025-04-30 is before the signup date, 2025-05-01"),
        ("2025-05-01", None),
        ("2025-05-10", None),
        ("2025-05-11", "completed_date: 2025-05-11 is after the day of the run, 2025-05-10"),
    ],
)
def test_completion_lies_between_signup_and_the_day_of_the_run(
    completed: str, reason: str | None, tmp_path: Path
) -> None:
    rows = [onboarding_row("o1", "c1", completed_date=completed)]
    outcome = load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=rows))["onboarding"]
    assert outcome.problems == ([{"line": 2, "reasons": [reason]}] if reason else [])


# --- When a step was first seen ----------------------------------------------------------------------------------


def sightings() -> dict[tuple[str, str], tuple[date | None, bool]]:
    return {
        (sighting.customer_id, sighting.step): (sighting.seen_on, sighting.at_first_import)
        for sighting in StepSighting.objects.all()
    }


def test_steps_of_the_very_first_import_are_dated_by_no_run(tmp_path: Path) -> None:
    rows = [onboarding_row("o1", "c1", **{**NO_STEPS, "account_created": "true"})]
    load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=rows, engagement=[engagement_on("2025-05-02")]))
    assert sightings() == {("c1", "account_created"): (None, True)}


def test_later_steps_are_dated_by_the_newest_engagement_after_all_feeds_of_the_night(tmp_path: Path) -> None:
    customers = [customer_row(1)]
    load(
        write_feeds(
            tmp_path,
            customers=customers,
            onboarding=[onboarding_row("o1", "c1", **NO_STEPS)],
            engagement=[engagement_on("2025-05-02")],
        )
    )
    assert sightings() == {}
    seen = [onboarding_row("o1", "c1", **{**NO_STEPS, "account_created": "true"})]
    load(write_feeds(tmp_path, customers=customers, onboarding=seen, engagement=[engagement_on("2025-05-05")]))
    assert sightings() == {("c1", "account_created"): (date(2025, 5, 5), False)}

    # Neither a flag that turns back nor one that stays is seen again; a customer who comes later is.
    customers.append(customer_row(2))
    later = [
        onboarding_row("o1", "c1", **{**NO_STEPS, "welcome_email_sent": "true"}),
        onboarding_row("o2", "c2", **{**NO_STEPS, "first_issue_tagged": "true"}),
    ]
    load(write_feeds(tmp_path, customers=customers, onboarding=later, engagement=[engagement_on("2025-05-07")]))
    load(write_feeds(tmp_path, customers=customers, onboarding=seen, engagement=[engagement_on("2025-05-09")]))
    assert sightings() == {
        ("c1", "account_created"): (date(2025, 5, 5), False),
        ("c1", "welcome_email_sent"): (date(2025, 5, 7), False),
        ("c2", "first_issue_tagged"): (date(2025, 5, 7), False),
    }


def test_without_engagement_a_step_is_dated_by_the_day_of_the_run(tmp_path: Path) -> None:
    load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=[onboarding_row("o1", "c1", **NO_STEPS)]))
    load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=[onboarding_row("o1", "c1", **ALL_STEPS)]))
    assert sightings() == {("c1", step): (date(2025, 5, 10), False) for step in STEPS}


def test_a_refused_first_onboarding_file_is_not_the_first_import(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=[customer_row(1)])
    write_bytes(tmp_path, "onboarding.csv", b"nothing\n")
    load(tmp_path)
    load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=[onboarding_row("o1", "c1", **ALL_STEPS)]))
    assert sightings() == {("c1", step): (None, True) for step in STEPS}


def test_sightings_of_a_night_that_was_cut_short_are_dated_before_the_next_one_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_feeds(tmp_path, customers=[customer_row(1)], onboarding=[onboarding_row("o1", "c1", **NO_STEPS)])
    write_feed(tmp_path, "engagement", [engagement_on("2025-05-02")])
    load(tmp_path)
    write_feed(tmp_path, "onboarding", [onboarding_row("o1", "c1", **{**NO_STEPS, "account_created": "1"})])
    with monkeypatch.context() as cut_short:
        cut_short.setattr(onboarding, "date_sightings", lambda: None)
        load(tmp_path, "onboarding")
    assert sightings() == {("c1", "account_created"): (None, False)}
    write_feed(tmp_path, "engagement", [engagement_on("2025-05-08")])
    load(tmp_path)
    assert sightings() == {("c1", "account_created"): (date(2025, 5, 2), False)}
