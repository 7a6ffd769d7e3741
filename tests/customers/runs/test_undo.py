"""Undo: rows go, come back and stay as they should, to the byte; an undo is a run, and can be undone."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.models import PortfolioDay, Snapshot, Task
from analytics.scoring.snapshots import score_day
from customers.core.signals import run_undone
from customers.core.sql import execute, is_postgres
from customers.feeds.declarations import FEEDS
from customers.imports.feed_states import feed_states
from customers.models import (
    Customer,
    CustomerCare,
    Engagement,
    ImportRun,
    Onboarding,
    QuarantinedRow,
    RowChange,
    StepSighting,
)
from customers.runs import undo as undo_module
from customers.runs.undo import NotUndoable, preview_undo, undo
from tests.factories import csv_row, make_engagement, make_run, make_staff, write_feed, write_feeds
from tests.support.commands import held_elsewhere, run
from tests.support.loading import load, states
from tests.support.pages import notices, section

pytestmark = pytest.mark.django_db

MODELS = [*(feed.model for feed in FEEDS.values()), StepSighting]
HOSTILE = "a\"b'c\\ \\u0041 %s {x} \u2028\u200d\U0001f600 \t\r\nnull true 1e5 $.x <b>&amp;"
TODAY = date(2026, 1, 31)


@pytest.fixture(autouse=True)
def fixed_day(today_is: Callable[[date], None]) -> None:
    today_is(TODAY)


def data() -> dict[str, list[dict[str, Any]]]:
    """Every column of every row of the feeds and sightings."""
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in MODELS}


def quarantine() -> list[tuple[Any, ...]]:
    """The quarantine's rows that are open."""
    return list(QuarantinedRow.objects.filter(status="open").order_by("pk").values_list("pk", "feed", "line"))


def states_of_quarantine() -> list[tuple[Any, ...]]:
    return list(QuarantinedRow.objects.order_by("pk").values_list("pk", "status", "resolved_by"))


def newest(feed: str) -> ImportRun:
    return ImportRun.objects.filter(feed=feed).latest("pk")


def counts(undoing: ImportRun) -> dict[str, int]:
    """An undo's counts, those that are not 0."""
    assert undoing.created + undoing.updated + undoing.unchanged + undoing.quarantined == undoing.rows
    found = {name: getattr(undoing, name) for name in ("created", "updated", "unchanged", "deleted")}
    return {name: count for name, count in found.items() if count}


def undo_newest(feed: str) -> ImportRun:
    undoing = undo(newest(feed), "test")
    assert undoing.status == "loaded", undoing.reason
    connection.check_constraints()
    return undoing


def left(undoing: ImportRun) -> list[tuple[str, str, str]]:
    return list(undoing.changes.left().values_list("model", "key", "reason"))


def customer_rows(*numbers: int, **overrides: str) -> list[dict[str, str]]:
    return [csv_row("customers", id=f"c{number}", **overrides) for number in numbers]


def onboarding_rows(*numbers: int, **overrides: str) -> list[dict[str, str]]:
    return [csv_row("onboarding", id=f"o{number}", customer_id=f"c{number}", **overrides) for number in numbers]


def engagement_rows(*numbers: int, **overrides: str) -> list[dict[str, str]]:
    return [csv_row("engagement", **{"id": f"e{number}", "customer_id": "c1", **overrides}) for number in numbers]


FIRST: dict[str, list[dict[str, str]]] = {
    "customers": customer_rows(1, 2),
    "onboarding": onboarding_rows(1, 2),
    "engagement": engagement_rows(1, 2),
    "feedback": [csv_row("feedback", id="f1", customer_id="c1")],
    "events": [csv_row("events", id="v1", customer_id="c1")],
}


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """Two customers with their rows in all five feeds, loaded."""
    write_feeds(tmp_path, **FIRST)
    load(tmp_path)
    return tmp_path


