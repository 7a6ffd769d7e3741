"""What a load writes: states, provenance, full feeds, onboarding's rules, and what it leaves alone."""

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers import load as loader
from customers import problems
from customers import rows as rows_of_files
from customers.feeds import FEEDS, Feed
from customers.load import Options, import_folder
from customers.models import (
    Customer,
    CustomerCare,
    Engagement,
    Event,
    Feedback,
    ImportRun,
    Onboarding,
    QuarantinedRow,
    StepSighting,
)
from customers.read import Record
from customers.signals import data_changed
from tests.factories import csv_row, make_customer, make_staff, write_feed, write_feeds
from tests.loading import load, states, write_bytes

pytestmark = pytest.mark.django_db

DATA = Path(__file__).parent / "data"
STEPS = (
    "welcome_email_sent",
    "account_created",
    "github_action_installed",
    "first_issue_tagged",
    "first_pr_generated",
)
NO_STEPS = dict.fromkeys(STEPS, "false")
ALL_STEPS = dict.fromkeys(STEPS, "true")


@pytest.fixture(autouse=True)
def on_10_may(today_is: Callable[[date], None]) -> None:
    today_is(date(2025, 5, 10))


def customer_row(number: int, **overrides: str) -> dict[str, str]:
    return csv_row("customers", id=f"c{number}", email=f"someone@c{number}.example", **overrides)


def feed_tables() -> dict[type[Model], list[dict[str, Any]]]:
    """Every row of every feed's table."""
    return {feed.model: list(feed.model.objects.order_by("pk").values()) for feed in FEEDS.values()}


@contextmanager
def written_rows() -> Iterator[list[tuple[str, int]]]:
    """Each statement that writes into a feed's table, with the number of rows that it touched."""
    tables = {feed.model._meta.db_table for feed in FEEDS.values()} | {StepSighting._meta.db_table}
    found: list[tuple[str, int]] = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        result = execute(sql, params, many, context)
        words = sql.replace('"', "").split()
        if words[0] in {"INSERT", "UPDATE", "DELETE"} and tables & set(words[:3]):
            found.append((sql, context["cursor"].rowcount))
        return result

    with connection.execute_wrapper(watch):
        yield found


# --- The examples of the specification, and the bytes ------------------------------------------------------------


def test_the_examples_of_the_specification_are_stored_as_they_say(tmp_path: Path) -> None:
    write_bytes(
        tmp_path,
        "customers.csv",
        b"id,email,organization,github_username,signup_date,cohort,industry,team_size,status\n"
        b"c2001,ops@example.com,Example Ltd,example-dev,2025-05-01,VIP,SaaS,12,active\n",
    )
    write_bytes(
        tmp_path,
        "onboarding.csv",
        b"id,customer_id,welcome_email_sent,account_created,github_action_installed,first_issue_tagged,"
        b"first_pr_generated,completed_date,days_to_complete,blocker_type,notes\n"
        b"o2001,c2001,true,true,true,false,false,,,github_config,Needs help with repository permissions\n",
    )
    write_bytes(
        tmp_path,
        "engagement.csv",
        b"id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests\n"
        b"e2001,c2001,2025-05-02,5,3,2,1,1\n",
    )
    write_bytes(tmp_path, "feedback.csv", b"id,customer_id,date,nps,csat,comment\nf1,c2001,2025-05-03,9,,\n")
    write_bytes(tmp_path, "events.csv", b"id,customer_id,date,kind,detail\nv1,c2001,2025-05-04,note,Hello\n")
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
    "column-missing": "line 1: the header lacks industry",
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


# --- The four states ---------------------------------------------------------------------------------------------


def test_each_row_is_created_updated_unchanged_or_quarantined(tmp_path: Path) -> None:
    first = load(write_feeds(tmp_path, customers=[customer_row(1), customer_row(2), customer_row(3)]))["customers"]
    rows = [customer_row(4), customer_row(2, cohort="New"), customer_row(1), customer_row(3, team_size="many")]
    second = load(write_feeds(tmp_path, customers=rows))["customers"]
    assert (states(first), states(second)) == ((3, 0, 0, 0), (1, 1, 1, 1))
    assert list(Customer.objects.order_by("pk").values_list("pk", "cohort", "run", "line")) == [
        ("c1", "VIP", first.run, 2),
        ("c2", "New", second.run, 3),
        ("c3", "VIP", first.run, 4),
        ("c4", "VIP", second.run, 2),
    ]


