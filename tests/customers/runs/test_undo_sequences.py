"""Undo in any order: each one can be taken back, and in reverse order everything is as it was."""

from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.models import ImportRun
from customers.runs.undo import undo
from tests.factories import csv_row, write_feed
from tests.support.loading import load
from tests.support.selection import examples_of_a_push
from tests.support.undoing import HOSTILE, counts, data, left, quarantine, states_of_quarantine

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fixed_day")]

small = st.integers(1, 4)
words = st.sampled_from(["", "x", HOSTILE])
FILES: dict[str, st.SearchStrategy[Any]] = {
    "customers": st.lists(
        st.builds(lambda n, text: csv_row("customers", id=f"c{n}", cohort=text.strip()[:90]), small, words),
        max_size=4,
        unique_by=lambda row: row["id"],
    ),
    "onboarding": st.lists(
        st.builds(
            lambda n, other, flag: csv_row(
                "onboarding", id=f"o{n}", customer_id=f"c{other}", first_issue_tagged=flag, welcome_email_sent=flag
            ),
            small,
            small,
            st.sampled_from(["yes", "no"]),
        ),
        max_size=4,
        unique_by=lambda row: row["id"],
    ),
    "engagement": st.lists(
        st.builds(
            lambda n, other, tagged: csv_row("engagement", id=f"e{n}", customer_id=f"c{other}", issues_tagged=tagged),
            small,
            small,
            st.sampled_from(["0", "1", "many"]),
        ),
        max_size=5,
    ),
}
loads = st.sampled_from(sorted(FILES)).flatmap(lambda feed: st.tuples(st.just(feed), FILES[feed]))


def everything() -> tuple[Any, ...]:
    return data(), quarantine()


@settings(max_examples=examples_of_a_push(15))
@given(steps=st.lists(loads, min_size=1, max_size=6))
def test_undone_in_reverse_order_everything_is_as_it_was(
    steps: list[tuple[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("drop")
    with transaction.atomic():
        was = []
        for feed, rows in steps:
            was.append(everything())
            write_feed(folder, feed, rows)
            load(folder, feed, force=True)
            loaded = ImportRun.objects.latest("pk")
            # Forth and back after each step, from the file's run.
            there = (*everything(), states_of_quarantine())
            undoing = undo(loaded, "test")
            assert (undoing.status, left(undoing)) == ("loaded", [])
            assert everything() == was[-1]
            again = undo(undoing, "test")
            assert (again.status, left(again)) == ("loaded", [])
            assert (*everything(), states_of_quarantine()) == there
        for loaded in ImportRun.objects.accepted().order_by("-pk"):
            undoing = undo(loaded, "test")
            assert (undoing.status, left(undoing)) == ("loaded", [])
            assert everything() == was.pop()
        assert not any(was)
        connection.check_constraints()
        transaction.set_rollback(True)


@settings(max_examples=examples_of_a_push(15))
@given(steps=st.lists(st.one_of(loads, st.integers(0, 9)), min_size=2, max_size=9))
def test_in_any_order_nothing_breaks_and_each_undo_can_be_taken_back(
    steps: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("drop")
    with transaction.atomic():
        for step in steps:
            if isinstance(step, tuple):
                write_feed(folder, *step)
                load(folder, step[0], force=True)
                continue
            runs = [found for found in ImportRun.objects.all() if not found.why_not_undoable]
            if runs:
                chosen = runs[step % len(runs)]
                before = (*everything(), states_of_quarantine())
                undoing = undo(chosen, "test")
                assert undoing.status == "loaded", undoing.reason
                counts(undoing)
                connection.check_constraints()
                again = undo(undoing, "test")
                assert (again.status, left(again)) == ("loaded", [])
                assert (*everything(), states_of_quarantine()) == before
                undo(again, "test")
        connection.check_constraints()
        transaction.set_rollback(True)