CHANGED: dict[str, list[dict[str, str]]] = {
    "customers": [
        *customer_rows(1, organization=HOSTILE, team_size="", cohort="", status="churned"),
        *customer_rows(2),
        *customer_rows(3),
    ],
    "onboarding": [
        csv_row("onboarding", id="o1", customer_id="c1", notes=HOSTILE, first_issue_tagged="true"),
        csv_row("onboarding", id="o2-new", customer_id="c2", completed_date="2025-05-09", account_created="no"),
    ],
    "engagement": [*engagement_rows(1, issues_tagged="2147483647"), *engagement_rows(2), *engagement_rows(3)],
    "feedback": [
        csv_row("feedback", id="f1", customer_id="c1", nps="", csat="1", comment=HOSTILE),
        csv_row("feedback", id="f2", customer_id="c2", comment=HOSTILE),
    ],
    "events": [
        csv_row("events", id="v1", customer_id="c2", detail=HOSTILE),
        csv_row("events", id="v2", customer_id="c2"),
    ],
}
UNDONE = {
    "customers": {"updated": 1, "deleted": 1},
    "onboarding": {"updated": 1, "created": 1, "deleted": 1},
    "engagement": {"updated": 1, "deleted": 1},
    "feedback": {"updated": 1, "deleted": 1},
    "events": {"updated": 1, "deleted": 1},
}


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


def test_rows_changed_by_a_later_run_are_left_and_listed(drop: Path) -> None:
    write_feed(drop, "engagement", engagement_rows(1, 2, 3, 4, issues_tagged="7"))
    load(drop, "engagement")
    first = newest("engagement")
    write_feed(drop, "engagement", [*engagement_rows(1, issues_tagged="8"), *engagement_rows(3, issues_tagged="9")])
    load(drop, "engagement")
    later = newest("engagement")
    undoing = undo(first, "test")
    assert counts(undoing) == {"updated": 1, "deleted": 1, "unchanged": 2}
    why = f"changed since by run {later.pk}"
    assert left(undoing) == [("engagement", "e1", why), ("engagement", "e3", why)]
    assert undoing.warnings == [f"2 engagement rows left: {why} (such as e1)"]
    assert dict(Engagement.objects.values_list("pk", "issues_tagged")) == {"e1": 8, "e2": 5, "e3": 9}
    # What was left is no part of the undo: undoing that leaves it alone again.
    assert counts(undo(undoing, "test")) == {"created": 1, "updated": 1}
    assert dict(Engagement.objects.values_list("pk", "issues_tagged")) == {"e1": 8, "e2": 7, "e3": 9, "e4": 7}


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


def test_a_customer_with_a_task_stays_with_it(drop: Path) -> None:
    write_feed(drop, "customers", customer_rows(1, 2, 3, 4))
    load(drop, "customers")
    Task.objects.create(customer_id="c3", what="Call them", due=TODAY)
    undoing = undo(newest("customers"), "test")
    assert left(undoing) == [("customer", "c3", "still has tasks")]
    assert (Task.objects.get().customer_id, Customer.objects.filter(pk="c4").exists()) == ("c3", False)


def test_customers_whom_others_need_are_left_and_listed(drop: Path) -> None:
    write_feed(drop, "customers", customer_rows(1, 2, 3, 4, 5))
    load(drop, "customers")
    created = newest("customers")
    CustomerCare.objects.create(customer_id="c3", notes="ours")
    make_engagement(Customer.objects.get(pk="c4"), TODAY, id="other")
    undoing = undo(created, "test")
    assert counts(undoing) == {"deleted": 1, "unchanged": 2}
    assert left(undoing) == [
        ("customer", "c3", "still has customer care"),
        ("customer", "c4", "still has engagement"),
    ]
    assert sorted(Customer.objects.values_list("pk", flat=True)) == ["c1", "c2", "c3", "c4"]
    assert CustomerCare.objects.get().notes == "ours"


def test_a_row_does_not_come_back_to_a_customer_who_is_gone(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=customer_rows(1), onboarding=onboarding_rows(1), engagement=engagement_rows(1))
    load(tmp_path)
    undone = [undo_newest(feed) for feed in ("engagement", "onboarding", "customers")]
    assert all(not rows for rows in data().values())
    again = undo(undone[0], "test")
    assert left(again) == [("engagement", "e1", "there is no customer c1")]
    assert counts(again) == {"unchanged": 1}
    assert Engagement.objects.count() == 0


