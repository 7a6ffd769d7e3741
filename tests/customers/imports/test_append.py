"""A file that goes on where the last one ended is loaded by its tail, and any doubt leads to the full path."""

import gzip
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.feeds.declarations import ENGAGEMENT, FEEDBACK
from customers.feeds.reader import CsvReader
from customers.imports.strategies import order, stager
from customers.imports.strategies.base_run import rules_fingerprint
from customers.models import Engagement, ImportRun, QuarantinedRow
from customers.runs.undo import undo
from tests.factories import make_customer
from tests.support.databases import examples
from tests.support.loading import load, states, write_bytes

pytestmark = pytest.mark.django_db

HEADER = ",".join(ENGAGEMENT.column_names)
CUSTOMERS = (
    "id,email,organization,github_username,signup_date,cohort,industry,team_size,status\n"
    "c1,a@b.example,One,,2025-05-01,,,,\nc2,a@b.example,Two,,2025-05-01,,,,\n"
)
ONE, TWO, THREE = (f"e{number},c1,2025-05-0{number},1,0,0,0,0\n" for number in (1, 2, 3))


@pytest.fixture(autouse=True)
def customer() -> None:
    make_customer(id="c1")


@pytest.fixture
def skipped() -> Iterator[list[int]]:
    """How many bytes each read of a file passed over, as the very ones that were read before."""
    sizes: list[int] = []
    whole = CsvReader.skip

    def skip(self: CsvReader, size: int, lines: int | None) -> Any:
        digest = whole(self, size, lines)
        if digest and ImportRun.objects.filter(sha256=digest.hexdigest(), size=size, status="loaded").exists():
            sizes.append(size)
        return digest

    with patch.object(CsvReader, "skip", skip):
        yield sizes


def night(folder: Path, content: str, **options: Any) -> Any:
    write_bytes(folder, "engagement.csv", content.encode())
    return load(folder, "engagement", **options)["engagement"]


def test_only_the_tail_is_judged_and_the_lines_are_those_of_the_file(tmp_path: Path, skipped: list[int]) -> None:
    first = f"{HEADER}\n{ONE}{TWO}"
    night(tmp_path, first)
    with patch.object(type(ENGAGEMENT), "parse", side_effect=AssertionError("no row needs the slow path")):
        outcome = night(tmp_path, first + THREE)
    assert skipped == [len(first)]
    assert (outcome.rows, states(outcome)) == (3, (1, 0, 2, 0))
    assert list(Engagement.objects.order_by("pk").values_list("pk", "line")) == [("e1", 2), ("e2", 3), ("e3", 4)]


def test_a_tail_behind_many_blocks_is_read_alone(tmp_path: Path, skipped: list[int]) -> None:
    first = HEADER + "\n" + "".join(f"e{n},c1,2025-05-01,{n},0,0,0,0\n" for n in range(10, 20_000))
    night(tmp_path, first)
    with patch.object(stager, "copy_lines", wraps=stager.copy_lines) as copied:
        outcome = night(tmp_path, first + THREE)
    assert skipped == [len(first)]
    assert [list(call.args[2]) for call in copied.call_args_list] == [[(19_992, THREE.encode())]]
    assert (outcome.rows, states(outcome)) == (19_991, (1, 0, 19_990, 0))


def test_lines_are_counted_once_a_night_and_those_of_an_older_version_again(tmp_path: Path) -> None:
    first = f"{HEADER}\r\n\n{ONE}"
    night(tmp_path, first)
    with patch.object(CsvReader, "skip", autospec=True, side_effect=CsvReader.skip) as skip:
        night(tmp_path, first + TWO)
        ImportRun.objects.update(lines=None)
        night(tmp_path, first + TWO + THREE)
    assert [call.args[1:] for call in skip.call_args_list] == [(len(first), 3), (len(first + TWO), None)]
    assert list(ImportRun.objects.order_by("pk").values_list("lines", flat=True)) == [None, None, 5]
    assert list(Engagement.objects.order_by("pk").values_list("pk", "line")) == [("e1", 3), ("e2", 4), ("e3", 5)]


