"""Rows that are not loaded: every reason, what is kept of them, how they come back, and when a file is refused."""

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from customers.feeds.reader import CsvReader
from customers.imports import load as loader
from customers.imports.checks.guardrails import Guardrails
from customers.models import Customer, Engagement, ImportRun, Onboarding, QuarantinedRow, StepSighting
from tests.factories import csv_row, make_customer, make_onboarding, write_feed, write_feeds
from tests.support import DATA
from tests.support.loading import load, states, write_bytes

pytestmark = pytest.mark.django_db

UNKNOWN = "customer_id: there is no customer c9"


@pytest.fixture(autouse=True)
def on_10_may(today_is: Callable[[date], None]) -> None:
    today_is(date(2025, 5, 10))


def customer_row(number: int, **overrides: str) -> dict[str, str]:
    return csv_row("customers", id=f"c{number}", **overrides)


def engagement_row(key: str, customer: str = "c1", **overrides: str) -> dict[str, str]:
    return csv_row("engagement", id=key, customer_id=customer, **overrides)


def onboarding_row(key: str, customer: str = "c1", **overrides: str) -> dict[str, str]:
    return csv_row("onboarding", id=key, customer_id=customer, **overrides)


def load_engagement(folder: Path, *rows: dict[str, str], **options: Any) -> Any:
    """Load these rows for the one customer c1."""
    return load(write_feeds(folder, customers=[customer_row(1)], engagement=rows), **options)["engagement"]


def reasons(outcome: Any) -> dict[int, list[str]]:
    return {problem["line"]: problem["reasons"] for problem in outcome.problems}


def waiting() -> dict[str, str]:
    """The status of each quarantined row, by key."""
    return dict(QuarantinedRow.objects.order_by("pk").values_list("key", "status"))


# --- What is kept ------------------------------------------------------------------------------------------------

NOT_AN_ID = "is not an id: 1 to 64 ASCII letters, digits, '.', '_', ':' or '-', the first a letter or digit"
QUARANTINED: dict[str, tuple[int, list[str]]] = {
    "comma-without-quotes": (
        3,
        ["row: has 10 cells, the header has 9: is there a comma in a text without quotes?"],
    ),
    "cell-missing": (3, ["row: has 8 cells, the header has 9"]),
    "one-cell": (3, ["row: has 1 cells, the header has 9"]),
    "text-after-closing-quote": (3, ["row: text after the closing quote of cell 3"]),
    "text-after-quote-and-ragged": (
        3,
        [
            "row: text after the closing quote of cell 3",
            "row: has 10 cells, the header has 9: is there a comma in a text without quotes?",
        ],
    ),
    "after-line-breaks": (7, ["organization: is required, but blank"]),
    "control-characters": (3, ["organization: has the control character U+0007, which is not allowed"]),
    "delete-character": (3, ["organization: has the control character U+007F, which is not allowed"]),
    "other-dates-and-numbers": (
        3,
        [
            "signup_date: '20250502' is not a date of the form YYYY-MM-DD",
            "team_size: '1_000' is not a whole number (digits only)",
        ],
    ),
    "every-column-bad": (
        3,
        [
            f"id: '-c' {NOT_AN_ID}",
            "email: 'dev' is not an e-mail address",
            "organization: has 201 characters, at most 200 are allowed",
            "github_username: has 40 characters, at most 39 are allowed",
            "signup_date: '2025-W20-1' is not a date of the form YYYY-MM-DD",
            "cohort: has 101 characters, at most 100 are allowed",
            "industry: has 101 characters, at most 100 are allowed",
            "team_size: '+5' is not a whole number (digits only)",
            "status: 'gone' is none of active, trial, paused, inactive, churned",
        ],
    ),
    "required-blank": (
        3,
        [f"{name}: is required, but blank" for name in ("id", "email", "organization", "signup_date")],
    ),
}