@pytest.mark.parametrize("column", [name for name in FEEDS["customers"].column_names if name != "id"])
def test_a_change_of_any_column_is_an_update(column: str, tmp_path: Path) -> None:
    new = {
        "email": "other@example.com",
        "signup_date": "2025-05-02",
        "team_size": "",
        "status": "trial",
    }.get(column, "Other")
    load(write_feeds(tmp_path, customers=[customer_row(1)]))
    outcome = load(write_feeds(tmp_path, customers=[{**customer_row(1), column: new}]))["customers"]
    assert states(outcome) == (0, 1, 0, 0)
    value = getattr(Customer.objects.get(), column)
    assert value == {"": None, "2025-05-02": date(2025, 5, 2)}.get(new, new)


def test_several_rows_for_one_customer_on_one_day_are_kept_apart(tmp_path: Path) -> None:
    rows = [csv_row("engagement", id=f"e{number}", customer_id="c1") for number in (1, 2, 3)]
    outcome = load(write_feeds(tmp_path, customers=[customer_row(1)], engagement=rows))["engagement"]
    assert states(outcome) == (3, 0, 0, 0)
    assert Engagement.objects.filter(customer="c1", date=date(2025, 5, 2), issues_tagged=5).count() == 3


def test_history_may_move_to_another_customer_and_is_never_missing(tmp_path: Path) -> None:
    customers = [customer_row(1), customer_row(2)]
    rows = [csv_row("engagement", id="e1", customer_id="c1"), csv_row("engagement", id="e2", customer_id="c1")]
    load(write_feeds(tmp_path, customers=customers, engagement=rows))
    moved = [csv_row("engagement", id="e1", customer_id="c2")]
    outcome = load(write_feeds(tmp_path, customers=customers, engagement=moved))["engagement"]
    assert states(outcome) == (0, 1, 0, 0)
    assert dict(Engagement.objects.values_list("pk", "customer_id")) == {"e1": "c2", "e2": "c1"}


@pytest.mark.parametrize("name", ["manifest.json", "customers.csv"])
def test_a_named_pipe_is_refused_or_ignored_and_never_waited_for(name: str, tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=[customer_row(1)])
    (tmp_path / "manifest.json").write_text('{"generator": "rsolv-customer-success", "files": {"customers.csv": {}}}')
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    outcome = import_folder(tmp_path, ["customers"], Options(started_by="test"))[0]
    expected = (True, None) if name == "manifest.json" else (False, "customers.csv is not a regular file")
    assert (outcome.loaded, outcome.reason) == expected


def test_a_quarantined_key_that_differs_in_case_alone_is_a_warning_too(tmp_path: Path) -> None:
    rows = [customer_row(1), csv_row("customers", id="C1", signup_date="soon")]
    outcome = load(write_feeds(tmp_path, customers=rows), "customers")["customers"]
    assert outcome.warnings == ["ids differ in case alone and are kept apart: C1 and c1"]


def test_a_batch_is_short_however_long_its_rows_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_of_files, "BATCH", 3)
    monkeypatch.setattr(rows_of_files, "BATCH_CHARACTERS", 10)
    rows = [Record(line, "x" * length, ()) for line, length in enumerate([1, 1, 1, 1, 9, 10, 25, 2])]
    lines = [[row.line for row in batch] for batch in rows_of_files.in_batches(rows)]
    assert lines == [[0, 1, 2], [3, 4], [5], [6], [7]]


@pytest.mark.parametrize(("limit", "value"), [("BATCH", 2), ("BATCH_CHARACTERS", 50)])
def test_rows_beyond_one_batch_are_loaded_too(
    limit: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_of_files, limit, value)
    customers = [customer_row(number) for number in range(1, 8)]
    bad = [csv_row("engagement", id=f"x{number}", customer_id="nobody") for number in range(5)]
    rows = [csv_row("engagement", id=f"e{number}", customer_id="c7") for number in range(5)]
    outcomes = load(write_feeds(tmp_path, customers=customers, engagement=[*bad, *rows]))
    assert (states(outcomes["customers"]), states(outcomes["engagement"])) == ((7, 0, 0, 0), (5, 0, 0, 5))
    customers.append(csv_row("customers", id="nobody"))
    again = load(write_feeds(tmp_path, customers=customers, engagement=[*bad, *rows]))
    assert again["engagement"].retried == 5
    assert states(again["engagement"]) == (0, 0, 10, 0)


