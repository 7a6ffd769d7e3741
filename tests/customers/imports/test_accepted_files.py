"""Files as they come: the bytes that are accepted, those that refuse the file, and texts as they are stored."""

import gzip
import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from customers.feeds.declarations import FEEDS
from customers.models import Customer, Engagement, Event, Feedback, ImportRun, Onboarding, QuarantinedRow
from tests.factories import csv_row, make_customer, write_feed, write_feeds
from tests.support import DATA
from tests.support.loading import customer_row, feed_tables, load, states, write_bytes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_10_may")]


EXAMPLES = {
    "customers.csv": (
        b"id,email,organization,github_username,signup_date,cohort,industry,team_size,status\n"
        b"c2001,ops@example.com,Example Ltd,example-dev,2025-05-01,VIP,SaaS,12,active\n"
    ),
    "onboarding.csv": (
        b"id,customer_id,welcome_email_sent,account_created,github_action_installed,first_issue_tagged,"
        b"first_pr_generated,completed_date,days_to_complete,blocker_type,notes\n"
        b"o2001,c2001,true,true,true,false,false,,,github_config,Needs help with repository permissions\n"
    ),
    "engagement.csv": (
        b"id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests\n"
        b"e2001,c2001,2025-05-02,5,3,2,1,1\n"
    ),
    "feedback.csv": b"id,customer_id,date,nps,csat,comment\nf1,c2001,2025-05-03,9,,\n",
    "events.csv": b"id,customer_id,date,kind,detail\nv1,c2001,2025-05-04,note,Hello\n",
}
"""The examples of csv-feeds.md."""


def test_the_examples_of_the_specification_are_stored_as_they_say(tmp_path: Path) -> None:
    for name, content in EXAMPLES.items():
        write_bytes(tmp_path, name, content)
    outcomes = load(tmp_path)
    assert list(outcomes) == ["customers", "onboarding", "engagement", "feedback", "events"]
    assert {states(outcome) for outcome in outcomes.values()} == {(1, 0, 0, 0)}
    assert Customer.objects.values_list(*FEEDS["customers"].column_names).get() == (
        *("c2001", "ops@example.com", "Example Ltd", "example-dev", date(2025, 5, 1), "VIP", "SaaS", 12, "active"),
    )
    assert Onboarding.objects.values_list(*FEEDS["onboarding"].column_names).get() == (
        *("o2001", "c2001", True, True, True, False, False, None, None),
        *("github_config", "Needs help with repository permissions"),
    )
    assert Engagement.objects.values_list(*FEEDS["engagement"].column_names).get() == (
        *("e2001", "c2001", date(2025, 5, 2), 5, 3, 2, 1, 1),
    )
    assert Feedback.objects.values_list(*FEEDS["feedback"].column_names).get() == (
        *("f1", "c2001", date(2025, 5, 3), 9, None, ""),
    )
    assert Event.objects.values_list(*FEEDS["events"].column_names).get() == (
        *("v1", "c2001", date(2025, 5, 4), "note", "Hello"),
    )


ACCEPTED = {
    "plain": (2, 3),
    "byte-order-mark": (2, 3),
    "crlf": (2, 3),
    "cr": (2, 3),
    "no-last-line-end": (2, 3),
    "everything-quoted": (2, 3),
    "columns-in-another-order-and-case": (2, 3),
    "white-space-around-names-and-values": (2, 3),
    "blank-lines": (5, 8),
    "unknown-columns": (2, 3),
    "other-values-for-the-same": (2, 3),
}
UNKNOWN_COLUMNS = "unknown columns are ignored: 'notes', '\\x1b[31mRed', ''"
REFUSED = {
    "empty": "the file is empty",
    "byte-order-mark-alone": "the file has no header",
    "blank-lines-alone": "the file has no header",
    "no-header": "line 1: there is no header: the first line names none of the columns id, email, organization, "
    "github_username, signup_date, cohort, industry, team_size, status",
    "column-missing": "line 1: the header is missing industry",
    "column-named-twice": "line 1: the header names status more than once",
    "semicolons": "line 1: the columns are separated by semicolons, not by commas",
    "semicolons-and-quotes": "line 1: the columns are separated by semicolons, not by commas",
    "tabs": "line 1: the columns are separated by tabs, not by commas",
    "utf-16": "the file is UTF-16, not UTF-8: save it as UTF-8",
    "utf-16-without-mark": "line 1: a NUL byte; the file is damaged or not text",
    "latin-1": "line 3: byte 0xfc is not UTF-8: save the file as UTF-8",
    "nul-byte": "line 3: a NUL byte; the file is damaged or not text",
    "quote-that-never-ends": "line 3: a quoted field opens here and never ends",
    "header-with-text-after-a-quote": "line 1: the header cannot be read: row: text after the closing quote of cell 3",
}