def test_every_scenario_has_its_test() -> None:
    assert {path.stem for path in (DATA / "quarantined").glob("*.csv")} == set(QUARANTINED)


@pytest.mark.parametrize("name", QUARANTINED)
def test_a_bad_row_keeps_its_file_line_text_and_every_reason(name: str, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    copyfile(DATA / "quarantined" / f"{name}.csv", path)
    outcome = load(tmp_path, "customers")["customers"]
    line, expected = QUARANTINED[name]
    assert states(outcome) == (1, 0, 0, 1)
    assert outcome.problems == [{"line": line, "reasons": expected}]
    row = QuarantinedRow.objects.get()
    assert (row.feed, row.line, row.reasons, row.status) == ("customers", line, expected, "open")
    assert row.raw == path.read_bytes().decode().removesuffix("\n").split("\n")[-1]
    assert row.run.file == "customers.csv"
    assert row.run.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert Customer.objects.get().pk == "c2001"


def test_a_row_that_only_others_make_bad_keeps_its_raw_text_too(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=[customer_row(1)])
    content = (
        b'Date , ID,customer_id,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests,"x\r\ny"\r\n'
        b"2025-05-02,e1,c9,1,,,,,\r\n"
        b'"2025-05-02" ,e2,c1,1,,,,,\r\n'
        b'2025-05-02,e3," c9 ",1,,,,,"a\nb"\r\n'
    )
    write_bytes(tmp_path, "engagement.csv", content)
    outcome = load(tmp_path)["engagement"]
    assert reasons(outcome) == {3: [UNKNOWN], 4: ["row: text after the closing quote of cell 1"], 5: [UNKNOWN]}
    assert list(QuarantinedRow.objects.order_by("line").values_list("line", "raw", "key", "customer_key")) == [
        (3, "2025-05-02,e1,c9,1,,,,,", "e1", "c9"),
        (4, '"2025-05-02" ,e2,c1,1,,,,,', "e2", ""),
        (5, '2025-05-02,e3," c9 ",1,,,,,"a\nb"', "e3", "c9"),
    ]


# --- The same key twice ------------------------------------------------------------------------------------------


def same_key(*others: int) -> str:
    return f"id: e1 is also on line {', '.join(map(str, others))}, with other values"


def test_identical_rows_count_once_and_then_as_unchanged(tmp_path: Path) -> None:
    rows = [engagement_row("e1"), engagement_row("e2"), engagement_row("e1"), engagement_row("e1")]
    assert states(load_engagement(tmp_path, *rows)) == (2, 0, 2, 0)
    assert Engagement.objects.get(pk="e1").line == 2
    assert states(load_engagement(tmp_path, *rows)) == (0, 0, 4, 0)
    changed = [engagement_row("e1", prs_merged="9"), engagement_row("e1", prs_merged="09")]
    assert states(load_engagement(tmp_path, *changed)) == (0, 1, 1, 0)


def test_rows_that_differ_are_all_quarantined_and_name_each_other(tmp_path: Path) -> None:
    rows = [
        engagement_row("e1", prs_merged="1"),
        engagement_row("e2"),
        engagement_row("e1", prs_merged="2"),
        engagement_row("e1", prs_merged="1"),
        engagement_row("E1"),
    ]
    outcome = load_engagement(tmp_path, *rows)
    assert states(outcome) == (2, 0, 0, 3)
    assert reasons(outcome) == {2: [same_key(4, 5)], 4: [same_key(2, 5)], 5: [same_key(2, 4)]}
    assert not Engagement.objects.filter(pk="e1").exists()


def test_a_quarantined_duplicate_leaves_the_old_row_as_it_was(tmp_path: Path) -> None:
    load_engagement(tmp_path, engagement_row("e1", prs_merged="1"))
    load_engagement(tmp_path, engagement_row("e1", prs_merged="2"), engagement_row("e1", prs_merged="3"))
    assert Engagement.objects.get().prs_merged == 1


def test_a_bad_row_and_a_good_one_of_the_same_key_are_both_quarantined(tmp_path: Path) -> None:
    rows = [engagement_row("e1"), engagement_row("e1", date="soon"), engagement_row("e2"), engagement_row("e1")]
    outcome = load_engagement(tmp_path, *rows)
    assert states(outcome) == (1, 0, 0, 3)
    assert reasons(outcome) == {
        2: [same_key(3, 5)],
        3: ["date: 'soon' is not a date of the form YYYY-MM-DD", same_key(2, 5)],
        5: [same_key(2, 3)],
    }


def test_bad_rows_that_differ_name_each_other(tmp_path: Path) -> None:
    bad = "date: 'soon' is not a date of the form YYYY-MM-DD"
    outcome = load_engagement(
        tmp_path, engagement_row("e1", date="soon"), engagement_row("e1", date="soon", prs_merged="9")
    )
    assert reasons(outcome) == {2: [bad, same_key(3)], 3: [bad, same_key(2)]}


@pytest.mark.parametrize("fault", [{"date": "soon"}, {"customer_id": "c9"}], ids=["bad", "orphan"])
def test_identical_quarantined_rows_count_once_and_then_as_unchanged(fault: dict[str, str], tmp_path: Path) -> None:
    row = {**engagement_row("e1"), **fault}
    outcome = load_engagement(tmp_path, row, row, row)
    assert states(outcome) == (0, 0, 2, 1)
    assert [problem["line"] for problem in outcome.problems] == [2]


def test_bad_rows_without_a_valid_key_have_no_key_in_common(tmp_path: Path) -> None:
    outcome = load_engagement(tmp_path, engagement_row(""), engagement_row(""))
    assert reasons(outcome) == {2: ["id: is required, but blank"], 3: ["id: is required, but blank"]}


def test_a_key_on_very_many_lines_names_twenty(tmp_path: Path) -> None:
    rows = [engagement_row("e1", prs_merged=str(number)) for number in range(25)]
    outcome = load_engagement(tmp_path, *rows, force=True)
    assert outcome.quarantined == 25
    first, last = outcome.problems[0]["reasons"][0], outcome.problems[-1]["reasons"][0]
    assert first == f"id: e1 is also on line {', '.join(map(str, range(3, 23)))} and 4 more, with other values"
    assert last == f"id: e1 is also on line {', '.join(map(str, range(2, 22)))} and 4 more, with other values"


# --- Unknown customers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feed", ["onboarding", "engagement", "feedback", "events"])
def test_an_unknown_customer_is_quarantined_in_every_feed(feed: str, tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=[customer_row(1)])
    write_feed(tmp_path, feed, [csv_row(feed, id="x1", customer_id="c9"), csv_row(feed, id="x2", customer_id="c1")])
    outcome = load(tmp_path)[feed]
    assert states(outcome) == (1, 0, 0, 1)
    assert outcome.problems == [{"line": 2, "reasons": [UNKNOWN]}]
    assert QuarantinedRow.objects.get().waits_for_customer


def test_every_reason_is_listed_whatever_found_it(tmp_path: Path) -> None:
    rows = [
        engagement_row("e1", "c9", date="soon", prs_merged="-1"),
        engagement_row("e1", "c9"),
        engagement_row("e2", "c 9", date="soon"),
    ]
    outcome = load_engagement(tmp_path, *rows)
    bad_date = "date: 'soon' is not a date of the form YYYY-MM-DD"
    assert reasons(outcome) == {
        2: [bad_date, "prs_merged: '-1' is not a whole number (digits only)", same_key(3), UNKNOWN],
        3: [same_key(2), UNKNOWN],
        4: [f"customer_id: 'c 9' {NOT_AN_ID}", bad_date],
    }
    assert not QuarantinedRow.objects.filter(waits_for_customer=True).exists()


def test_onboardings_own_reasons_are_listed_together_with_others(tmp_path: Path) -> None:
    rows = [
        onboarding_row("o1", "c1"),
        onboarding_row("o2", "c1", completed_date="2025-04-30", first_pr_generated="?"),
        onboarding_row("o3", "c1", completed_date="2025-04-30"),
        onboarding_row("o3", "c1", completed_date="2025-04-29"),
    ]
    outcome = load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=rows))["onboarding"]
    second = "customer_id: c1 has a row already, on line 2"
    assert reasons(outcome) == {
        3: [
            "first_pr_generated: '?' is neither true nor false (true/false, yes/no, 1/0, t/f)",
            "completed_date: 2025-04-30 is before the signup date, 2025-05-01",
            second,
        ],
        4: [
            "id: o3 is also on line 5, with other values",
            "completed_date: 2025-04-30 is before the signup date, 2025-05-01",
            second,
        ],
        5: [
            "id: o3 is also on line 4, with other values",
            "completed_date: 2025-04-29 is before the signup date, 2025-05-01",
            second,
        ],
    }


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


