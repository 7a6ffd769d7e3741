"""The five feeds: which values are accepted, what they are stored as, and how the header is matched."""

from datetime import date
from typing import Any

import pytest

from customers.feeds.cell_types import Key, Text
from customers.feeds.declarations import FEEDS, Column, match_header
from customers.text.quoted import quoted
from tests.factories import csv_row

TODAY = date(2025, 5, 10)
LONGEST_EMAIL = "o" * 64 + "@" + "d" * 62 + ("." + "d" * 61) * 2 + ".ee"
CONTROLS = [chr(code) for code in (*range(1, 9), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0))]

COLUMNS = {
    "customers": "id,email,organization,github_username,signup_date,cohort,industry,team_size,status",
    "onboarding": "id,customer_id,welcome_email_sent,account_created,github_action_installed,first_issue_tagged,"
    "first_pr_generated,completed_date,days_to_complete,blocker_type,notes",
    "engagement": "id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests",
    "feedback": "id,customer_id,date,nps,csat,comment",
    "events": "id,customer_id,date,kind,detail",
}


def parse(feed: str, **overrides: str) -> tuple[dict[str, Any], list[str]]:
    """The stored values of a valid row with these cells instead, and the reasons against it."""
    row = csv_row(feed, **overrides)
    names = FEEDS[feed].column_names
    values, reasons = FEEDS[feed].parse([row[name] for name in names], TODAY)
    return dict(zip(names, values, strict=True)), reasons


def case(feed: str, column: str, text: str, expected: Any) -> Any:
    """A row of a table, named by its cell."""
    cell = text if len(text) <= 24 else f"{text[:12]}({len(text)})"
    return pytest.param(feed, column, text, expected, id=f"{feed}-{column}-{cell.encode('unicode_escape').decode()}")


def test_the_feeds_are_those_of_the_specification_in_key_order() -> None:
    assert {name: ",".join(feed.column_names) for name, feed in FEEDS.items()} == COLUMNS
    assert list(FEEDS) == ["customers", "onboarding", "engagement", "feedback", "events"]
    assert [name for name, feed in FEEDS.items() if feed.required] == ["customers", "onboarding", "engagement"]
    assert [name for name, feed in FEEDS.items() if feed.full] == ["customers", "onboarding"]
    assert [feed.file_name for feed in FEEDS.values()] == [f"{name}.csv" for name in COLUMNS]


IDS = [(feed, "id") for feed in COLUMNS] + [(feed, "customer_id") for feed in COLUMNS if feed != "customers"]


