"""A large first file goes straight into the empty table, and any doubt leads to the full path."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from unittest.mock import patch

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from customers.archive.erased import new_tombstone
from customers.core.sql import is_postgres
from customers.imports.strategies import fresh
from customers.models import Customer, Engagement, Erasure, Fix, ImportRun, QuarantinedRow
from tests.factories import make_engagement
from tests.support.databases import examples
from tests.support.faults import structure
from tests.support.loading import HEADER, states
from tests.support.nightly_edits import Edit, Line, edited, edits, everything
from tests.support.nightly_files import BASE, night, text, watched

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer", "any_size")]


@pytest.fixture
def any_size() -> Iterator[None]:
    """A file of eight lines is large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fresh, "MIN_BYTES", 0)
        yield


def lines() -> list[tuple[str, int, int]]:
    return list(Engagement.objects.order_by("pk").values_list("pk", "line", "run"))


def test_the_rows_have_the_run_and_their_lines_and_the_table_is_as_before(tmp_path: Path, ways: list[str]) -> None:
    before = structure()
    outcome = night(tmp_path, text(*BASE[:2], "", *BASE[2:], end="\r\n"))
    assert (ways, states(outcome)) == (["fresh"], (8, 0, 0, 0))
    assert lines() == [(f"e{n}", n + (1 if n < 3 else 2), outcome.run) for n in range(1, 9)]
    assert Engagement.objects.get(pk="e3").issues_tagged == 3
    assert not Engagement.objects.filter(provisional=True).exists()
    assert structure() == before
    with pytest.raises(IntegrityError), transaction.atomic():
        Engagement.objects.create(pk="e1", customer_id="c1", date=date(2025, 5, 9), run_id=1, line=1)


def test_the_next_night_goes_on_from_it(tmp_path: Path, ways: list[str]) -> None:
    night(tmp_path, text(*BASE))
    outcome = night(tmp_path, text(*BASE, "e9,c1,2025-05-09,9,0,0,0,0"))
    assert (ways, states(outcome)) == (["fresh", "append"], (1, 0, 8, 0))


@pytest.mark.parametrize(
    ("more", "expected", "reason"),
    [
        ("e1,c1,2025-05-01,1,0,0,0,0", (8, 0, 1, 0), ""),
        ("e1,c1,2025-05-01,2,0,0,0,0", (7, 0, 0, 2), "id: e1 is also on line 2, with other values"),
        ("e1,c1,2025-05-02,1,0,0,0,0", (7, 0, 0, 2), "id: e1 is also on line 2, with other values"),
        ("e9,c9,2025-05-01,1,0,0,0,0", (8, 0, 0, 1), "customer_id: there is no customer c9"),
        ("e9,c1,soon,1,0,0,0,0", (8, 0, 0, 1), "date: 'soon' is not a date of the form YYYY-MM-DD"),
        ('"e9",c1,2025-05-01,1,0,0,0,0', (9, 0, 0, 0), ""),
    ],
    ids=["twice", "with other values", "on another day", "unknown customer", "bad row", "quoted"],
)
def test_what_a_key_refuses_or_must_be_judged_by_itself_goes_over_the_stage(
    more: str, expected: tuple[int, int, int, int], reason: str, tmp_path: Path, ways: list[str]
) -> None:
    before = structure()
    outcome = night(tmp_path, text(*BASE, more))
    assert (ways, states(outcome)) == (["whole"], expected)
    assert ([problem["reasons"] for problem in outcome.problems] or [[""]])[-1] == [reason]
    assert structure() == before


def test_keys_that_differ_in_case_alone_are_warned_of(tmp_path: Path, ways: list[str]) -> None:
    outcome = night(tmp_path, text(*BASE, "E1,c1,2025-05-01,1,0,0,0,0"))
    assert (ways, states(outcome)) == (["fresh"], (9, 0, 0, 0))
    assert outcome.warnings == ["ids differ in case alone and are kept apart: E1 and e1"]
    assert ImportRun.objects.get().mixed_case


def test_a_forced_file_is_judged_row_by_row(tmp_path: Path, ways: list[str]) -> None:
    night(tmp_path, text(*BASE), force=True)
    assert ways == ["whole"]


def a_row(_folder: Path) -> None:
    make_engagement(Customer.objects.get(), date(2025, 4, 1), id="e0")


def a_quarantined_row(folder: Path) -> None:
    night(folder, text("e1,c1,soon,1,0,0,0,0"), force=True)


def a_fix(_folder: Path) -> None:
    Fix.objects.create(feed="engagement", raw="x", sha256=hashlib.sha256(b"x").hexdigest(), cells=BASE[0].split(","))


@pytest.mark.parametrize("there", [a_row, a_quarantined_row, a_fix])
def test_where_anything_of_the_feed_is_there_the_rows_are_compared_with_it(
    there: Callable[[Path], None], tmp_path: Path, ways: list[str]
) -> None:
    there(tmp_path)
    outcome = night(tmp_path, text(*BASE))
    assert (ways[-1], states(outcome)) == ("whole", (8, 0, 0, 0))
    assert not QuarantinedRow.objects.filter(status=QuarantinedRow.Status.OPEN).exists()


def test_rows_of_an_erased_customer_are_left_out(tmp_path: Path, ways: list[str]) -> None:
    Erasure.objects.create(**new_tombstone("c2"), erased_by="olga", state=Erasure.State.DONE)
    outcome = night(tmp_path, text(*BASE, "e9,c2,2025-05-01,1,0,0,0,0"))
    assert (ways, states(outcome)) == (["whole"], (8, 0, 1, 0))
    assert ImportRun.objects.get().left_out == 1


@pytest.mark.parametrize("step", ["copy_lines", "_refuse_unknown_customers"])
def test_what_fails_on_the_way_leaves_nothing(step: str, tmp_path: Path, ways: list[str]) -> None:
    before = structure()
    with patch(f"customers.imports.strategies.fresh.{step}", side_effect=ZeroDivisionError):
        assert night(tmp_path, text(*BASE)).status == "failed"
    assert not Engagement.objects.exists()
    assert structure() == before
    assert states(night(tmp_path, text(*BASE))) == (8, 0, 0, 0)
    assert ways == ["fresh"]


@pytest.mark.django_db(transaction=True)
def test_while_somebody_reads_the_table_on_postgres_its_keys_stay(
    tmp_path: Path, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_postgres():
        pytest.skip("SQLite's readers are in nobody's way")
    monkeypatch.setattr("customers.core.deferred_indexes.LOCK_TIMEOUT", "10ms")
    reader = connection.copy()
    try:
        with reader.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT COUNT(*) FROM customers_engagement")
            unknown = night(tmp_path, text(*BASE, "e9,c9,2025-05-01,1,0,0,0,0"))
    finally:
        reader.close()
    assert (ways, states(unknown)) == (["whole"], (8, 0, 0, 1))


@pytest.mark.slow
@hypothesis_settings(max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(edits, max_size=3))
def test_the_result_is_that_of_the_full_path(tmp_path: Path, changes: list[Edit]) -> None:
    rows: list[Line] = [(line, "\n") for line in BASE]
    for edit in changes:
        rows = edited(rows, edit)
    content = HEADER + "\n" + "".join(line + end for line, end in rows)
    seen = []
    for size in (2**30, 0):
        with transaction.atomic(), pytest.MonkeyPatch.context() as patch, watched():
            patch.setattr(fresh, "MIN_BYTES", size)
            seen.append(everything(night(tmp_path, content).as_dict()))
            transaction.set_rollback(True)
    assert seen[0] == seen[1]
