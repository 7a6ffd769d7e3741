"""The fast path may take less than the rules allow, never more, and what it takes is read as the slow path would."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.feeds import reader
from customers.feeds.declarations import (
    CUSTOMERS,
    ENGAGEMENT,
    EVENTS,
    FEEDBACK,
    FEEDS,
    ONBOARDING,
    Feed,
    Header,
    match_header,
)
from customers.feeds.fast_path import compile_line_pattern
from customers.feeds.reader import CsvReader, LineBlock, Record
from customers.models import Engagement
from tests.factories import csv_row, make_customer
from tests.support.loading import load, states

TODAY = date(2025, 5, 10)
HEADER = match_header(ENGAGEMENT, ENGAGEMENT.column_names)
GOOD = b"e1,c1,2025-05-02,5,3,2,1,1\n"


def taken(data: bytes, header: Header = HEADER, today: date = TODAY) -> bytes:
    """The part of ``data`` that the fast path accepts."""
    pattern = compile_line_pattern(ENGAGEMENT, header, today)
    assert pattern
    return data[: pattern.match(data).end()]


@pytest.mark.parametrize(
    "line",
    [
        GOOD,
        b"e1,c1,2025-05-10,0,0,0,0,0\n",
        b"e1,c1,2000-01-01,999999999,0,0,0,007\r\n",
        b"E_1.a:b-c,0,2024-12-31,5,3,2,1,1\n",
        b"e" * 64 + b",c1,2025-05-02,5,3,2,1,1\n",
    ],
)
def test_good_lines_pass(line: bytes) -> None:
    assert taken(line) == line


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"e1,c1,2025-05-11,5,3,2,1,1\n", id="after today"),
        pytest.param(b"e1,c1,2025-06-01,5,3,2,1,1\n", id="a later month"),
        pytest.param(b"e1,c1,2026-01-01,5,3,2,1,1\n", id="a later year"),
        pytest.param(b"e1,c1,1999-12-31,5,3,2,1,1\n", id="before 2000"),
        pytest.param(b"e1,c1,2025-04-31,5,3,2,1,1\n", id="no such day"),
        pytest.param(b"e1,c1,2024-02-29,5,3,2,1,1\n", id="leap days take the slow path"),
        pytest.param(b"e1,c1,20250502,5,3,2,1,1\n", id="another form of date"),
        pytest.param(b"e1,c1,2025-05-02,5,3,2,1\n", id="ragged"),
        pytest.param(b"e1,c1,2025-05-02,5,3,2,1,1,1\n", id="ragged the other way"),
        pytest.param(b"e1,c1,2025-05-02,5,3,2,1,1", id="without a line end"),
        pytest.param(b"e1,c1,2025-05-02,5,3,2,1,1\r", id="CR alone"),
        pytest.param(b"e1,c1,2025-05-02,,3,2,1,1\n", id="blank counter"),
        pytest.param(b"e1,c1,2025-05-02,-5,3,2,1,1\n", id="negative"),
        pytest.param(b"e1,c1,2025-05-02,2147483648,3,2,1,1\n", id="too large"),
        pytest.param("e1,c1,2025-05-02,\u0665,3,2,1,1\n".encode(), id="other digits"),
        pytest.param(b'"e1",c1,2025-05-02,5,3,2,1,1\n', id="quoted"),
        pytest.param(b" e1,c1,2025-05-02,5,3,2,1,1\n", id="blank before"),
        pytest.param(b".e1,c1,2025-05-02,5,3,2,1,1\n", id="bad first character"),
        pytest.param(b",c1,2025-05-02,5,3,2,1,1\n", id="no key"),
        pytest.param(b"e" * 65 + b",c1,2025-05-02,5,3,2,1,1\n", id="long key"),
        pytest.param(b"\n", id="blank line"),
    ],
)
def test_anything_else_stops_before_its_line(line: bytes) -> None:
    assert taken(line + GOOD) == b""
    assert taken(GOOD * 3 + line + GOOD) == GOOD * 3


@pytest.mark.parametrize("today", [date(2000, 1, 1), date(2024, 2, 29), date(2025, 1, 31), date(2025, 12, 31)])
def test_every_day_up_to_today_passes_but_leap_days_and_none_after(today: date) -> None:
    days = [today + timedelta(days=offset) for offset in range(-1500, 400)]
    passed = [day for day in days if taken(b"e1,c1,%b,5,3,2,1,1\n" % day.isoformat().encode(), today=today)]
    first = date(2000, 1, 1)
    assert passed == [day for day in days if first <= day <= today and (day.month, day.day) != (2, 29)]


def test_years_of_the_next_century_are_left_to_the_slow_path() -> None:
    days = [b"2099-12-31", b"2100-01-01", b"2100-12-31", b"2101-01-01"]
    passed = [day for day in days if taken(b"e1,c1,%b,5,3,2,1,1\n" % day, today=date(2101, 3, 5))]
    assert passed == [b"2099-12-31", b"2101-01-01"]


def test_columns_in_another_order_pass_in_that_order() -> None:
    names = ["date", "id", *ENGAGEMENT.column_names[3:], "customer_id"]
    header = match_header(ENGAGEMENT, names)
    line = b"2025-05-02,e1,5,3,2,1,1,c1\n"
    assert taken(line, header) == line
    assert header.columns(ENGAGEMENT) == names


@pytest.mark.parametrize("feed", [CUSTOMERS, ONBOARDING, FEEDBACK, EVENTS], ids=lambda feed: feed.name)
def test_feeds_with_other_columns_have_no_fast_path(feed: Feed) -> None:
    assert compile_line_pattern(feed, match_header(feed, feed.column_names), TODAY) is None


def test_unknown_columns_close_the_fast_path() -> None:
    header = match_header(ENGAGEMENT, [*ENGAGEMENT.column_names, "extra"])
    assert compile_line_pattern(ENGAGEMENT, header, TODAY) is None


cells = st.one_of(
    st.sampled_from(["e1", "c1", "2025-05-02", "2025-05-11", "2024-02-29", "0", "7", "007", "", " 3", "1.5", "-1"]),
    st.from_regex(r"[A-Za-z0-9._:\- \"']{1,5}", fullmatch=True),
    st.text(alphabet="0123456789e-\u0665\u00a0\t", max_size=11),
)
good_cells = st.tuples(
    st.from_regex(r"[a-z0-9][a-z0-9.:_-]{0,4}", fullmatch=True),
    st.just("c1"),
    st.dates(date(2024, 2, 1), date(2025, 6, 1)).map(date.isoformat),
    *[st.integers(0, 3).map(str)] * 5,
).map(list)
lines = st.one_of(good_cells, good_cells, st.lists(cells, min_size=7, max_size=9)).map(",".join)
texts = st.lists(st.tuples(lines, st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n"])), max_size=12).map(
    lambda parts: "".join(line + end for line, end in parts)
)


@given(texts)
def test_what_passes_is_accepted_by_the_rules_with_the_very_cells(text: str) -> None:
    run = LineBlock(2, taken(text.encode()))
    for record in run.records():
        assert ENGAGEMENT.parse(record.cells, TODAY)[1] == []
        assert tuple(cell.strip() for cell in record.cells) == record.cells


@given(texts, st.integers(1, 40))
def test_the_gate_changes_nothing_of_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, text: str, block: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "fast.csv"
    path.write_bytes((",".join(ENGAGEMENT.column_names) + "\n" + text).encode())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reader, "BLOCK", block)
        assert _read(path, gated=True) == _read(path, gated=False)


def _read(path: Path, *, gated: bool) -> list[Record] | str:
    with CsvReader(path) as source:
        if gated:
            source.line_pattern = compile_line_pattern(ENGAGEMENT, HEADER, TODAY)
        try:
            return list(source.records())
        except reader.Refused as refusal:
            return str(refusal)


@pytest.mark.django_db
def test_rows_behind_the_gate_keep_their_lines_and_values(tmp_path: Path) -> None:
    for key in ("c1", "c2"):
        make_customer(id=key)
    rows = [csv_row("engagement", id=f"e{number}", customer_id="c1") for number in range(8)]
    rows[2] |= {"date": "soon"}
    rows[4] |= {"issues_tagged": "", "prs_merged": " 9 "}
    rows[6] |= {"customer_id": "c9"}
    rows[7] |= {"issues_tagged": "007"}
    path = tmp_path / "engagement.csv"
    header = ",".join(FEEDS["engagement"].column_names)
    path.write_bytes("\r\n".join([header, *(",".join(row.values()) for row in rows), ""]).encode())
    outcome = load(tmp_path, "engagement")["engagement"]
    assert states(outcome) == (6, 0, 0, 2)
    assert [problem["line"] for problem in outcome.problems] == [4, 8]
    assert list(
        Engagement.objects.order_by("pk").values_list("pk", "line", "issues_tagged", "prs_merged", "date")
    ) == [
        ("e0", 2, 5, 2, date(2025, 5, 2)),
        ("e1", 3, 5, 2, date(2025, 5, 2)),
        ("e3", 5, 5, 2, date(2025, 5, 2)),
        ("e4", 6, 0, 9, date(2025, 5, 2)),
        ("e5", 7, 5, 2, date(2025, 5, 2)),
        ("e7", 9, 7, 2, date(2025, 5, 2)),
    ]