def test_a_file_that_differs_is_counted_too(tmp_path: Path) -> None:
    night(tmp_path, f"{HEADER}\n{ONE}{TWO}")
    night(tmp_path, f"{HEADER}\n{TWO}\r\n\n{ONE}")
    night(tmp_path, f"{HEADER}\n{TWO}\r\n\n{ONE}e4,c1,never,1,0,0,0,0")
    assert list(ImportRun.objects.order_by("pk").values_list("lines", flat=True)) == [3, 5, 5]
    assert QuarantinedRow.objects.get().line == 6


def test_a_byte_order_mark_where_the_tail_begins_is_text(tmp_path: Path, skipped: list[int]) -> None:
    first = f"{HEADER}\n{ONE}"
    night(tmp_path, first)
    assert states(night(tmp_path, first + "\ufeff" + TWO)) == (0, 0, 1, 1)
    assert skipped == [len(first)]


ALIKE = ["ids differ in case alone and are kept apart: E1 and e1"]


@pytest.mark.parametrize("before", [ONE + TWO, ONE + TWO.replace("e2", "E2"), ONE.replace("e1", "E1") + TWO])
def test_a_tail_is_compared_in_case_with_all_that_is_loaded(before: str, tmp_path: Path, skipped: list[int]) -> None:
    nights = [f"{HEADER}\n{before}"]
    for line in (THREE, ONE if "E1" in before else ONE.replace("e1", "E1"), ONE.replace("e1", "e9")):
        nights.append(nights[-1] + line)
    assert [night(tmp_path, content).warnings for content in nights] == [[], [], ALIKE, ALIKE]
    assert skipped == [len(content) for content in nights[:-1]]


def test_a_key_that_came_out_of_quarantine_is_compared_too(tmp_path: Path, skipped: list[int]) -> None:
    write_bytes(tmp_path, "engagement.csv", f"{HEADER}\nE1,c2,2025-05-01,1,0,0,0,0\n".encode())
    load(tmp_path, "engagement")
    first = f"{HEADER}\n{TWO}"
    night(tmp_path, first)
    assert not ImportRun.objects.latest("pk").mixed_case
    make_customer(id="c2")
    write_bytes(tmp_path, "customers.csv", CUSTOMERS.encode())
    assert load(tmp_path, "customers")["customers"].retried == 1
    assert night(tmp_path, first + ONE).warnings == ALIKE
    assert skipped == [len(first)]


def test_the_same_file_again_is_all_unchanged(tmp_path: Path, skipped: list[int]) -> None:
    content = f"{HEADER}\n{ONE}{TWO}"
    night(tmp_path, content)
    assert states(night(tmp_path, content)) == (0, 0, 2, 0)
    assert states(night(tmp_path, content + THREE)) == (1, 0, 2, 0)
    assert len(skipped) == 2


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(f"{HEADER}\n{TWO}{ONE}{THREE}", (1, 0, 2, 0), id="another beginning"),
        pytest.param(f"{HEADER}\n{ONE}{TWO}{ONE}{THREE}", (1, 0, 3, 0), id="a row of the beginning again"),
        pytest.param(f"{HEADER}\n{ONE}{TWO}e1,c1,2025-05-09,7,0,0,0,0\n{THREE}", (1, 0, 1, 2), id="a changed one"),
        pytest.param(f"{HEADER}\n{ONE}{TWO}e1,c1,soon,1,0,0,0,0\n", (0, 0, 1, 2), id="a bad one of a known key"),
        pytest.param(f"{HEADER}\n{ONE}{TWO}e9,c9,2025-05-09,1,0,0,0,0\n", (0, 0, 2, 1), id="an unknown customer"),
        pytest.param(f"{HEADER}\n{ONE}", (0, 0, 1, 0), id="a shorter file"),
    ],
)
def test_what_the_tail_says_of_the_beginning_is_found(
    second: str, expected: tuple[int, int, int, int], tmp_path: Path
) -> None:
    night(tmp_path, f"{HEADER}\n{ONE}{TWO}")
    assert states(night(tmp_path, second)) == expected


def test_a_cut_line_is_read_again(tmp_path: Path) -> None:
    night(tmp_path, f"{HEADER}\n{ONE}e2,c1,2025-05-02,1,0,0,0,1")
    night(tmp_path, f"{HEADER}\n{ONE}e2,c1,2025-05-02,1,0,0,0,12\n")
    assert Engagement.objects.get(pk="e2").support_requests == 12