@pytest.mark.parametrize(
    ("feed", "column", "text", "expected"),
    [
        *(case(feed, column, "c1001", "c1001") for feed, column in IDS),
        case("customers", "id", "7", "7"),
        case("customers", "id", "0042", "0042"),
        case("customers", "id", "A" * 64, "A" * 64),
        case("customers", "id", "Z9._:-", "Z9._:-"),
        case("customers", "email", "ops@example.com", "ops@example.com"),
        case("customers", "email", "Ops+1@Example.com", "Ops+1@Example.com"),
        case("customers", "email", LONGEST_EMAIL, LONGEST_EMAIL),
        case("customers", "organization", "é" * 200, "é" * 200),
        case("customers", "organization", "家" * 200, "家" * 200),
        case("customers", "github_username", "", ""),
        case("customers", "github_username", "g" * 39, "g" * 39),
        case("customers", "signup_date", "2000-01-01", "2000-01-01"),
        case("customers", "signup_date", "2024-02-29", "2024-02-29"),
        case("customers", "signup_date", "2025-05-10", "2025-05-10"),
        case("customers", "cohort", "", ""),
        case("customers", "cohort", "k" * 100, "k" * 100),
        case("customers", "industry", "", ""),
        case("customers", "industry", "k" * 100, "k" * 100),
        case("customers", "team_size", "", None),
        case("customers", "team_size", "0", 0),
        case("customers", "team_size", "007", 7),
        case("customers", "team_size", "2147483647", 2_147_483_647),
        case("customers", "team_size", "0" * 5000 + "7", 7),
        case("customers", "status", "", "active"),
        *(case("customers", "status", word, word) for word in ("active", "trial", "paused", "inactive", "churned")),
        case("customers", "status", "Active", "active"),
        case("customers", "status", "CHURNED", "churned"),
        *(
            case("onboarding", "account_created", word, True)
            for word in ("true", "TRUE", "True", "yes", "Yes", "1", "t", "T")
        ),
        *(
            case("onboarding", "account_created", word, False)
            for word in ("false", "FALSE", "False", "no", "NO", "0", "f", "F", "")
        ),
        case("onboarding", "welcome_email_sent", "yes", True),
        case("onboarding", "github_action_installed", "no", False),
        case("onboarding", "first_issue_tagged", "1", True),
        case("onboarding", "first_pr_generated", "t", True),
        case("onboarding", "completed_date", "", None),
        case("onboarding", "completed_date", "2025-05-10", "2025-05-10"),
        case("onboarding", "days_to_complete", "", None),
        case("onboarding", "days_to_complete", "9", 9),
        case("onboarding", "blocker_type", "b" * 100, "b" * 100),
        case("onboarding", "blocker_type", "", ""),
        case("onboarding", "notes", "", ""),
        case("onboarding", "notes", "n" * 1_000_000, "n" * 1_000_000),
        case("onboarding", "notes", "tab\there\nline\r\nend", "tab\there\nline\r\nend"),
        case("onboarding", "notes", "one\u2028two\u2029three", "one\u2028two\u2029three"),
        case("onboarding", "notes", "👩\u200d💻 \ufeff\u200b\u202e", "👩\u200d💻 \ufeff\u200b\u202e"),
        case("engagement", "date", "2025-05-10", "2025-05-10"),
        *(case("engagement", column, "", 0) for column in COLUMNS["engagement"].split(",")[3:]),
        *(case("engagement", column, "2147483647", 2_147_483_647) for column in COLUMNS["engagement"].split(",")[3:]),
        case("engagement", "prs_merged", "99", 99),
        case("feedback", "nps", "0", 0),
        case("feedback", "nps", "10", 10),
        case("feedback", "nps", "", None),
        case("feedback", "csat", "1", 1),
        case("feedback", "csat", "5", 5),
        case("feedback", "csat", "", None),
        case("feedback", "comment", "", ""),
        *(
            case("events", "kind", kind, kind)
            for kind in (
                "welcome_email_sent",
                "account_created",
                "github_action_installed",
                "first_issue_tagged",
                "first_pr_generated",
                "support_request",
                "note",
            )
        ),
        case("events", "detail", "", ""),
    ],
)
def test_value_is_accepted(feed: str, column: str, text: str, expected: Any) -> None:
    values, reasons = parse(feed, **{column: text})
    assert reasons == []
    assert values[column] == expected


NOT_DATES = [
    *("20250512", "2025-W20-1", "2025-130", "2025-5-1", "2025-02-30", "2025-13-01", "0000-01-01", "02025-01-01"),
    *(
        "2025/05/01",
        "01.05.2025",
        "2025-05-01T00:00",
        "2025-05-01 00:00",
        "\uff12\uff10\uff12\uff15-05-01",
        "today",
        "2025-05-0\u0661",
    ),
]
NOT_NUMBERS = ["-1", "+5", "1_000", "5.0", "1e3", "1,000", "\uff15", "٣", "0x10", "five", "1 000", "²", "NaN"]
NOT_IDS = [
    "",
    "_a",
    ".a",
    ":a",
    "-a",
    "a b",
    "a/b",
    "a,b",
    "é1",
    "\uff411",
    "a" * 65,
    "a\n",
    "a\u200b",
    "a\x00",
    "#1",
    "'1",
]