# --- What a newer file makes obsolete ----------------------------------------------------------------------------


def open_rows() -> list[tuple[str, int]]:
    return list(QuarantinedRow.objects.filter(status="open").order_by("pk").values_list("feed", "line"))


def test_a_newer_row_of_the_key_or_the_same_text_supersedes(tmp_path: Path) -> None:
    ragged = b"id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests\n"
    ragged += b"x,y\ne1,c1,soon,,,,,\ne2,c1,soon,,,,,\np,q\n"
    write_feeds(tmp_path, customers=[customer_row(1)])
    write_bytes(tmp_path, "engagement.csv", ragged)
    load(tmp_path)
    newer = (
        ragged.replace(b"e1,c1,soon", b"e1,c1,2025-05-02").replace(b"p,q\n", b"").replace(b"e2,c1,soon", b"e2,c1,late")
    )
    write_bytes(tmp_path, "engagement.csv", newer)
    outcome = load(tmp_path)["engagement"]
    assert states(outcome) == (1, 0, 0, 2)
    old, new = ImportRun.objects.filter(feed="engagement").order_by("pk")
    assert dict(old.quarantined_rows.values_list("line", "status")) == {
        2: "superseded",
        3: "superseded",
        4: "superseded",
        5: "open",
    }
    assert dict(new.quarantined_rows.values_list("line", "status")) == {2: "open", 4: "open"}
    assert set(old.quarantined_rows.exclude(line=5).values_list("resolved_by", flat=True)) == {new.pk}