def test_a_row_does_not_come_back_where_its_customer_has_another(drop: Path) -> None:
    write_feed(drop, "onboarding", [*onboarding_rows(1), csv_row("onboarding", id="new", customer_id="c2")])
    load(drop, "onboarding")
    replaced = newest("onboarding")
    write_feed(drop, "onboarding", [*onboarding_rows(1), csv_row("onboarding", id="newer", customer_id="c2")])
    load(drop, "onboarding")
    undoing = undo(replaced, "test")
    assert left(undoing) == [("onboarding", "o2", "its customer has another row now")]
    assert sorted(Onboarding.objects.values_list("pk", flat=True)) == ["newer", "o1"]
    assert StepSighting.objects.filter(customer="c2").count() == 3


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


def test_a_row_that_a_later_file_lacks_is_left(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=customer_rows(1, 2))
    load(tmp_path, "customers")
    first = newest("customers")
    write_feed(tmp_path, "customers", customer_rows(1))
    load(tmp_path, "customers")
    undoing = undo(first, "test")
    assert left(undoing) == [("customer", "c2", f"missing from the feed since run {newest_file().pk}")]
    assert list(Customer.objects.values_list("pk", flat=True)) == ["c2"]


def newest_file() -> ImportRun:
    return ImportRun.objects.filter(undoes=None).latest("pk")


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


def test_a_row_that_came_out_of_quarantine_since_is_left_with_its_state(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=customer_rows(1), engagement=engagement_rows(1, customer_id="c2"))
    load(tmp_path)
    file = newest("engagement")
    write_feed(tmp_path, "customers", customer_rows(1, 2))
    load(tmp_path, "customers")
    undoing = undo(file, "test")
    assert left(undoing) == [("engagement", "e1", f"loaded from quarantine by run {newest('customers').pk}")]
    assert QuarantinedRow.objects.get().status == "loaded"
    undo_newest("customers")
    assert (Engagement.objects.count(), len(quarantine())) == (0, 1)


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


def test_a_sighting_stays_with_a_row_that_is_left(drop: Path) -> None:
    write_feed(drop, "onboarding", onboarding_rows(1, 2, first_issue_tagged="true"))
    load(drop, "onboarding")
    flagged = newest("onboarding")
    flags = {"first_issue_tagged": "true", "blocker_type": "other"}
    write_feed(drop, "onboarding", [*onboarding_rows(1, **flags), *onboarding_rows(2, first_issue_tagged="true")])
    load(drop, "onboarding")
    assert counts(undo(flagged, "test")) == {"updated": 1, "unchanged": 1}
    assert [row.customer_id for row in StepSighting.objects.filter(step="first_issue_tagged")] == ["c1"]


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


# --- Any sequence -------------------------------------------------------------------------------------------------

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


@settings(max_examples=15)
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


@settings(max_examples=15)
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
    assert max(max(pair) for pair in found) < 80


# --- Snapshots ----------------------------------------------------------------------------------------------------


def stale() -> list[date]:
    return list(PortfolioDay.objects.filter(stale=True).order_by("date").values_list("date", flat=True))


MAY_1, MAY_2, MAY_3 = (date(2025, 5, day) for day in (1, 2, 3))


def test_what_was_scored_since_the_run_is_stale_until_it_is_scored_again(drop: Path, client: Client) -> None:
    score_day(MAY_1)
    write_feed(drop, "engagement", [*engagement_rows(1, 2), *engagement_rows(3, date="2025-05-03")])
    load(drop, "engagement")
    for day in (MAY_2, MAY_3):
        score_day(day)
    assert (stale(), PortfolioDay.objects.get(pk=MAY_3).day_issues_tagged) == ([], 5)
    undo_newest("engagement")
    assert stale() == [MAY_2, MAY_3]
    client.force_login(make_staff("Viewer"))
    notice = "was scored from has changed since: an import was undone"
    assert notice in client.get("/admin/").text
    assert notice in client.get("/admin/customer/c1/?as_of=2025-05-02").text
    assert notice not in client.get("/admin/?as_of=2025-05-01").text
    ran = run("score")
    assert (ran.code, ran.lines[-1]) == (0, "Scored 2 dates: 2025-05-02 to 2025-05-03.")
    assert (stale(), PortfolioDay.objects.get(pk=MAY_3).day_issues_tagged) == ([], 0)
    assert notice not in client.get("/admin/").text
    assert run("score").lines[-1] == "Scored 1 date: 2025-05-02."