EVERYTHING = {
    "customers": [customer_row(1), customer_row(2, team_size="", status="", cohort="")],
    "onboarding": [
        csv_row("onboarding", id="o1", customer_id="c1", completed_date="2025-05-04", days_to_complete="9"),
        csv_row("onboarding", id="o2", customer_id="c2", notes="two\nlines"),
    ],
    "engagement": [
        csv_row("engagement", id="e1", customer_id="c1"),
        csv_row("engagement", id="e1", customer_id="c1"),
        csv_row("engagement", id="e2", customer_id="c9"),
        csv_row("engagement", id="e3", customer_id="c2", date="soon"),
    ],
    "feedback": [csv_row("feedback", id="f1", customer_id="c1", nps="")],
    "events": [csv_row("events", id="v1", customer_id="c2", kind="account_created")],
}


@pytest.mark.django_db(transaction=True)
def test_a_second_import_of_the_same_files_writes_no_row(tmp_path: Path) -> None:
    write_feeds(tmp_path, **EVERYTHING)
    first = load(tmp_path)
    before = feed_tables(), list(StepSighting.objects.order_by("pk").values())
    with written_rows() as written:
        second = load(tmp_path)
    assert {name: states(outcome) for name, outcome in first.items()} == {
        "customers": (2, 0, 0, 0),
        "onboarding": (2, 0, 0, 0),
        "engagement": (1, 0, 1, 2),
        "feedback": (1, 0, 0, 0),
        "events": (1, 0, 0, 0),
    }
    assert {name: states(outcome) for name, outcome in second.items()} == {
        "customers": (0, 0, 2, 0),
        "onboarding": (0, 0, 2, 0),
        "engagement": (0, 0, 2, 2),
        "feedback": (0, 0, 1, 0),
        "events": (0, 0, 1, 0),
    }
    assert (feed_tables(), list(StepSighting.objects.order_by("pk").values())) == before
    assert [(sql, count) for sql, count in written if count] == []


def test_what_watches_writing_does_see_a_write(tmp_path: Path) -> None:
    with written_rows() as written:
        load(write_feeds(tmp_path, customers=[customer_row(1)]))
        load(write_feeds(tmp_path, customers=[customer_row(1, cohort="New"), customer_row(2)]))
    assert [count for _sql, count in written if count] == [1, 1, 1]


def test_keys_are_compared_exactly_and_a_difference_in_case_is_a_warning(tmp_path: Path) -> None:
    load(write_feeds(tmp_path, customers=[customer_row(1001)]))
    rows = [customer_row(1001), csv_row("customers", id="C1001"), csv_row("customers", id="X1"), customer_row(7)]
    engagement = [csv_row("engagement", id="e1", customer_id="X1"), csv_row("engagement", id="e2", customer_id="x1")]
    outcomes = load(write_feeds(tmp_path, customers=rows, engagement=engagement))
    assert states(outcomes["customers"]) == (3, 0, 1, 0)
    assert outcomes["customers"].warnings == ["ids differ in case alone and are kept apart: C1001 and c1001"]
    assert outcomes["engagement"].problems == [{"line": 3, "reasons": ["customer_id: there is no customer x1"]}]
    assert outcomes["engagement"].warnings == []


def test_keys_alike_in_the_file_alone_are_a_warning_too(tmp_path: Path) -> None:
    rows = [csv_row("customers", id=key) for key in ("a", "A", "b", "B", "c")]
    outcome = load(write_feeds(tmp_path, customers=rows))["customers"]
    assert states(outcome) == (5, 0, 0, 0)
    assert outcome.warnings == ["ids differ in case alone and are kept apart: A and a, B and b"]


# --- Full feeds --------------------------------------------------------------------------------------------------


def missing(model: type[Model]) -> dict[str, int | None]:
    return dict(model.objects.values_list("pk", "missing_since"))


def test_a_row_gone_from_a_full_feed_is_marked_and_not_deleted(tmp_path: Path) -> None:
    onboarding = [csv_row("onboarding", id="o1", customer_id="c1"), csv_row("onboarding", id="o2", customer_id="c2")]
    load(write_feeds(tmp_path, customers=[customer_row(1), customer_row(2)], onboarding=onboarding))
    gone = load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=onboarding[:1]))
    assert missing(Customer) == {"c1": None, "c2": gone["customers"].run}
    assert missing(Onboarding) == {"o1": None, "o2": gone["onboarding"].run}

    still = load(write_feeds(tmp_path, customers=[customer_row(1)], onboarding=onboarding[:1]))
    assert still["customers"].run != gone["customers"].run
    assert missing(Customer) == {"c1": None, "c2": gone["customers"].run}

    back = load(write_feeds(tmp_path, customers=[customer_row(1), customer_row(2)], onboarding=onboarding))
    assert states(back["customers"]) == (0, 0, 2, 0)
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


def onboarding_row(key: str, customer: str, **overrides: str) -> dict[str, str]:
    return csv_row("onboarding", id=key, customer_id=customer, **overrides)


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