@pytest.mark.parametrize(
    ("folder", "table"), [("accepted", ACCEPTED), ("refused", REFUSED)], ids=["accepted", "refused"]
)
def test_every_scenario_has_its_test(folder: str, table: Mapping[str, Any]) -> None:
    assert {path.stem for path in (DATA / folder).glob("*.csv")} == set(table)


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_bytes_give_the_same_two_customers(name: str, compressed: bool, tmp_path: Path) -> None:
    content = (DATA / "accepted" / f"{name}.csv").read_bytes()
    if compressed:
        write_bytes(tmp_path, "customers.csv.gz", gzip.compress(content))
    else:
        write_bytes(tmp_path, "customers.csv", content)
    outcome = load(tmp_path, "customers")["customers"]
    assert outcome.file == ("customers.csv.gz" if compressed else "customers.csv")
    assert states(outcome) == (2, 0, 0, 0)
    assert outcome.warnings == ([UNKNOWN_COLUMNS] if name == "unknown-columns" else [])
    lines = ACCEPTED[name]
    assert list(Customer.objects.order_by("pk").values_list(*FEEDS["customers"].column_names, "line", "run_id")) == [
        (
            *("c2001", "ops@example.com", "Example Ltd", "example-dev", date(2025, 5, 1), "VIP", "SaaS", 12, "active"),
            *(lines[0], outcome.run),
        ),
        (
            *("c2002", "dev@example.org", "Zweite GmbH", "", date(2025, 5, 2), "", "", None, "active"),
            *(lines[1], outcome.run),
        ),
    ]


@pytest.mark.parametrize("force", [False, True], ids=["plain", "forced"])
@pytest.mark.parametrize("name", REFUSED)
def test_refused_file_changes_nothing_and_says_why(name: str, force: bool, tmp_path: Path) -> None:
    make_customer(id="c1")
    before = feed_tables()
    path = tmp_path / "customers.csv"
    copyfile(DATA / "refused" / f"{name}.csv", path)
    outcome = load(tmp_path, "customers", force=force)["customers"]
    assert (outcome.status, outcome.reason) == ("refused", REFUSED[name])
    assert outcome.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert feed_tables() == before
    assert not QuarantinedRow.objects.exists()
    run = ImportRun.objects.get()
    assert (run.status, run.reason, run.size, run.forced_by) == ("refused", REFUSED[name], path.stat().st_size, "")


def test_hash_of_a_large_refused_file_is_the_whole_files(tmp_path: Path) -> None:
    path = write_bytes(tmp_path, "customers.csv", b"no,header\n" + b"1,2\n" * 200_000)
    outcome = load(tmp_path, "customers")["customers"]
    assert outcome.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_both_plain_and_compressed_are_refused(tmp_path: Path) -> None:
    write_feed(tmp_path, "feedback")
    write_feed(tmp_path, "feedback", compress=True)
    outcome = load(write_feeds(tmp_path))["feedback"]
    assert outcome.status == "refused"
    assert outcome.reason == "both feedback.csv and feedback.csv.gz are there; remove the one that is not meant"
    assert (outcome.file, outcome.sha256) == ("feedback.csv", None)


def test_broken_gzip_is_refused(tmp_path: Path) -> None:
    path = write_feed(tmp_path, "customers", [customer_row(1)], compress=True)
    path.write_bytes(path.read_bytes()[:-4])
    outcome = load(tmp_path, "customers")["customers"]
    assert outcome.status == "refused"
    assert outcome.reason is not None
    assert outcome.reason.startswith("customers.csv.gz is a broken gzip file: ")
    assert not Customer.objects.exists()


