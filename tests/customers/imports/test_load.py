"""What a load writes: states, provenance, full feeds, onboarding's rules, and what it leaves alone."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
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
from customers.models import Customer, Engagement, StepSighting
from tests.factories import csv_row, write_feed, write_feeds
from tests.support.loading import EVERYTHING, customer_row, feed_tables, load, states, write_bytes
from tests.support.selection import examples_of_a_push

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_10_may")]


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


@settings(
    max_examples=examples_of_a_push(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