def engagement_on(day: str) -> dict[str, str]:
    return csv_row("engagement", id=f"e-{day}", customer_id="c1", date=day)


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
        cut_short.setattr(loader, "_date_sightings", lambda: None)
        load(tmp_path, "onboarding")
    assert sightings() == {("c1", "account_created"): (None, False)}
    write_feed(tmp_path, "engagement", [engagement_on("2025-05-08")])
    load(tmp_path)
    assert sightings() == {("c1", "account_created"): (date(2025, 5, 2), False)}


# --- Dry runs, failures, listeners -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_leaves_nothing_and_says_what_would_happen(tmp_path: Path) -> None:
    outcomes = load(write_feeds(tmp_path, **EVERYTHING), dry_run=True)
    assert {name: states(outcome) for name, outcome in outcomes.items()} == {
        "customers": (2, 0, 0, 0),
        "onboarding": (2, 0, 0, 0),
        "engagement": (1, 0, 1, 2),
        "feedback": (1, 0, 0, 0),
        "events": (1, 0, 0, 0),
    }
    assert [problem["line"] for problem in outcomes["engagement"].problems] == [4, 5]
    assert {outcome.run for outcome in outcomes.values()} == {None}
    assert not any(feed_tables().values())
    for model in (ImportRun, QuarantinedRow, StepSighting):
        assert not model.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_reports_a_refusal_and_goes_on(tmp_path: Path) -> None:
    write_feeds(tmp_path, **EVERYTHING)
    write_bytes(tmp_path, "onboarding.csv", b"nothing\n")
    outcomes = load(tmp_path, dry_run=True)
    assert [outcome.status for outcome in outcomes.values()] == ["loaded", "refused", "loaded", "loaded", "loaded"]
    assert states(outcomes["engagement"]) == (1, 0, 1, 2)
    assert not ImportRun.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("dry_run", [False, True], ids=["real", "dry"])