@pytest.mark.parametrize(
    ("feed", "column", "text", "expected"),
    [
        *(case(feed, column, "a b", "is not an id") for feed, column in IDS),
        *(case(feed, column, "", "is required") for feed, column in IDS),
        *(case("customers", "id", text, "is not an id") for text in NOT_IDS if text),
        case("customers", "email", "", "is required"),
        case("customers", "email", "nobody", "is not an email address"),
        case("customers", "email", "a@b", "is not an email address"),
        case("customers", "email", "a b@example.com", "is not an email address"),
        case("customers", "email", "a@example.com, b@example.com", "is not an email address"),
        case("customers", "email", f"{LONGEST_EMAIL}e", "has 255 characters"),
        case("customers", "organization", "", "is required"),
        case("customers", "organization", "o" * 201, "has 201 characters, at most 200"),
        case("customers", "github_username", "g" * 40, "has 40 characters, at most 39"),
        case("customers", "signup_date", "", "is required"),
        case("customers", "signup_date", "2025-05-11", "is after the day of the run"),
        case("customers", "cohort", "k" * 101, "has 101 characters, at most 100"),
        case("customers", "industry", "k" * 101, "has 101 characters, at most 100"),
        case("customers", "status", "gone", "is none of active, trial, paused, inactive, churned"),
        case("onboarding", "account_created", "maybe", "is neither true nor false"),
        case("onboarding", "account_created", "y", "is neither true nor false"),
        case("onboarding", "account_created", "2", "is neither true nor false"),
        case("onboarding", "completed_date", "2025-05-11", "is after the day of the run"),
        case("onboarding", "blocker_type", "b" * 101, "has 101 characters, at most 100"),
        case("onboarding", "notes", "n" * 1_000_001, "has 1000001 characters, at most 1000000"),
        case("engagement", "date", "", "is required"),
        case("engagement", "date", "2025-05-11", "is after the day of the run"),
        case("feedback", "date", "", "is required"),
        case("feedback", "nps", "11", "is not between 0 and 10"),
        case("feedback", "csat", "0", "is not between 1 and 5"),
        case("feedback", "csat", "6", "is not between 1 and 5"),
        case("feedback", "comment", "n" * 1_000_001, "has 1000001 characters, at most 1000000"),
        case("events", "date", "", "is required"),
        case("events", "kind", "", "is required"),
        case("events", "kind", "party", "is none of"),
        case("events", "detail", "n" * 1_000_001, "has 1000001 characters, at most 1000000"),
        *(
            case(feed, column, text, "is not a date of the form YYYY-MM-DD")
            for feed, column in (
                ("customers", "signup_date"),
                ("onboarding", "completed_date"),
                ("engagement", "date"),
                ("feedback", "date"),
                ("events", "date"),
            )
            for text in NOT_DATES
        ),
        *(
            case(feed, column, "1999-12-31", "is before 2000-01-01")
            for feed, column in (
                ("customers", "signup_date"),
                ("onboarding", "completed_date"),
                ("engagement", "date"),
                ("feedback", "date"),
                ("events", "date"),
            )
        ),
        *(
            case(feed, column, text, "is not a whole number")
            for feed, column in (
                ("customers", "team_size"),
                ("onboarding", "days_to_complete"),
                ("feedback", "nps"),
                ("feedback", "csat"),
                *(("engagement", column) for column in COLUMNS["engagement"].split(",")[3:]),
            )
            for text in NOT_NUMBERS
        ),
        *(
            case(feed, column, text, "is not between 0 and 2147483647")
            for feed, column in (
                ("customers", "team_size"),
                ("onboarding", "days_to_complete"),
                *(("engagement", column) for column in COLUMNS["engagement"].split(",")[3:]),
            )
            for text in ("2147483648", "99999999999999999999", "9" * 5000)
        ),
    ],
)
def test_value_is_not_accepted(feed: str, column: str, text: str, expected: str) -> None:
    values, reasons = parse(feed, **{column: text})
    assert len(reasons) == 1
    assert reasons[0].startswith(f"{column}: ")
    assert expected in reasons[0]
    assert values[column] is None


@pytest.mark.parametrize("control", CONTROLS, ids=lambda char: f"U+{ord(char):04X}")
@pytest.mark.parametrize(
    ("feed", "column"),
    [("customers", "organization"), ("onboarding", "notes"), ("feedback", "comment"), ("events", "detail")],
)
def test_control_characters_are_not_accepted(feed: str, column: str, control: str) -> None:
    _values, reasons = parse(feed, **{column: f"a{control}b"})
    assert reasons == [f"{column}: has the control character U+{ord(control):04X}, which is not allowed"]


def test_every_reason_is_listed_even_two_against_one_cell() -> None:
    _values, reasons = parse("customers", id="", cohort="x" * 100 + "\x07", signup_date="soon", team_size="-1")
    assert [reason.split(": ")[0] for reason in reasons] == ["id", "signup_date", "cohort", "cohort", "team_size"]
    assert "101 characters" in reasons[2]
    assert "U+0007" in reasons[3]