def test_an_undo_that_changes_nothing_makes_nothing_stale(drop: Path) -> None:
    load(drop, "engagement")
    score_day(MAY_2)
    assert counts(undo_newest("engagement")) == {}
    assert stale() == []


def test_nightly_scores_stale_dates_again(drop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(project, "EXPORT_DIR", tmp_path / "exports")
    for day in (MAY_1, MAY_2):
        score_day(day)
    undo_newest("engagement")
    assert stale() == [MAY_1, MAY_2]
    assert run("nightly", "--dir", drop).code == 0
    assert (stale(), PortfolioDay.objects.get(pk=MAY_2).day_issues_tagged) == ([], 10)


def test_snapshots_go_with_their_customers_and_come_back_by_scoring(drop: Path) -> None:
    write_feed(drop, "customers", customer_rows(1, 2, 3))
    load(drop, "customers")
    score_day(MAY_2)
    undoing = undo_newest("customers")
    assert sorted(Snapshot.objects.values_list("customer", flat=True)) == ["c1", "c2"]
    undo(undoing, "test")
    run("score")
    assert sorted(Snapshot.objects.values_list("customer", flat=True)) == ["c1", "c2", "c3"]


def test_the_feeds_state_is_that_of_the_run_that_counts(drop: Path) -> None:
    first = newest("engagement")
    write_feed(drop, "engagement", engagement_rows(1, 2, 3))
    load(drop, "engagement")
    (drop / "engagement.csv").write_bytes(b"")
    load(drop, "engagement")
    refused = newest("engagement")
    undo(ImportRun.objects.filter(feed="engagement", status="loaded").latest("pk"), "test")
    [state] = [state for state in feed_states() if state.file == "engagement.csv"]
    assert (state.loaded, state.trouble) == (first, refused)


# --- The command and the page -------------------------------------------------------------------------------------


def test_the_command_undoes_and_lists_what_it_left(drop: Path) -> None:
    write_feed(drop, "customers", customer_rows(1, 2, 3, 4))
    load(drop, "customers")
    loaded = newest("customers")
    CustomerCare.objects.create(customer_id="c3")
    ran = run("undo_import", loaded.pk)
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines == [
        "  left: customer c3: still has customer care",
        f"Run {loaded.pk} (customers.csv) is undone by run {newest('customers').pk}: "
        "1 deleted, 0 put back, 0 created again, 1 left.",
    ]
    ran = run("undo_import", loaded.pk)
    assert (ran.code, ran.err) == (2, f"Run {loaded.pk} is undone already, by run {newest('customers').pk}.\n")


@pytest.mark.parametrize("number", [0, 999_999, 10**30])
def test_the_command_needs_a_run(number: int) -> None:
    ran = run("undo_import", number)
    assert (ran.code, ran.err) == (2, f"There is no run {number}.\n")


def test_the_command_says_that_an_undo_failed(drop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo_module, "insert_row_json", lambda *_arguments: 1 / 0)
    ran = run("undo_import", newest("events").pk)
    assert (ran.code, ran.lines[-1]) == (
        1,
        f"Run {newest('events').undoes_id} was not undone: ZeroDivisionError: division by zero",
    )


def test_busy(drop: Path, client: Client) -> None:
    loaded = newest("events")
    client.force_login(make_staff("Program manager"))
    with held_elsewhere("import"):
        assert run("undo_import", loaded.pk).code == 75
        answers = [client.get(page(loaded), follow=True), client.post(page(loaded), follow=True)]
    for answer in answers:
        assert "An import is running; try again when it has ended." in answer.text
    assert newest("events") == loaded


def page(loaded: ImportRun) -> str:
    return f"/admin/customers/importrun/{loaded.pk}/undo/"


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (None, False),
        ("Viewer", False),
        ("Success manager", False),
        ("Program manager", True),
        ("Administrator", True),
    ],
)
def test_who_may_undo(drop: Path, client: Client, role: str | None, may: bool) -> None:
    loaded = newest("engagement")
    client.force_login(make_staff(role))
    if role:
        text = client.get(f"/admin/customers/importrun/{loaded.pk}/change/").text
        assert ("Undo this import" in text) == may
    asked = client.get(page(loaded))
    assert asked.status_code == (200 if may else 403)
    assert Engagement.objects.count() == 2
    sent = client.post(page(loaded))
    assert sent.status_code == (302 if may else 403)
    assert Engagement.objects.count() == (0 if may else 2)


