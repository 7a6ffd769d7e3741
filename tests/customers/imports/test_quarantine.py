"""Rows that are not loaded: every reason, what is kept of them, and what a newer file makes obsolete."""

import hashlib
from pathlib import Path
from shutil import copyfile

import pytest

from customers.models import Customer, Engagement, ImportRun, QuarantinedRow
from tests.factories import csv_row, write_feeds
from tests.support import DATA
from tests.support.loading import customer_row, load, onboarding_row, states, write_bytes
from tests.support.quarantined_rows import UNKNOWN, engagement_row, load_engagement, reasons

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_10_may")]


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
            "email: 'dev' is not an email address",
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