@pytest.mark.parametrize(
    ("nps", "csat", "bad"),
    [("", "", ["nps: at least one of nps and csat is required"]), ("0", "", []), ("", "1", []), ("10", "5", [])],
    ids=["neither", "nps", "csat", "both"],
)
def test_feedback_has_an_nps_or_a_csat(nps: str, csat: str, bad: list[str]) -> None:
    assert parse("feedback", nps=nps, csat=csat)[1] == bad


@pytest.mark.parametrize("feed", ["feedback", "events"])
def test_feedback_and_events_may_lie_in_the_future(feed: str) -> None:
    assert parse(feed, date="2030-01-01")[1] == []


def test_more_merged_than_generated_is_allowed() -> None:
    assert parse("engagement", prs_generated="0", prs_merged="5")[1] == []


def test_an_over_long_cell_is_refused_whatever_its_type() -> None:
    with pytest.raises(ValueError, match="has 1000001 characters, at most 1000000 are allowed"):
        Column("id", Key()).parse("a" * 1_000_001, TODAY)


def test_a_limit_counts_characters_not_bytes() -> None:
    assert Text(3).parse("家家家", TODAY) == "家家家"


# --- The header --------------------------------------------------------------------------------------------------


def header(feed: str, text: str) -> Any:
    return match_header(FEEDS[feed], text.split(","))


@pytest.mark.parametrize(
    ("feed", "column"), [(feed, name) for feed, row in COLUMNS.items() for name in row.split(",")]
)
def test_header_needs_each_column_once(feed: str, column: str) -> None:
    names = COLUMNS[feed].split(",")
    without = [name for name in names if name != column]
    with pytest.raises(ValueError, match=f"^the header is missing {column}$"):
        match_header(FEEDS[feed], without)
    with pytest.raises(ValueError, match=f"^the header names {column} more than once$"):
        match_header(FEEDS[feed], [*names, column.upper()])


def test_header_in_any_order_and_case_with_columns_of_others() -> None:
    found = header("events", "Detail,KIND,extra,id,Date,customer_ID,Extra")
    assert found.width == 7
    assert found.order == (3, 5, 4, 1, 0)
    assert found.unknown == ("'extra'", "'Extra'")
    assert found.cells(["d", "k", "x", "i", "t", "c", "y"]) == ["i", "c", "t", "k", "d"]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["id;customer_id;date;kind;detail"], "the columns are separated by semicolons, not by commas"),
        (["id\tcustomer_id\tdate\tkind\tdetail"], "the columns are separated by tabs, not by commas"),
        (["id|customer_id|date|kind|detail"], "the columns are separated by bars, not by commas"),
        (["id; Customer_ID ;date", "kind;detail"], "the columns are separated by semicolons, not by commas"),
        (["v1", "c1", "2025-05-01", "note", "Hello"], "there is no header: the first line names none of the columns"),
        ([""], "there is no header"),
        (["id"], "the header is missing customer_id, date, kind, detail"),
        (["identity", "customer id", "date", "kind", "detail"], "the header is missing id, customer_id"),
    ],
    ids=["semicolons", "tabs", "bars", "semicolons-and-a-comma", "data", "blank", "one-column", "near-misses"],
)
def test_header_that_is_none(cells: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        match_header(FEEDS["events"], cells)


# --- Messages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "'plain text'"),
        ("家 é", "'家 é'"),
        ("\x1b[31mred\x07", "'\\x1b[31mred\\x07'"),
        ("two\nlines\r", "'two\\nlines\\r'"),
        ("\u202eright to left", "'\\u202eright to left'"),
        ("zero\u200bwidth\u2028line", "'zero\\u200bwidth\\u2028line'"),
        ("no\u00a0break", "'no\u00a0break'"),
        ("x" * 60, f"'{'x' * 60}'"),
        ("x" * 61, f"'{'x' * 57}...'"),
    ],
    ids=["plain", "letters", "escape", "lines", "bidi", "invisible", "space", "60", "61"],
)
def test_shown_text_is_short_and_has_no_controls(text: str, expected: str) -> None:
    assert quoted(text) == expected