def test_a_full_feed_supersedes_all_that_waits_for_nobody(tmp_path: Path) -> None:
    onboarding = [onboarding_row("o1", "c1", completed_date="soon"), onboarding_row("o2", "c9")]
    load(write_feeds(tmp_path, customers=[customer_row(1), customer_row(2, team_size="x")], onboarding=onboarding))
    assert open_rows() == [("customers", 3), ("onboarding", 2), ("onboarding", 3)]
    load(write_feeds(tmp_path, customers=[customer_row(1)]))
    assert open_rows() == [("onboarding", 3)]


def test_another_feed_supersedes_nothing(tmp_path: Path) -> None:
    feedback = csv_row("feedback", id="f1", customer_id="c1", nps="11")
    write_feeds(
        tmp_path,
        customers=[customer_row(1)],
        engagement=[engagement_row("x1", date="soon")],
        feedback=[feedback],
    )
    load(tmp_path)
    rows = [csv_row("feedback", id="x1", customer_id="c1"), {**feedback, "nps": "10"}]
    load(write_feeds(tmp_path, customers=[customer_row(1)], feedback=rows))
    assert open_rows() == [("engagement", 2)]


# --- Guardrails --------------------------------------------------------------------------------------------------


def rows_with_bad(rows: int, bad: int) -> list[dict[str, str]]:
    return [engagement_row(f"e{number}", date="soon" if number < bad else "2025-05-02") for number in range(rows)]


