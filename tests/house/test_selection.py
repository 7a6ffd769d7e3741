"""What a run asks: all of it the full run, a turn of it a push on SQLite, and on PostgreSQL what can differ there."""

import os
import re
import subprocess

import pytest
from django.db import connection

from tests.support import ROOT
from tests.support.selection import (
    COLLECTED,
    PART_ON_POSTGRES,
    TURNS,
    WALK,
    asked_by_a_push,
    examples_of_a_push,
    folders_with_own_sql,
    function_of,
    in_a_push,
    is_of_postgres,
    turn,
)


@pytest.fixture
def collected(request: pytest.FixtureRequest) -> list[pytest.Item]:
    return request.config.stash[COLLECTED]


def test_this_run_asks_what_it_says(request: pytest.FixtureRequest, collected: list[pytest.Item]) -> None:
    """All that was collected, unless this is a push (or somebody left tests out by -k or -m)."""
    if request.config.getoption("keyword") or request.config.getoption("markexpr"):
        pytest.skip("tests were left out by -k or -m")
    is_push = request.config.getoption("push")
    assert request.session.items == (asked_by_a_push(collected, connection.vendor, turn()) if is_push else collected)


MOST_LEFT_TO_THE_FULL_RUN = 20


def often_asked(items: list[pytest.Item]) -> list[pytest.Item]:
    return [item for item in items if not item.get_closest_marker("full_run")]


def test_pushes_leave_out_no_test_on_sqlite_but_cases(collected: list[pytest.Item]) -> None:
    turns = [asked_by_a_push(collected, "sqlite", turn) for turn in range(TURNS)]
    often = {function_of(item) for item in often_asked(collected)}
    assert {function_of(item) for items in turns for item in items} == often
    assert all(len(items) <= 2 * len(often) for items in turns)


def test_two_pushes_of_three_ask_a_quick_test_and_one_of_six_a_slow_one(collected: list[pytest.Item]) -> None:
    turns = [{function_of(item) for item in asked_by_a_push(collected, "sqlite", turn)} for turn in range(TURNS)]
    slow = {function_of(item) for item in often_asked(collected) if item.get_closest_marker("slow")}
    for function in {function_of(item) for item in often_asked(collected)}:
        assert sum(function in asked for asked in turns) == (1 if function in slow else 4), function


def test_a_commit_has_its_turn() -> None:
    assert turn() == turn()
    assert turn() in range(TURNS)


def test_few_tests_are_left_to_the_full_run(collected: list[pytest.Item]) -> None:
    left = {function_of(item) for item in collected} - {function_of(item) for item in often_asked(collected)}
    assert len(left) <= MOST_LEFT_TO_THE_FULL_RUN, left


def test_a_push_asks_postgresql_for_what_can_differ(collected: list[pytest.Item]) -> None:
    tests = [item for item in collected if not any(map(item.get_closest_marker, ("skip", "browser", "full_run")))]
    asked = {function_of(item) for item in asked_by_a_push(collected, "postgresql", turn())}
    assert {function_of(item) for item in tests if is_of_postgres(item)} <= asked
    for folder in folders_with_own_sql():
        of_folder = {function_of(item) for item in tests if folder in item.path.parents}
        assert len(of_folder & asked) >= len(of_folder) // PART_ON_POSTGRES


def test_a_push_walks_through_all_pages_on_postgresql(collected: list[pytest.Item]) -> None:
    if WALK.partition("[")[0] not in {function_of(item) for item in collected}:
        pytest.skip("the walks were not collected")
    assert WALK in {item.nodeid for item in asked_by_a_push(collected, "postgresql", turn())}


def test_packages_with_sql_of_their_own() -> None:
    """Those that ``customers`` and ``analytics`` need for the import and the score are among them."""
    names = {str(folder.relative_to(ROOT / "tests")) for folder in folders_with_own_sql()}
    assert {"customers/core", "customers/imports", "customers/jobs", "analytics/scoring"} <= names
    assert "analytics/display" not in names


@pytest.mark.parametrize(("number", "of_a_push"), [(3, 3), (5, 5), (40, 5), (60, 6), (100, 10)])
def test_the_examples_of_a_property(number: int, of_a_push: int) -> None:
    assert examples_of_a_push(number) == (of_a_push if in_a_push() else number)


def test_each_property_says_its_examples_by_the_helper() -> None:
    files = (ROOT / "tests").rglob("test_*.py")
    bare = [path.name for path in files if re.search(r"max_examples=\d+\b(?! if EXPLORE)", path.read_text())]
    assert bare == [], "say max_examples=examples_of_a_push(...) there"


@pytest.mark.parametrize("target", ["test", "test-sqlite", "test-postgres"])
def test_make_test_asks_for_everything(target: str) -> None:
    # What the make around us was told is not the recipe's own.
    alone = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "ARGS"}}
    asked = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, env=alone, capture_output=True, text=True, check=True
    )
    recipe = asked.stdout
    assert "-m pytest" in recipe
    assert "--push" not in recipe
