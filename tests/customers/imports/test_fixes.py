"""Quarantine, fix, replay: a fixed row is loaded, remembered for later files, and never over newer data."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customers.feeds.reader import CsvReader
from customers.imports.fixes import cells_to_fix
from customers.imports.load import replay_chosen
from customers.models import Customer, Engagement, ImportRun, Onboarding, QuarantinedRow, StepSighting
from customers.runs.undo import undo
from tests.factories import csv_row, make_customer, write_feed, write_feeds
from tests.support.loading import HEADER, customer_row, load, states, write_bytes
from tests.support.quarantined_rows import bad_customer, fixed, load_engagement_lines

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_10_may")]


def replay_all() -> list[tuple[str, tuple[int, int, int, int]]]:
    return [(outcome.feed, states(outcome)) for outcome in replay_chosen(QuarantinedRow.objects.all(), "mary")]


def open_rows() -> dict[str, list[str]]:
    return dict(QuarantinedRow.objects.filter(status="open").values_list("key", "reasons"))


# --- Replay -----------------------------------------------------------------------------------------------------


def test_a_fixed_row_is_loaded_and_names_the_line_it_is_from(tmp_path: Path) -> None:
    row = bad_customer(tmp_path)
    fixed(row, email="two@example.com")
    assert replay_all() == [("customers", (1, 0, 0, 0))]
    run = ImportRun.objects.first()
    assert run is not None
    assert (run.feed, run.scope, run.file, run.started_by) == ("customers", "replay", "replay by mary", "mary")
    assert (run.status, run.rows, run.sha256) == ("loaded", 1, "")
    customer = Customer.objects.get(pk="c2")
    assert (customer.email, customer.run_id, customer.line) == ("two@example.com", row.run_id, 3)
    row.refresh_from_db()
    assert (row.status, row.resolved_by_id) == ("loaded", run.pk)


def test_a_second_replay_changes_nothing(tmp_path: Path) -> None:
    fixed(bad_customer(tmp_path), email="two@example.com")
    replay_all()
    before = list(Customer.objects.order_by("pk").values())
    runs = ImportRun.objects.count()
    assert replay_all() == []
    assert (list(Customer.objects.order_by("pk").values()), ImportRun.objects.count()) == (before, runs)


def test_a_row_that_is_still_bad_keeps_its_new_reasons(tmp_path: Path) -> None:
    fixed(bad_customer(tmp_path), email="two@example.com", team_size="many", signup_date="")
    for _time in range(2):
        assert replay_all() == [("customers", (0, 0, 0, 1))]
        assert open_rows() == {
            "c2": [
                "signup_date: is required, but blank",
                "team_size: 'many' is not a whole number (digits only)",
            ]
        }
    assert set(Customer.objects.values_list("pk", flat=True)) == {"c1"}


def test_a_row_that_cannot_be_split_stays_until_it_is_fixed(tmp_path: Path) -> None:
    make_customer(id="c1")
    load_engagement_lines(tmp_path, "e1,c1,2025-05-01,1,2,3,4,5,6")
    row = QuarantinedRow.objects.get()
    assert replay_all() == [("engagement", (0, 0, 0, 1))]
    assert open_rows()["e1"][0].startswith("row: has 9 cells, the header has 8")
    assert cells_to_fix(row) == ["e1", "c1", "2025-05-01", "1", "2", "3", "4", "5"]
    fixed(row, support_requests="6")
    assert replay_all() == [("engagement", (1, 0, 0, 0))]
    assert Engagement.objects.values_list("pk", "prs_rejected", "support_requests").get() == ("e1", 4, 6)


def test_the_cells_of_a_row_without_a_split_follow_the_header_of_its_file(tmp_path: Path) -> None:
    make_customer(id="c1")
    header = ",".join(reversed(HEADER.split(",")))
    write_bytes(tmp_path, "engagement.csv", f"{header}\n5,4,3,2,1,2025-05-01,c1\n".encode())
    load(tmp_path, "engagement")
    assert cells_to_fix(QuarantinedRow.objects.get()) == ["", "c1", "2025-05-01", "1", "2", "3", "4", "5"]


def test_every_reason_is_told_with_the_unknown_customer(tmp_path: Path) -> None:
    make_customer(id="c1")
    load_engagement_lines(tmp_path, "e1,c1,soon,1,0,0,0,0")
    fixed(QuarantinedRow.objects.get(), customer_id="c9")
    replay_all()
    assert open_rows()["e1"] == [
        "date: 'soon' is not a date of the form YYYY-MM-DD",
        "customer_id: there is no customer c9",
    ]
    fixed(QuarantinedRow.objects.get(), date="2025-05-01")
    replay_all()
    row = QuarantinedRow.objects.get()
    assert (row.reasons, row.waits_for_customer) == (["customer_id: there is no customer c9"], True)


def test_a_replayed_customer_brings_the_rows_that_waited_for_it(tmp_path: Path) -> None:
    write_feeds(
        tmp_path,
        customers=[customer_row(1, email="nowhere")],
        onboarding=[csv_row("onboarding", id="o1", customer_id="c1")],
        engagement=[csv_row("engagement", id="e1", customer_id="c1")],
    )
    load(tmp_path)
    fixed(QuarantinedRow.objects.get(feed="customers"), email="one@example.com")
    [outcome] = replay_chosen(QuarantinedRow.objects.filter(feed="customers"), "mary")
    assert (states(outcome), outcome.retried) == ((1, 0, 0, 0), 2)
    assert (Onboarding.objects.count(), Engagement.objects.count()) == (1, 1)
    assert set(StepSighting.objects.values_list("step", flat=True)) == {
        "welcome_email_sent",
        "account_created",
        "github_action_installed",
    }
    assert open_rows() == {}


def test_a_newer_row_is_never_overwritten(tmp_path: Path) -> None:
    make_customer(id="c1")
    load_engagement_lines(tmp_path, "-,c1,2025-05-01,1,0,0,0,0")
    row = QuarantinedRow.objects.get()
    load_engagement_lines(tmp_path, "e1,c1,2025-05-02,2,0,0,0,0")
    fixed(row, id="e1")
    [outcome] = replay_chosen(QuarantinedRow.objects.all(), "mary")
    assert states(outcome) == (0, 0, 1, 0)
    assert outcome.warnings == ["1 replaced: what is loaded for the key is from a later file, and stays"]
    row.refresh_from_db()
    assert (row.status, row.resolved_by_id) == ("superseded", outcome.run)
    assert Engagement.objects.get().issues_tagged == 2


def test_a_later_file_that_left_the_row_as_it_was_is_newer_too(tmp_path: Path) -> None:
    make_customer(id="c1")
    good = "e1,c1,2025-05-02,2,0,0,0,0"
    load_engagement_lines(tmp_path, good)
    load_engagement_lines(tmp_path, "-,c1,2025-05-01,1,0,0,0,0")
    load_engagement_lines(tmp_path, good)
    fixed(QuarantinedRow.objects.get(), id="e1")
    assert replay_all() == [("engagement", (0, 0, 1, 0))]
    assert Engagement.objects.get().issues_tagged == 2


def test_of_two_files_the_newer_row_wins(tmp_path: Path) -> None:
    make_customer(id="c1")
    for number in (1, 2):
        load_engagement_lines(tmp_path, f"-,c1,2025-05-0{number},{number},0,0,0,0")
        fixed(QuarantinedRow.objects.get(line=2, run__pk=ImportRun.objects.latest("pk").pk), id="e1")
    assert replay_all() == [("engagement", (1, 0, 1, 0))]
    assert Engagement.objects.get().issues_tagged == 2
    assert list(QuarantinedRow.objects.order_by("pk").values_list("status", flat=True)) == ["superseded", "loaded"]


def test_another_line_of_the_same_file_is_no_reason_to_overwrite(tmp_path: Path) -> None:
    make_customer(id="c1")
    load_engagement_lines(tmp_path, "e1,c1,2025-05-01,1,0,0,0,0", "-,c1,2025-05-02,2,0,0,0,0")
    fixed(QuarantinedRow.objects.get(), id="e1")
    replay_all()
    assert open_rows() == {"e1": ["id: e1 is loaded already, from line 2 of the same file"]}
    assert Engagement.objects.get().issues_tagged == 1


def test_rows_with_one_key_are_all_refused_by_the_lines_of_their_file(tmp_path: Path) -> None:
    make_customer(id="c1")
    load_engagement_lines(tmp_path, "-,c1,2025-05-01,1,0,0,0,0", "-,c1,2025-05-02,2,0,0,0,0")
    for row in QuarantinedRow.objects.all():
        fixed(row, id="e1")
    assert replay_all() == [("engagement", (0, 0, 0, 2))]
    assert list(QuarantinedRow.objects.order_by("line").values_list("line", "reasons")) == [
        (2, ["id: e1 is also on line 3, with other values"]),
        (3, ["id: e1 is also on line 2, with other values"]),
    ]


def test_a_customer_keeps_one_onboarding_row(tmp_path: Path) -> None:
    make_customer(id="c1")
    rows = [csv_row("onboarding", id=f"o{number}", customer_id="c1") for number in (1, 2)]
    write_feed(tmp_path, "onboarding", rows)
    load(tmp_path, "onboarding")
    replay_all()
    assert open_rows() == {"o2": ["customer_id: the row of c1 is loaded already, from line 2 of the same file"]}
    assert Onboarding.objects.get().pk == "o1"


def test_a_replay_is_undone_like_a_file(tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(2)])
    load(tmp_path, "customers")
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(2, email="x"), customer_row(3, email="y")])
    load(tmp_path, "customers")
    before = list(Customer.objects.order_by("pk").values())
    for row in QuarantinedRow.objects.all():
        fixed(row, email="new@example.com")
    assert replay_all() == [("customers", (1, 1, 0, 0))]
    after = list(Customer.objects.order_by("pk").values())
    undoing = undo(ImportRun.objects.latest("pk"), "mary")
    assert (undoing.deleted, undoing.updated, undoing.status) == (1, 1, "loaded")
    assert list(Customer.objects.order_by("pk").values()) == before
    assert set(open_rows()) == {"c2", "c3"}
    undo(undoing, "mary")
    assert list(Customer.objects.order_by("pk").values()) == after
    assert open_rows() == {}


def test_a_replay_is_not_the_last_full_list(tmp_path: Path) -> None:
    many = [customer_row(number) for number in range(1, 30)]
    write_feed(tmp_path, "customers", [*many, customer_row(30, email="x")])
    load(tmp_path, "customers")
    fixed(QuarantinedRow.objects.get(), email="new@example.com")
    replay_all()
    write_feed(tmp_path, "customers", many[:5])
    assert load(tmp_path, "customers")["customers"].status == "refused"


def test_a_replayed_row_is_no_longer_missing(tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(2)])
    load(tmp_path, "customers")
    write_feed(tmp_path, "customers", [customer_row(1), csv_row("customers", id="-")])
    load(tmp_path, "customers")
    before = list(Customer.objects.order_by("pk").values())
    assert Customer.objects.get(pk="c2").missing_since_id
    fixed(QuarantinedRow.objects.get(), id="c2")
    replay_all()
    assert Customer.objects.get(pk="c2").missing_since_id is None
    undo(ImportRun.objects.latest("pk"), "mary")
    assert list(Customer.objects.order_by("pk").values()) == before


def test_the_cost_of_a_replay_does_not_grow_with_its_rows(tmp_path: Path) -> None:
    make_customer(id="c1")

    def count(rows: int) -> int:
        load_engagement_lines(tmp_path, *(f"e{number},c1,soon,1,0,0,0,0" for number in range(rows)))
        with CaptureQueriesContext(connection) as captured:
            assert replay_all() == [("engagement", (0, 0, 0, rows))]
        return len(captured)

    assert count(2) == count(18)


# --- A fix is remembered ----------------------------------------------------------------------------------------


def test_tomorrow_the_same_text_is_taken_with_its_fix(tmp_path: Path) -> None:
    fixed(bad_customer(tmp_path), email="two@example.com")
    outcome = load(tmp_path, "customers")["customers"]
    assert states(outcome) == (1, 0, 1, 0)
    assert outcome.warnings == ["1 row read as fixed in quarantine, not as written"]
    assert Customer.objects.get(pk="c2").email == "two@example.com"
    assert states(load(tmp_path, "customers")["customers"]) == (0, 0, 2, 0)
    assert open_rows() == {}
    assert Customer.objects.exclude(missing_since=None).count() == 0


def test_another_text_needs_another_fix(tmp_path: Path) -> None:
    fixed(bad_customer(tmp_path), email="two@example.com")
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(2, email="elsewhere")])
    assert states(load(tmp_path, "customers")["customers"]) == (0, 0, 1, 1)


def test_a_fix_is_judged_like_any_row_in_the_second_reading_too(tmp_path: Path) -> None:
    make_customer(id="c1")
    lines = ["e1,c1,soon,1,0,0,0,0", "e2,c1,2025-05-01,1,0,0,0,0"]
    load_engagement_lines(tmp_path, *lines)
    fixed(QuarantinedRow.objects.get(), date="2025-05-01", customer_id="c9")
    assert states(load_engagement_lines(tmp_path, *lines)) == (0, 0, 1, 1)
    row = QuarantinedRow.objects.get(status="open")
    assert (row.raw, row.cells[:3], row.reasons) == (
        lines[0],
        ["e1", "c9", "2025-05-01"],
        ["customer_id: there is no customer c9"],
    )


def test_a_row_that_the_gate_lets_through_is_taken_with_its_fix(tmp_path: Path) -> None:
    make_customer(id="c1")
    lines = [f"e{number},c1,2025-05-01,1,0,0,0,0" for number in range(5)]
    lines[2] = "e2,c9,2025-05-01,1,0,0,0,0"
    assert states(load_engagement_lines(tmp_path, *lines)) == (4, 0, 0, 1)
    fixed(QuarantinedRow.objects.get(), customer_id="c1")
    assert states(load_engagement_lines(tmp_path, *lines)) == (1, 0, 4, 0)
    assert Engagement.objects.filter(customer="c1").count() == 5
    assert Engagement.objects.get(pk="e2").line == 4


def test_a_fix_is_a_doubt_for_the_tail_until_a_file_was_read_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped: list[int] = []
    whole = CsvReader.skip
    monkeypatch.setattr(CsvReader, "skip", lambda self, *a: skipped.append(a[0]) or whole(self, *a))
    make_customer(id="c1")
    one, two, three = (f"e{number},c1,2025-05-01,1,0,0,0,0" for number in (1, 2, 3))
    load_engagement_lines(tmp_path, one)
    run = ImportRun.objects.get()
    bad = QuarantinedRow.objects.create(run=run, feed="engagement", line=2, raw=one, status="superseded", reasons=[])
    fixed(bad, issues_tagged="7")
    ImportRun.objects.update(started_at=datetime(2025, 5, 10, 12, tzinfo=UTC))
    assert states(load_engagement_lines(tmp_path, one, two)) == (1, 1, 0, 0)
    assert (skipped, Engagement.objects.get(pk="e1").issues_tagged) == ([], 7)
    ImportRun.objects.update(started_at=datetime(2025, 5, 10, 12, tzinfo=UTC))
    assert states(load_engagement_lines(tmp_path, one, two, three)) == (1, 0, 2, 0)
    assert len(skipped) == 1