@pytest.mark.parametrize(
    "doubt",
    [
        {"quarantined": 1},
        {"forced_by": "Ann"},
        {"rules": "older rules"},
        {"file": "engagement.csv.gz"},
        {"status": "refused"},
    ],
    ids=lambda doubt: next(iter(doubt)),
)
def test_a_run_in_doubt_is_not_extended(doubt: dict[str, Any], tmp_path: Path, skipped: list[int]) -> None:
    content = f"{HEADER}\n{ONE}"
    night(tmp_path, content)
    ImportRun.objects.update(**doubt)
    assert states(night(tmp_path, content + TWO)) == (1, 0, 1, 0)
    assert skipped == []


def test_force_and_open_quarantine_and_an_undo_take_the_full_path(tmp_path: Path, skipped: list[int]) -> None:
    content = f"{HEADER}\n{ONE}"
    night(tmp_path, content)
    night(tmp_path, content, force=True)
    run = ImportRun.objects.latest("pk")
    QuarantinedRow.objects.create(run=run, feed="engagement", line=9, raw="x", reasons=["row: x"])
    night(tmp_path, content)
    QuarantinedRow.objects.all().delete()
    undo(ImportRun.objects.latest("pk"), "test")
    assert states(night(tmp_path, content + TWO)) == (1, 0, 1, 0)
    assert skipped == []


def test_a_compressed_file_takes_the_full_path(tmp_path: Path, skipped: list[int]) -> None:
    content = f"{HEADER}\n{ONE}".encode()
    for _ in range(2):
        write_bytes(tmp_path, "engagement.csv.gz", gzip.compress(content))
        load(tmp_path, "engagement")
    assert skipped == []


def test_other_rules_have_another_fingerprint() -> None:
    engagement = rules_fingerprint(ENGAGEMENT, {}, unquote=False)
    assert rules_fingerprint(ENGAGEMENT, {}, unquote=True) != engagement
    assert rules_fingerprint(FEEDBACK, {}, unquote=False) != engagement
    assert rules_fingerprint(ENGAGEMENT, {}, unquote=False) == engagement


rows = st.one_of(
    st.builds(
        "e{},c1,2025-05-0{},{},0,0,0,0".format, st.integers(1, 6), st.integers(1, 2), st.sampled_from(["1", "", "x"])
    ),
    st.sampled_from(
        ["E1,c1,2025-05-01,1,0,0,0,0", "e7,c9,2025-05-01,1,0,0,0,0", "ragged", "", '"e8",c1,2025-05-01,1,,,,']
    ),
)
nights = st.lists(st.tuples(st.lists(rows, max_size=4), st.sampled_from(["\n", "\n", "\r\n"])), min_size=2, max_size=4)


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights)
def test_the_result_is_that_of_the_full_path(tmp_path: Path, nights: list[tuple[list[str], str]]) -> None:
    with patch.object(order, "find_base_run", return_value=None):
        expected = play(tmp_path, nights)
    assert play(tmp_path, nights) == expected


def play(folder: Path, nights: list[tuple[list[str], str]]) -> list[Any]:
    """Every outcome and row of nights that append to one file, rolled back afterwards."""
    seen: list[Any] = []
    content = HEADER + "\n"
    with transaction.atomic():
        for number, (lines, end) in enumerate(nights):
            content += "".join(line + end for line in lines)
            outcome = night(folder, content).as_dict()
            run = outcome.pop("run")
            numbers = {
                pk: place for place, pk in enumerate(ImportRun.objects.order_by("pk").values_list("pk", flat=True))
            }
            table = [
                (*row, numbers[run_id])
                for *row, run_id in Engagement.objects.order_by("pk").values_list(
                    "pk", "customer_id", "date", "issues_tagged", "line", "run_id"
                )
            ]
            closed = QuarantinedRow.objects.order_by("pk").values_list("line", "raw", "status", "reasons")
            seen.append((number, outcome, table, list(closed), numbers[run]))
        transaction.set_rollback(True)
    return seen


def test_a_clock_that_went_back_takes_the_full_path(tmp_path: Path, today_is: Any, skipped: list[int]) -> None:
    content = f"{HEADER}\n{ONE}"
    night(tmp_path, content)
    today_is(date(2025, 5, 1))
    assert states(night(tmp_path, content + TWO)) == (0, 0, 1, 1)
    assert skipped == []
