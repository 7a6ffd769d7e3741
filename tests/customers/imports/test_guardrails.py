"""Guardrails: when a file is refused as a whole, and what ``--force`` and ``--strict`` make of that."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from customers.feeds.reader import CsvReader
from customers.imports import load as loader
from customers.imports.checks.guardrails import Guardrails
from customers.models import Engagement, ImportRun, QuarantinedRow
from tests.factories import write_feed, write_feeds
from tests.support.loading import customer_row, load, onboarding_row, states
from tests.support.quarantined_rows import UNKNOWN, engagement_row, load_engagement

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_10_may")]


def rows_with_bad(rows: int, bad: int) -> list[dict[str, str]]:
    return [engagement_row(f"e{number}", date="soon" if number < bad else "2025-05-02") for number in range(rows)]


@pytest.mark.parametrize(
    ("rows", "bad", "status"),
    [
        (19, 19, "loaded"),
        (20, 2, "loaded"),
        (20, 3, "refused"),
        (29, 2, "loaded"),
        (29, 3, "refused"),
        (30, 3, "loaded"),
        (70, 7, "loaded"),
        (70, 8, "refused"),
    ],
)
def test_more_than_a_tenth_of_at_least_20_rows(rows: int, bad: int, status: str, tmp_path: Path) -> None:
    outcome = load_engagement(tmp_path, *rows_with_bad(rows, bad))
    assert outcome.status == status
    if status == "loaded":
        assert states(outcome) == (rows - bad, 0, 0, bad)
        return
    soon = "date: 'soon' is not a date of the form YYYY-MM-DD"
    assert outcome.reason == (
        f"{bad} of {rows} rows would be quarantined, more than 10 %: line 2: {soon}; line 3: {soon}; line 4: {soon}"
    )
    assert not Engagement.objects.exists()
    assert not QuarantinedRow.objects.exists()


def test_rows_that_only_others_make_bad_count_too(tmp_path: Path) -> None:
    rows = [engagement_row(f"e{number}", "c9" if number < 3 else "c1") for number in range(20)]
    outcome = load_engagement(tmp_path, *rows)
    assert (outcome.status, str(outcome.reason)[:50]) == (
        "refused",
        "3 of 20 rows would be quarantined, more than 10 %:",
    )


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (20, 10, "loaded"),
        (20, 9, "refused"),
        (21, 11, "loaded"),
        (21, 10, "refused"),
        (19, 0, "loaded"),
        (20, 0, "refused"),
    ],
)
@pytest.mark.parametrize("feed", ["customers", "onboarding"])
def test_a_full_feed_that_lost_more_than_half_of_at_least_20_rows(
    feed: str, before: int, after: int, status: str, tmp_path: Path
) -> None:
    customers = [customer_row(number) for number in range(30)]
    rows = {
        "customers": [customer_row(number) for number in range(before)],
        "onboarding": [onboarding_row(f"o{number}", f"c{number}") for number in range(before)],
    }[feed]
    load(write_feeds(tmp_path, **{"customers": customers, feed: rows}))
    write_feed(tmp_path, feed, rows[:after])
    outcome = load(tmp_path, feed)[feed]
    assert outcome.status == status
    if status == "refused":
        assert outcome.reason == f"the file has {after} rows, the last one had {before}: more than half are gone"
        # The refused file is not the one that the next one is measured by.
        assert load(tmp_path, feed)[feed].status == "refused"


def test_the_last_accepted_run_is_the_measure(tmp_path: Path) -> None:
    customers = [customer_row(number) for number in range(60)]
    for kept, status in ((60, "loaded"), (30, "loaded"), (15, "loaded"), (59, "loaded"), (29, "refused")):
        write_feed(tmp_path, "customers", customers[:kept])
        assert load(tmp_path, "customers")["customers"].status == status


def test_history_may_shrink(tmp_path: Path) -> None:
    load_engagement(tmp_path, *rows_with_bad(40, 0))
    assert load_engagement(tmp_path, *rows_with_bad(1, 0)).status == "loaded"


def append_while_reading(path: Path) -> Callable[[Path], Callable[[int], object]]:
    """A progress callback that appends a row to ``path`` when its first bytes have been read."""
    left = [path]

    def progress_of(read: Path) -> Callable[[int], object]:
        def progress(_count: int) -> None:
            if read in left:
                left.remove(read)
                with read.open("ab") as file:
                    file.write(b"e99,c1,2025-05-02,1,,,,\n")

        return progress

    return progress_of


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_a_file_that_changed_while_it_was_read(compressed: bool, tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=[customer_row(1)])
    (tmp_path / "engagement.csv").unlink()
    path = write_feed(tmp_path, "engagement", [engagement_row("e1")], compress=compressed)
    changed = "the file changed while it was read; import it again once it is complete"
    before = path.read_bytes()
    outcome = load(tmp_path, progress=append_while_reading(path))["engagement"]
    assert outcome.status == "refused"
    assert changed in str(outcome.reason) or (compressed and "broken gzip" in str(outcome.reason))
    assert not Engagement.objects.exists()

    path.write_bytes(before)
    if not compressed:
        forced = load(tmp_path, progress=append_while_reading(path), force=True)["engagement"]
        assert forced.warnings == [f"forced by test: {changed}"]
        assert Engagement.objects.filter(pk="e1").exists()


def test_a_file_that_changes_before_its_bad_rows_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_feeds(tmp_path, customers=[customer_row(1)], engagement=[engagement_row("e1", "c9")])
    check = Guardrails.check

    def change_afterwards(self: Any, source: CsvReader) -> None:
        check(self, source)
        if self.feed.name == "engagement":
            write_feed(path, "engagement", [engagement_row("e2"), engagement_row("e1", "c9")])

    monkeypatch.setattr(Guardrails, "check", change_afterwards)
    outcome = load(tmp_path)["engagement"]
    assert outcome.reason == "the file changed while it was read; import it again once it is complete"


def test_force_lets_guardrails_pass_and_the_run_says_who(tmp_path: Path) -> None:
    customers = [customer_row(number) for number in range(20)]
    load(write_feeds(tmp_path, customers=customers))
    write_feeds(tmp_path, customers=customers[:9], engagement=rows_with_bad(20, 3))
    assert [outcome.status for outcome in load(tmp_path).values()] == ["refused", "loaded", "refused"]
    outcomes = load(tmp_path, force=True, started_by="Ann")
    assert (states(outcomes["customers"]), states(outcomes["engagement"])) == ((0, 0, 9, 0), (17, 0, 0, 3))
    assert outcomes["customers"].warnings == [
        "forced by Ann: the file has 9 rows, the last one had 20: more than half are gone"
    ]
    assert dict(ImportRun.objects.filter(status="loaded").order_by("pk").values_list("feed", "forced_by")) == {
        "customers": "Ann",
        "onboarding": "",
        "engagement": "Ann",
    }
    assert outcomes["engagement"].warnings[0].startswith("forced by Ann: 3 of 20 rows would be quarantined")


def test_a_forced_run_that_fails_has_forced_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "merge", lambda *_arguments, **_options: 1 / 0)
    outcome = load_engagement(tmp_path, *rows_with_bad(20, 3), force=True)
    assert outcome.reason == "ZeroDivisionError: division by zero"
    assert ImportRun.objects.get(pk=outcome.run).forced_by == ""


def test_several_guardrails_are_all_named(tmp_path: Path) -> None:
    customers = [customer_row(number) for number in range(60)]
    load(write_feeds(tmp_path, customers=customers))
    bad = [customer_row(number, team_size="x") for number in range(20)]
    reason = str(load(write_feeds(tmp_path, customers=bad))["customers"].reason)
    assert reason.startswith("20 of 20 rows would be quarantined, more than 10 %: ")
    assert reason.endswith("; the file has 20 rows, the last one had 60: more than half are gone")


@pytest.mark.parametrize("force", [False, True], ids=["plain", "forced"])
def test_strict_refuses_any_quarantined_row(force: bool, tmp_path: Path) -> None:
    outcome = load_engagement(tmp_path, engagement_row("e1"), engagement_row("e2", "c9"), strict=True, force=force)
    assert outcome.status == "refused"
    assert outcome.reason == f"1 of 2 rows would be quarantined, and --strict allows none: line 3: {UNKNOWN}"
    assert not Engagement.objects.exists()
    assert load_engagement(tmp_path, engagement_row("e1"), strict=True).status == "loaded"
