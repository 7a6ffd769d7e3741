"""Judging the differences alone has the same result as the full path, whatever the nights are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from customers.imports.strategies import order
from tests.support.databases import examples
from tests.support.loading import HEADER
from tests.support.nightly_edits import Edit, Line, edited, edits, everything
from tests.support.nightly_files import BASE, night, watched

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer"), pytest.mark.slow]

nights = st.lists(st.lists(edits, max_size=3), min_size=1, max_size=3)


@hypothesis_settings(max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights, st.booleans())
@example([[("change", 2, 7)], [("change", 2, 6), ("insert", 3, 1)]], False)
@example([[("spoil", 2, 1), ("spoil", 5, 2)]], True)
@example([[("delete", 0, 0)], [("insert", 0, 1), ("swap", 2, 0)]], False)
@example([[("copy", 2, 5)], [("change", 2, 7)]], False)
def test_the_result_is_that_of_the_full_path(tmp_path: Path, nights: list[list[Edit]], ended: bool) -> None:
    with patch.object(order, "find_base_run", return_value=None):
        expected, _contents, ways = play(tmp_path, nights, ended)
    assert set(ways) <= {"whole"}
    found, contents, ways = play(tmp_path, nights, ended)
    assert found == expected
    told = [way for way, state in zip_ways(ways, found)]
    for number in range(1, len(contents)):
        if is_clear(contents[number - 1], contents[number], found[number - 1]):
            assert told[number] != "whole", "the full path was taken without need"


def zip_ways(ways: list[str], found: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each night's way and state; a night that was refused took none."""
    left = iter(ways)
    for state in found:
        yield (next(left) if state["outcome"]["status"] == "loaded" else "none"), state


def is_clear(old: str, new: str, before: dict[str, Any]) -> bool:
    """Whether the second file's lines are judged rightly without those of the first one, which was loaded as given."""
    if before["outcome"]["status"] != "loaded" or before["quarantine"] or any(sign in old + new for sign in '"\r'):
        return False
    sets = []
    for content in (old, new):
        lines = [line for line in content.split("\n")[1:] if line.strip()]
        keys = [line.split(",")[0].strip(" \u00a0") for line in lines]
        sets.append((lines, keys))
    (old_lines, old_keys), (new_lines, _keys) = sets
    if len(set(old_keys)) < len(old_keys) or len(set(new_lines)) < len(new_lines):
        return False
    gone = {line.split(",")[0].strip(" \u00a0") for line in old_lines if line not in new_lines}
    added = {line.split(",")[0].strip(" \u00a0") for line in new_lines if line not in old_lines}
    return not added & ({row["id"] for row in before["rows"]} - gone)


def play(folder: Path, nights: list[list[Edit]], ended: bool) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """All that can be seen after each night, the files, and the ways they took; rolled back afterwards."""
    seen: list[dict[str, Any]] = []
    contents: list[str] = []
    lines: list[Line] = [(line, "\n") for line in BASE]
    with transaction.atomic(), watched() as ways:
        for changes in ([], *nights):
            for edit in changes:
                lines = edited(lines, edit)
            content = HEADER + "\n" + "".join(line + end for line, end in lines)
            contents.append(content if ended else content.removesuffix("\n"))
            seen.append(everything(night(folder, contents[-1]).as_dict()))
        transaction.set_rollback(True)
    return seen, contents, ways
