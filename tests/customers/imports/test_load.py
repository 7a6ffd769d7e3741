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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.core.limits import FETCH_SIZE
from customers.core.sql import copy_rows, create_temporary, fetch
from customers.feeds import rows as rows_of_files
from customers.feeds.declarations import FEEDS
from customers.feeds.reader import Record
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.models import (
    Customer,
    Engagement,
    Event,
    Feedback,
    ImportRun,
    Onboarding,
    QuarantinedRow,
    StepSighting,
)
from tests.factories import csv_row, make_customer, write_feed, write_feeds
from tests.support import DATA
from tests.support.loading import EVERYTHING, customer_row, feed_tables, load, states, write_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def on_10_may(today_is: Callable[[date], None]) -> None:
    today_is(date(2025, 5, 10))


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


def test_what_makes_rows_may_ask_the_database_while_they_are_copied() -> None:
    with transaction.atomic():
        create_temporary("numbers", "SELECT 0 AS number WHERE 1 = 0")
        many = FETCH_SIZE + 1
        copy_rows("numbers", ["number"], (fetch(f"SELECT {number}")[0] for number in range(many)))
        assert fetch("SELECT COUNT(*), SUM(number) FROM numbers") == [(2_001, 2_001_000)]