@pytest.mark.parametrize(
    ("rows", "bad", "status"),
    [
        (19, 19, "loaded"),
        (20, 2, "loaded"),
        (20, 3, "refused"),
        (29, 2, "loaded"),
        (29, 3, "refused"),
        (30, 3, "loaded"),
        (70, 7, "loaded"),
        (70, 8, "refused"),
    ],
)
def test_more_than_a_tenth_of_at_least_20_rows(rows: int, bad: int, status: str, tmp_path: Path) -> None:
    outcome = load_engagement(tmp_path, *rows_with_bad(rows, bad))
    assert outcome.status == status
    if status == "loaded":
        assert states(outcome) == (rows - bad, 0, 0, bad)
        return
    soon = "date: 'soon' is not a date of the form YYYY-MM-DD"
    assert outcome.reason == (
        f"{bad} of {rows} rows would be quarantined, more than 10 %: line 2: {soon}; line 3: {soon}; line 4: {soon}"
    )
    assert not Engagement.objects.exists()
    assert not QuarantinedRow.objects.exists()


def test_rows_that_only_others_make_bad_count_too(tmp_path: Path) -> None:
    rows = [engagement_row(f"e{number}", "c9" if number < 3 else "c1") for number in range(20)]
    outcome = load_engagement(tmp_path, *rows)
    assert (outcome.status, str(outcome.reason)[:50]) == (
        "refused",
        "3 of 20 rows would be quarantined, more than 10 %:",
    )


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (20, 10, "loaded"),
        (20, 9, "refused"),
        (21, 11, "loaded"),
        (21, 10, "refused"),
        (19, 0, "loaded"),
        (20, 0, "refused"),
    ],
)
@pytest.mark.parametrize("feed", ["customers", "onboarding"])
def test_a_full_feed_that_lost_more_than_half_of_at_least_20_rows(
    feed: str, before: int, after: int, status: str, tmp_path: Path
) -> None:
    customers = [customer_row(number) for number in range(30)]
    rows = {
        "customers": [customer_row(number) for number in range(before)],
        "onboarding": [onboarding_row(f"o{number}", f"c{number}") for number in range(before)],
    }[feed]
    load(write_feeds(tmp_path, **{"customers": customers, feed: rows}))
    write_feed(tmp_path, feed, rows[:after])
    outcome = load(tmp_path, feed)[feed]
    assert outcome.status == status
    if status == "refused":
        assert outcome.reason == f"the file has {after} rows, the last one had {before}: more than half are gone"
        # The refused file is not the one that the next one is measured by.
        assert load(tmp_path, feed)[feed].status == "refused"


def test_the_last_accepted_run_is_the_measure(tmp_path: Path) -> None:
    customers = [customer_row(number) for number in range(60)]
    for kept, status in ((60, "loaded"), (30, "loaded"), (15, "loaded"), (59, "loaded"), (29, "refused")):
        write_feed(tmp_path, "customers", customers[:kept])
        assert load(tmp_path, "customers")["customers"].status == status


def test_history_may_shrink(tmp_path: Path) -> None:
    load_engagement(tmp_path, *rows_with_bad(40, 0))
    assert load_engagement(tmp_path, *rows_with_bad(1, 0)).status == "loaded"