def test_a_database_that_breaks_in_the_middle_is_our_failure(
    dry_run: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load(write_feeds(tmp_path, customers=[customer_row(1)]))
    merge = loader.merge

    def break_after_merge(feed: Feed, *where: Any) -> tuple[int, int]:
        counts = merge(feed, *where)
        if feed.name == "onboarding":
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO no_such_table VALUES (1)")
        return counts

    monkeypatch.setattr(loader, "merge", break_after_merge)
    write_feeds(
        tmp_path,
        customers=[customer_row(1)],
        onboarding=[onboarding_row("o1", "c1"), onboarding_row("o2", "c9")],
        engagement=[engagement_on("2025-05-02")],
    )
    outcomes = load(tmp_path, force=True, dry_run=dry_run)
    assert [outcome.status for outcome in outcomes.values()] == ["loaded", "failed", "loaded"]
    assert "no_such_table" in str(outcomes["onboarding"].reason)
    assert outcomes["onboarding"].problems == []
    assert "failed" in caplog.text
    assert not Onboarding.objects.exists()
    assert not QuarantinedRow.objects.exists()
    assert Engagement.objects.count() == (0 if dry_run else 1)


@pytest.mark.django_db(transaction=True)
def test_a_row_that_only_the_commit_finds_wrong_leaves_no_problems_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Foreign keys are deferred: the error comes after everything was counted."""
    monkeypatch.setattr(problems, "_find_unknown_customers", lambda *_arguments: None)
    rows = [engagement_on("2025-05-02"), csv_row("engagement", id="e2", date="soon")]
    outcome = load(write_feeds(tmp_path, engagement=rows))["engagement"]
    assert outcome.status == "failed"
    assert outcome.problems == []
    assert not QuarantinedRow.objects.exists()


def test_a_run_whose_process_died_is_called_interrupted(tmp_path: Path) -> None:
    run = ImportRun.objects.create(feed="customers", file="customers.csv", started_by="test")
    load(write_feeds(tmp_path), dry_run=True)
    run.refresh_from_db()
    assert run.status == "running"
    load(tmp_path)
    run.refresh_from_db()
    assert (run.status, run.finished_at is not None) == ("interrupted", True)
    assert run.reason == "the process ended before the run did; nothing of it was loaded"


@pytest.mark.django_db(transaction=True)
def test_listeners_hear_of_changed_rows_after_the_commit_and_cannot_undo_it(tmp_path: Path) -> None:
    heard: list[str] = []

    def listen(run: ImportRun, **_rest: Any) -> None:
        heard.append(f"{run.feed} {run.status} {transaction.get_connection().in_atomic_block}")
        raise RuntimeError("the listener's own trouble")

    data_changed.connect(listen)
    try:
        outcomes = load(write_feeds(tmp_path, customers=[customer_row(1)]))
        load(tmp_path)
        load(write_feeds(tmp_path, customers=[customer_row(1, cohort="New")]), dry_run=True)
        load(tmp_path)
    finally:
        data_changed.disconnect(listen)
    assert outcomes["customers"].status == "loaded"
    assert heard == ["customers loaded False"] * 2


# --- Our own exports ---------------------------------------------------------------------------------------------


def manifest(folder: Path, **changes: Any) -> None:
    digest = hashlib.sha256((folder / "customers.csv").read_bytes()).hexdigest()
    content = {
        "generator": "rsolv-customer-success",
        "files": {"customers.csv": {"rows": 1, "sha256": digest}},
        **changes,
    }
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")


def organization_after_load(folder: Path) -> str:
    load(folder, "customers")
    return Customer.objects.get().organization


@pytest.mark.parametrize(
    ("cell", "stored"),
    [("'=1+1", "=1+1"), ("''=1+1", "'=1+1"), ("'-5", "'-5"), ("'quoted'", "'quoted'"), ("Acme", "Acme")],
)
def test_an_apostrophe_before_a_formula_is_taken_away_in_our_exports_alone(
    cell: str, stored: str, tmp_path: Path
) -> None:
    write_feed(tmp_path, "customers", [customer_row(1, organization=cell)])
    assert organization_after_load(tmp_path) == cell
    manifest(tmp_path)
    assert organization_after_load(tmp_path) == stored


@pytest.mark.parametrize(
    "changes",
    [
        {"generator": "another"},
        {"files": {}},
        {"files": {"customers.csv": {"rows": 1, "sha256": "0" * 64}}},
        {"files": 1},
    ],
    ids=["another-generator", "not-named", "other-bytes", "not-a-manifest"],
)
def test_another_manifest_takes_nothing_away(changes: dict[str, Any], tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [customer_row(1, organization="'=1+1")])
    manifest(tmp_path, **changes)
    outcome = load(tmp_path, "customers")["customers"]
    assert Customer.objects.get().organization == "'=1+1"
    assert bool(outcome.warnings) == (changes.get("files", {}) not in ({}, 1))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"null", b"\xff"], ids=["empty", "list", "cut", "null", "bytes"]
)
def test_a_manifest_that_is_none_is_ignored(content: bytes, tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [customer_row(1, organization="'=1+1")])
    write_bytes(tmp_path, "manifest.json", content)
    assert organization_after_load(tmp_path) == "'=1+1"


# --- Whatever the feeds say --------------------------------------------------------------------------------------

KEYS = st.sampled_from(["1", "2", "3", "A", "a", "", "-"])
FEED_ROWS = st.fixed_dictionaries(
    {
        "customers": st.lists(
            st.builds(
                lambda key, day, text: csv_row("customers", id=key, signup_date=day, organization=text),
                *(KEYS, st.sampled_from(["2025-05-01", "2025-05-09", "2025-05-11"]), st.sampled_from(["x", "y", ""])),
            ),
            max_size=6,
        ),
        "onboarding": st.lists(
            st.builds(
                lambda key, customer, day, days, flag: csv_row(
                    "onboarding",
                    id=key,
                    customer_id=customer,
                    completed_date=day,
                    days_to_complete=days,
                    first_issue_tagged=flag,
                ),
                *(KEYS, KEYS, st.sampled_from(["", "2025-04-30", "2025-05-02", "soon"])),
                *(st.sampled_from(["", "1"]), st.sampled_from(["", "t", "?"])),
            ),
            max_size=6,
        ),
        "engagement": st.lists(
            st.builds(
                lambda key, customer, issues: csv_row(
                    "engagement", id=key, customer_id=customer, issues_tagged=issues
                ),
                *(KEYS, KEYS, st.sampled_from(["", "1", "02", "-1"])),
            ),
            max_size=8,
        ),
    }
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FEED_ROWS, FEED_ROWS)
def test_the_ledger_adds_up_and_twice_is_once(tmp_path: Path, first: dict[str, Any], second: dict[str, Any]) -> None:
    """``load`` checks the ledger; after any history a repeated night changes nothing."""
    with transaction.atomic():
        load(write_feeds(tmp_path, **first), force=True)
        load(write_feeds(tmp_path, **second), force=True)
        before = feed_tables()
        once = load(tmp_path, force=True)
        twice = load(tmp_path, force=True)
        assert feed_tables() == before
        for name, outcome in twice.items():
            assert (outcome.created, outcome.updated, outcome.retried) == (0, 0, 0)
            assert outcome.problems == once[name].problems
        transaction.set_rollback(True)