def test_a_visitor_is_led_to_the_login(drop: Path, client: Client) -> None:
    response = client.post(page(newest("engagement")))
    assert (response.status_code, response.url) == (302, f"/admin/login/?next={page(newest('engagement'))}")
    assert Engagement.objects.count() == 2


def test_the_page_asks_with_the_counts_then_undoes(drop: Path, client: Client) -> None:
    write_feed(drop, "engagement", engagement_rows(1, 2, 3, 4, issues_tagged="7"))
    load(drop, "engagement")
    loaded = newest("engagement")
    write_feed(drop, "engagement", engagement_rows(4, issues_tagged="8"))
    load(drop, "engagement")
    client.force_login(make_staff("Program manager", username="pat"))
    before = (data(), ImportRun.objects.count(), RowChange.objects.count())
    response = client.get(page(loaded))
    why = f"changed since by run {newest('engagement').pk}"
    assert section(response, "expected") == (
        "What will happen Rows deleted 1 Rows put back as they were 2 Rows created again 0 Rows left 1"
    )
    assert notices(response) == [f"1 engagement row left: {why} (e4)"]
    assert (data(), ImportRun.objects.count(), RowChange.objects.count()) == before
    response = client.post(page(loaded), follow=True)
    undoing = newest("engagement")
    assert response.redirect_chain == [(f"/admin/customers/importrun/{undoing.pk}/change/", 302)]
    said = f"Run {loaded.pk} is undone: 1 deleted, 2 put back, 0 created again, 1 left."
    assert said in response.text
    assert (undoing.started_by, counts(undoing)) == ("pat", {"updated": 2, "unchanged": 1, "deleted": 1})
    again = client.get(page(loaded), follow=True)
    assert f"Run {loaded.pk} is undone already, by run {undoing.pk}." in again.text
    assert "Undo this import" not in again.text
    assert "Undo this import" in client.get(f"/admin/customers/importrun/{undoing.pk}/change/").text


def test_a_run_that_is_not_there(client: Client) -> None:
    client.force_login(make_staff("Administrator"))
    assert client.get("/admin/customers/importrun/999999/undo/").status_code == 404


def test_preview_is_what_undo_does(drop: Path) -> None:
    write_feed(drop, "onboarding", CHANGED["onboarding"])
    load(drop, "onboarding")
    expected = preview_undo(newest("onboarding"))
    assert counts(expected) == counts(undo_newest("onboarding")) == UNDONE["onboarding"]


# --- A database that fails ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_page_does_not_repeat_what_the_database_says(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_given: Any) -> None:
        raise OperationalError('connection to "10.1.2.3" failed\nDETAIL: Key (email)=(someone@firm.example) is there')

    monkeypatch.setattr("customers.runs.undo_views.preview_undo", fail)
    client.force_login(make_staff("Program manager"))
    response = client.get(f"/admin/customers/importrun/{make_run().pk}/undo/", follow=True)
    text = response.text
    assert "The database cannot be used. Tell the operator: the log says why." in text
    assert "10.1.2.3" not in text
    assert "firm.example" not in text
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [OperationalError]