def append_while_reading(path: Path) -> Callable[[Path], Callable[[int], object]]:
    """A progress callback that appends a row to ``path`` when its first bytes have been read."""
    left = [path]

    def progress_of(read: Path) -> Callable[[int], object]:
        def progress(_count: int) -> None:
            if read in left:
                left.remove(read)
                with read.open("ab") as file:
                    file.write(b"e99,c1,2025-05-02,1,,,,\n")

        return progress

    return progress_of


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_a_file_that_changed_while_it_was_read(compressed: bool, tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=[customer_row(1)])
    (tmp_path / "engagement.csv").unlink()
    path = write_feed(tmp_path, "engagement", [engagement_row("e1")], compress=compressed)
    changed = "the file changed while it was read; import it again once it is complete"
    before = path.read_bytes()
    outcome = load(tmp_path, progress=append_while_reading(path))["engagement"]
    assert outcome.status == "refused"
    assert changed in str(outcome.reason) or (compressed and "broken gzip" in str(outcome.reason))
    assert not Engagement.objects.exists()

    path.write_bytes(before)
    if not compressed:
        forced = load(tmp_path, progress=append_while_reading(path), force=True)["engagement"]
        assert forced.warnings == [f"forced by test: {changed}"]
        assert Engagement.objects.filter(pk="e1").exists()


def test_a_file_that_changes_before_its_bad_rows_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_feeds(tmp_path, customers=[customer_row(1)], engagement=[engagement_row("e1", "c9")])
    check = Guardrails.check

    def change_afterwards(self: Any, source: CsvReader) -> None:
        check(self, source)
        if self.feed.name == "engagement":
            write_feed(path, "engagement", [engagement_row("e2"), engagement_row("e1", "c9")])

    monkeypatch.setattr(Guardrails, "check", change_afterwards)
    outcome = load(tmp_path)["engagement"]
    assert outcome.reason == "the file changed while it was read; import it again once it is complete"


def test_force_lets_guardrails_pass_and_the_run_says_who(tmp_path: Path) -> None:
    customers = [customer_row(number) for number in range(20)]
    load(write_feeds(tmp_path, customers=customers))
    write_feeds(tmp_path, customers=customers[:9], engagement=rows_with_bad(20, 3))
    assert [outcome.status for outcome in load(tmp_path).values()] == ["refused", "loaded", "refused"]
    outcomes = load(tmp_path, force=True, started_by="Ann")
    assert (states(outcomes["customers"]), states(outcomes["engagement"])) == ((0, 0, 9, 0), (17, 0, 0, 3))
    assert outcomes["customers"].warnings == [
        "forced by Ann: the file has 9 rows, the last one had 20: more than half are gone"
    ]
    assert dict(ImportRun.objects.filter(status="loaded").order_by("pk").values_list("feed", "forced_by")) == {
        "customers": "Ann",
        "onboarding": "",
        "engagement": "Ann",
    }
    assert outcomes["engagement"].warnings[0].startswith("forced by Ann: 3 of 20 rows would be quarantined")


def test_a_forced_run_that_fails_has_forced_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "merge", lambda *_arguments, **_options: 1 / 0)
    outcome = load_engagement(tmp_path, *rows_with_bad(20, 3), force=True)
    assert outcome.reason == "ZeroDivisionError: division by zero"
    assert ImportRun.objects.get(pk=outcome.run).forced_by == ""


def test_several_guardrails_are_all_named(tmp_path: Path) -> None:
    customers = [customer_row(number) for number in range(60)]
    load(write_feeds(tmp_path, customers=customers))
    bad = [customer_row(number, team_size="x") for number in range(20)]
    reason = str(load(write_feeds(tmp_path, customers=bad))["customers"].reason)
    assert reason.startswith("20 of 20 rows would be quarantined, more than 10 %: ")
    assert reason.endswith("; the file has 20 rows, the last one had 60: more than half are gone")


@pytest.mark.parametrize("force", [False, True], ids=["plain", "forced"])
def test_strict_refuses_any_quarantined_row(force: bool, tmp_path: Path) -> None:
    outcome = load_engagement(tmp_path, engagement_row("e1"), engagement_row("e2", "c9"), strict=True, force=force)
    assert outcome.status == "refused"
    assert outcome.reason == f"1 of 2 rows would be quarantined, and --strict allows none: line 3: {UNKNOWN}"
    assert not Engagement.objects.exists()
    assert load_engagement(tmp_path, engagement_row("e1"), strict=True).status == "loaded"