def test_missing_required_file_is_refused_and_a_missing_optional_one_is_not_asked_for(tmp_path: Path) -> None:
    write_feed(tmp_path, "customers")
    write_feed(tmp_path, "engagement")
    outcomes = load(tmp_path)
    assert {name: (outcome.status, outcome.reason) for name, outcome in outcomes.items()} == {
        "customers": ("loaded", None),
        "onboarding": ("refused", "onboarding.csv is missing"),
        "engagement": ("loaded", None),
    }
    assert load(tmp_path, "feedback")["feedback"].reason == "feedback.csv is missing"


def test_header_without_rows_is_accepted(tmp_path: Path) -> None:
    outcomes = load(write_feeds(tmp_path, feedback=(), events=()))
    assert {(outcome.status, outcome.rows, states(outcome)) for outcome in outcomes.values()} == {
        ("loaded", 0, (0, 0, 0, 0))
    }


def test_refused_feed_does_not_stop_the_others_and_leaves_its_old_rows(tmp_path: Path) -> None:
    load(write_feeds(tmp_path, customers=[customer_row(1, cohort="Old")]))
    write_feed(tmp_path, "engagement", [csv_row("engagement", customer_id="c1")])
    write_bytes(tmp_path, "customers.csv", b"id,email\nc1,new@example.com\n")
    outcomes = load(tmp_path)
    assert [outcome.status for outcome in outcomes.values()] == ["refused", "loaded", "loaded"]
    assert Customer.objects.get().cohort == "Old"
    assert states(outcomes["engagement"]) == (1, 0, 0, 0)


def test_text_keeps_every_character(tmp_path: Path) -> None:
    note = "one\u2028two\u2029 👩\u200d💻 e\u0301 \u202eabc\u202c \ufeff\u200b tab\there\r\n\n=1+1 \ufffe end\u3000"
    rows = [csv_row("onboarding", customer_id="c1", notes=note)]
    load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=rows))
    assert Onboarding.objects.get().notes == note


@pytest.mark.parametrize(
    "text", ["007", "1e3", "7.0", "\\N", "\\.", "a\\tb\\", "NULL", "null", "nan", "%s", "'; --", "'=1"]
)
def test_text_is_never_taken_for_something_else(text: str, tmp_path: Path) -> None:
    load(write_feeds(tmp_path, customers=[customer_row(1, organization=text, cohort=text)]))
    assert Customer.objects.values_list("organization", "cohort").get() == (text, text)


def test_ids_that_look_like_numbers_stay_apart(tmp_path: Path) -> None:
    keys = ["7", "07", "7.0", "1e3", "1000", "9" * 64]
    write_feeds(
        tmp_path,
        customers=[csv_row("customers", id=key) for key in keys],
        onboarding=[csv_row("onboarding", id=key, customer_id=key) for key in keys],
        engagement=[csv_row("engagement", id=key, customer_id=key) for key in keys],
    )
    for expected in ((6, 0, 0, 0), (0, 0, 6, 0)):
        assert {states(outcome) for outcome in load(tmp_path).values()} == {expected}
    assert dict(Engagement.objects.values_list("pk", "customer_id")) == {key: key for key in keys}


def test_an_email_or_github_name_may_occur_at_several_customers(tmp_path: Path) -> None:
    rows = [csv_row("customers", id=key, email="one@example.com", github_username="one") for key in ("c1", "c2")]
    assert states(load(write_feeds(tmp_path, customers=rows))["customers"]) == (2, 0, 0, 0)


@pytest.mark.parametrize("length", [1_000_000, 1_000_001])
def test_a_field_may_have_a_million_characters(length: int, tmp_path: Path) -> None:
    rows = [csv_row("onboarding", customer_id="c1", notes="é" * length)]
    outcome = load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=rows))["onboarding"]
    if length == 1_000_000:
        assert len(Onboarding.objects.get().notes) == 1_000_000
    else:
        assert outcome.problems == [
            {"line": 2, "reasons": ["notes: has 1000001 characters, at most 1000000 are allowed"]}
        ]
