"""Undo: rows go, come back and stay as they should, to the byte; an undo is a run, and can be undone."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customers.core.signals import run_undone
from customers.core.sql import execute, is_postgres
from customers.feeds.declarations import FEEDS
from customers.models import Customer, Engagement, ImportRun, Onboarding, RowChange, StepSighting
from customers.runs.undo import NotUndoable, undo
from tests.factories import make_run, write_feed, write_feeds
from tests.support.loading import load, states
from tests.support.undoing import (
    CHANGED,
    FIRST,
    HOSTILE,
    UNDONE,
    counts,
    customer_rows,
    data,
    engagement_rows,
    left,
    newest,
    newest_file,
    onboarding_rows,
    quarantine,
    states_of_quarantine,
    undo_newest,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fixed_day")]


# --- Rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feed", FEEDS)
def test_undo_restores_every_column_of_every_row_and_can_be_undone_again_and_again(drop: Path, feed: str) -> None:
    before = data()
    write_feed(drop, feed, CHANGED[feed])
    load(drop, feed)
    loaded = newest(feed)
    after = data()
    assert before != after
    for _turn in range(3):
        undoing = undo_newest(feed)
        assert (counts(undoing), undoing.warnings) == (UNDONE[feed], [])
        assert data() == before
        again = undo(undoing, "test")
        assert again.status == "loaded"
        assert data() == after
        # Undo of the undo is the newest run; go on from the file's own run and from the chain in turn.
        loaded.refresh_from_db()
        assert loaded.undone_by is None
    assert undo(loaded, "test").warnings == []
    assert data() == before


def test_hostile_text_comes_back_as_it_was(drop: Path) -> None:
    write_feed(drop, "customers", CHANGED["customers"])
    load(drop, "customers")
    write_feed(drop, "customers", customer_rows(1, 2, 3))
    load(drop, "customers")
    assert Customer.objects.get(pk="c1").organization == "Example Ltd"
    undo_newest("customers")
    found = Customer.objects.get(pk="c1")
    assert (found.organization, found.team_size, found.cohort, found.status) == (HOSTILE, None, "", "churned")


def test_a_first_load_keeps_no_entry_and_is_undone_to_nothing(drop: Path) -> None:
    assert RowChange.objects.count() == 0
    undoing = undo_newest("engagement")
    assert (undoing.feed, undoing.file, undoing.status) == ("engagement", f"undo of run {undoing.undoes_id}", "loaded")
    assert (counts(undoing), undoing.started_by) == ({"deleted": 2}, "test")
    assert Engagement.objects.count() == 0
    assert counts(undo(undoing, "test")) == {"created": 2}
    assert Engagement.objects.get(pk="e1").line == 2


def test_the_same_file_loads_fully_after_an_undo(drop: Path) -> None:
    write_feed(drop, "engagement", [*engagement_rows(1, 2), *engagement_rows(3, 4), *engagement_rows(2, date="bad")])
    assert states(load(drop, "engagement")["engagement"]) == (2, 0, 1, 2)
    undo_newest("engagement")
    assert quarantine() == []
    assert states(load(drop, "engagement")["engagement"]) == (2, 0, 1, 2)
    assert Engagement.objects.filter(run=newest("engagement")).count() == 2
    assert len(quarantine()) == 2


ADDED = {"customers": "industry", "onboarding": "notes", "feedback": "comment", "events": "detail"}
"""A column of each feed whose default is '', to be one that a migration added after the run."""


def forget_column(feed: str) -> None:
    """Take a column out of every image in the journal, as if it had been added since."""
    name, table = ADDED[feed], RowChange._meta.db_table
    without = "{0} - '{1}'" if is_postgres() else "json_remove({0}, '$.{1}')"
    before, after = without.format("before", name), without.format("after", name)
    execute(f"UPDATE {table} SET before = {before}, after = {after}")


@pytest.mark.parametrize("feed", ADDED)
def test_a_column_that_was_added_since_changes_no_row_and_comes_back_as_its_default(drop: Path, feed: str) -> None:
    rows = [{**row, ADDED[feed]: ""} for row in CHANGED[feed]]
    first = [{**row, ADDED[feed]: ""} for row in FIRST[feed]]
    write_feed(drop, feed, first)
    load(drop, feed)
    before = data()
    write_feed(drop, feed, rows)
    load(drop, feed)
    after, loaded = data(), newest(feed)
    forget_column(feed)
    undoing = undo(loaded, "test")
    assert (counts(undoing), undoing.warnings) == (UNDONE[feed], [])
    assert data() == before
    forget_column(feed)
    assert undo(undoing, "test").status == "loaded"
    assert data() == after


def test_a_row_whose_added_column_was_filled_since_is_left(drop: Path) -> None:
    write_feed(drop, "customers", customer_rows(1, 2, industry="", organization="New"))
    load(drop, "customers")
    loaded = newest("customers")
    forget_column("customers")
    Customer.objects.filter(pk="c1").update(industry="Farms")
    undoing = undo(loaded, "test")
    assert (counts(undoing), left(undoing)) == ({"updated": 1, "unchanged": 1}, [("customer", "c1", "changed since")])


def test_marks_of_missing_rows_are_undone(drop: Path) -> None:
    before = data()
    write_feed(drop, "customers", customer_rows(1))
    load(drop, "customers")
    marked = newest("customers")
    missing = data()
    assert Customer.objects.get(pk="c2").missing_since == marked
    write_feed(drop, "customers", customer_rows(1, 2))
    load(drop, "customers", force=True)
    assert data() == before
    assert counts(undo_newest("customers")) == {"updated": 1}
    assert data() == missing
    assert counts(undo(marked, "test")) == {"updated": 1}
    assert data() == before


# --- Quarantine and sightings -------------------------------------------------------------------------------------


def test_quarantine_is_as_it_was(tmp_path: Path) -> None:
    write_feeds(
        tmp_path,
        customers=customer_rows(1),
        onboarding=onboarding_rows(2),
        engagement=[*engagement_rows(1, customer_id="c2"), *engagement_rows(2, date="bad"), *engagement_rows(3)],
    )
    load(tmp_path)
    before, waiting = data(), quarantine()
    assert [row[1:] for row in waiting] == [("onboarding", 2), ("engagement", 3), ("engagement", 2)]
    write_feed(tmp_path, "customers", customer_rows(1, 2))
    assert load(tmp_path, "customers")["customers"].retried == 2
    retried, resolved = data(), states_of_quarantine()
    assert (Onboarding.objects.get().customer_id, StepSighting.objects.count()) == ("c2", 3)
    first = undo_newest("customers")
    assert counts(first) == {"deleted": 3}
    assert (data(), quarantine()) == (before, waiting)
    assert counts(undo(first, "test")) == {"created": 3}
    assert (data(), states_of_quarantine()) == (retried, resolved)
    undo(first.undoes, "test")
    assert (data(), quarantine()) == (before, waiting)


def test_what_a_file_quarantined_is_closed_and_what_it_superseded_is_open_again(drop: Path) -> None:
    write_feed(drop, "engagement", engagement_rows(9, date="bad"))
    load(drop, "engagement")
    waiting = quarantine()
    write_feed(drop, "engagement", [*engagement_rows(9), *engagement_rows(10, date="bad")])
    load(drop, "engagement")
    later = states_of_quarantine()
    undoing = undo_newest("engagement")
    assert quarantine() == waiting
    assert states_of_quarantine() == [(waiting[0][0], "open", None), (later[1][0], "superseded", undoing.pk)]
    undo(undoing, "test")
    assert states_of_quarantine() == later


def test_the_first_sightings_are_of_the_first_import_again(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=customer_rows(1), onboarding=onboarding_rows(1))
    load(tmp_path)
    seen = list(StepSighting.objects.values("customer", "step", "seen_on", "at_first_import"))
    assert [row["at_first_import"] for row in seen] == [True] * 3
    undo_newest("onboarding")
    assert StepSighting.objects.count() == 0
    load(tmp_path)
    assert list(StepSighting.objects.values("customer", "step", "seen_on", "at_first_import")) == seen
    assert {row.run for row in StepSighting.objects.all()} == {newest("onboarding")}


def test_a_later_sighting_goes_and_comes_with_its_flag(drop: Path) -> None:
    write_feed(drop, "onboarding", onboarding_rows(1, 2, first_issue_tagged="true"))
    load(drop, "onboarding")
    seen = data()["StepSighting"]
    assert len(seen) == 8
    undoing = undo_newest("onboarding")
    assert data()["StepSighting"] == [row for row in seen if row["step"] != "first_issue_tagged"]
    undo(undoing, "test")
    assert data()["StepSighting"] == seen


# --- Guardrails, and what cannot be undone ------------------------------------------------------------------------


def test_the_guardrail_ignores_runs_that_are_undone(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=customer_rows(*range(20)))
    load(tmp_path, "customers")
    write_feed(tmp_path, "customers", customer_rows(*range(45)))
    load(tmp_path, "customers")
    write_feed(tmp_path, "customers", customer_rows(*range(20)))
    assert load(tmp_path, "customers")["customers"].status == "refused"
    undoing = undo(ImportRun.objects.get(rows=45), "test")
    assert load(tmp_path, "customers")["customers"].status == "loaded"
    undo(newest_file(), "test")
    undo(undoing, "test")
    assert load(tmp_path, "customers")["customers"].status == "refused"


@pytest.mark.parametrize("status", ["running", "refused", "failed", "interrupted"])
def test_only_loaded_runs_can_be_undone(status: str) -> None:
    never = make_run(status=status)
    with pytest.raises(NotUndoable, match=f"^Run {never.pk} was not loaded \\({status}\\)"):
        undo(never, "test")
    assert ImportRun.objects.count() == 1


def test_not_twice(drop: Path) -> None:
    loaded = newest("engagement")
    undoing = undo(loaded, "test")
    with pytest.raises(NotUndoable, match=f"^Run {loaded.pk} is undone already, by run {undoing.pk}\\.$"):
        undo(loaded, "test")
    again = undo(undoing, "test")
    third = undo(loaded, "test")
    with pytest.raises(NotUndoable, match=f"^Run {again.pk} no longer counts: what it did was undone by another run"):
        undo(again, "test")
    loaded.refresh_from_db()
    assert loaded.undone_by == third
    assert set(ImportRun.objects.accepted().values_list("feed", flat=True)) == {
        "customers",
        "onboarding",
        "feedback",
        "events",
    }


def test_a_failed_undo_changes_nothing_and_says_why(drop: Path) -> None:
    before = data()

    def break_it(**_signal: Any) -> None:
        raise ValueError("a listener broke")

    run_undone.connect(break_it)
    try:
        undoing = undo(newest("engagement"), "test")
    finally:
        run_undone.disconnect(break_it)
    assert (undoing.status, undoing.reason) == ("failed", "ValueError: a listener broke")
    assert (data(), RowChange.objects.count(), counts(undoing)) == (before, 0, {})
    kept = ImportRun.objects.get(pk=undoing.pk)
    assert (kept.status, kept.undoes.undone_by, kept.finished_at is None) == ("failed", None, False)
    assert undo_newest_file("engagement").status == "loaded"


def undo_newest_file(feed: str) -> ImportRun:
    return undo(ImportRun.objects.filter(feed=feed, undoes=None).latest("pk"), "test")


# --- What it costs -------------------------------------------------------------------------------------------------


def test_the_queries_do_not_grow_with_the_rows(tmp_path: Path) -> None:
    found = []
    for size in (10, 500):
        rows = {"customers": customer_rows(*range(size)), "onboarding": onboarding_rows(*range(size))}
        write_feeds(tmp_path, **rows, engagement=[*engagement_rows(*range(size)), *engagement_rows(0, date="bad")])
        load(tmp_path)
        for feed in ("engagement", "onboarding", "customers"):
            loaded = newest(feed)
            with CaptureQueriesContext(connection) as forth:
                undoing = undo(loaded, "test")
            with CaptureQueriesContext(connection) as back:
                again = undo(undoing, "test")
            found.append((len(forth), len(back)))
            undo(again, "test")
    assert found[:3] == found[3:]
    # Each table that is computed of customers has one or two of its own.
    assert max(max(pair) for pair in found) <= 95
