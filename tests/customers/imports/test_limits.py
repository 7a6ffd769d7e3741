"""Small files that ask for much work: each limit is looked at before the work, not after it."""

import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from django.test import Client

from customers.core.sql import copy_rows
from customers.feeds import reader
from customers.feeds.declarations import FEEDS
from customers.feeds.reader import MAX_CELLS, CsvReader, Refused
from customers.imports import stage
from customers.imports.checks import cross_row as problems
from customers.imports.checks import guardrails
from customers.imports.folder import import_folder
from customers.imports.interface import Options, Outcome
from customers.imports.strategies import stager
from customers.models import ImportRun, QuarantinedRow, Upload
from customers.uploads import formats
from tests.factories import make_customer, make_staff
from tests.support.commands import run
from tests.support.loading import load, write_bytes
from tests.support.uploading import confirmed, errors, own_folders, send, uploaded

__all__ = ["own_folders"]

pytestmark = pytest.mark.django_db

HEADERS = {name: ",".join(feed.column_names).encode() + b"\n" for name, feed in FEEDS.items()}
ENGAGEMENT = HEADERS["engagement"]


def engagement(numbers: range, customer: str = "c1") -> bytes:
    return ENGAGEMENT + b"".join(b"e%d,%b,2025-05-01,%d,0,0,0,0\n" % (n, customer.encode(), n) for n in numbers)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many rows went into the quarantine or into temporary tables row by row, those that were taken back too."""
    count = 0
    bulk_create = QuarantinedRow.objects.bulk_create

    def counted_rows(rows: Sequence[Any], **named: Any) -> Any:
        nonlocal count
        count += len(rows)
        return bulk_create(rows, **named)

    def counted(table: str, columns: Sequence[str], rows: Iterable[Any]) -> None:
        def counting() -> Iterator[Any]:
            nonlocal count
            for row in rows:
                count += 1
                yield row

        copy_rows(table, columns, counting())

    monkeypatch.setattr(QuarantinedRow.objects, "bulk_create", counted_rows)
    monkeypatch.setattr(stager, "copy_rows", counted)
    monkeypatch.setattr(stage, "copy_rows", counted)
    return lambda: count


def import_one(folder: Path, feed: str, **options: bool) -> Outcome:
    return import_folder(folder, [feed], Options(started_by="test", **options))[0]


# --- Bad rows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"strict": True}])
def test_a_bomb_of_bad_lines_ends_at_the_first_ten_thousand(
    tmp_path: Path, written: Callable[[], int], options: dict[str, bool]
) -> None:
    content = gzip.compress(HEADERS["events"] + b"x\n" * 2_000_000)
    assert len(content) < 4_100
    write_bytes(tmp_path, "events.csv.gz", content)
    outcome = import_one(tmp_path, "events", **options)
    assert outcome.status == "refused"
    reason = "row: has 1 cells, the header has 5"
    assert outcome.reason == (
        f"more than 10,000 rows would be quarantined: line 2: {reason}; line 3: {reason}; line 4: {reason}"
    )
    # Two batches of 5,000 rows, and the three that the refusal could name.
    assert written() == 10_003
    assert not QuarantinedRow.objects.exists()
    # What was read is known all the same, and kept for a look at it.
    assert outcome.sha256 == hashlib.sha256(content).hexdigest()


def test_as_many_bad_rows_of_many_are_quarantined_and_one_more_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Less than a tenth of the file, in both cases."""
    monkeypatch.setattr(guardrails, "MAX_QUARANTINED", 10)
    make_customer(id="c1")
    good = engagement(range(200))
    write_bytes(tmp_path, "engagement.csv", good + b"x\n" * 10)
    assert load(tmp_path, "engagement")["engagement"].quarantined == 10
    write_bytes(tmp_path, "engagement.csv", good + b"x\n" * 11)
    assert import_one(tmp_path, "engagement").reason.startswith("more than 10 rows would be quarantined: line 202: ")


def test_force_passes_the_number_and_says_so(tmp_path: Path) -> None:
    write_bytes(tmp_path, "events.csv", HEADERS["events"] + b"x\n" * 10_001)
    ran = run("import_csvs", "--dir", tmp_path, "--feed", "events", "--force", "--json")
    assert ran.code == 0
    one = ImportRun.objects.get()
    assert (one.status, one.quarantined, QuarantinedRow.objects.count()) == ("loaded", 10_001, 10_001)
    assert one.warnings[0] == f"forced by {one.forced_by}: 10,001 rows would be quarantined, more than 10,000"
    # The list is bounded, the count is not.
    assert ran.out.count('"line"') == 10_000
    assert "  and 9,991 more quarantined rows, all in the admin" in ran.err.splitlines()


def test_much_text_in_few_bad_rows_ends_a_file_as_well(tmp_path: Path, written: Callable[[], int]) -> None:
    long = b"x" * 2**20 + b"\n"
    write_bytes(tmp_path, "events.csv", HEADERS["events"] + long * 100)
    outcome = import_one(tmp_path, "events")
    assert outcome.reason.startswith("more than 64 MB of text would be quarantined: line 2: row: has 1 cells")
    assert written() == 65


@pytest.mark.parametrize("force", [False, True])
def test_texts_about_duplicates_are_not_made_for_a_file_that_is_refused(
    tmp_path: Path, written: Callable[[], int], monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    make_customer(id="c1")
    write_bytes(
        tmp_path,
        "engagement.csv",
        ENGAGEMENT + b"".join(b"e1,c1,2025-05-01,%d,0,0,0,0\n" % number for number in range(12_000)),
    )
    largest = 0
    fetch = problems.fetch

    def watched(sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        nonlocal largest
        rows = fetch(sql, parameters)
        largest = max(largest, len(rows))
        return rows

    monkeypatch.setattr(problems, "fetch", watched)
    outcome = import_one(tmp_path, "engagement", force=force)
    # However many there are, only a page of them is in memory.
    assert largest <= problems.FETCH_SIZE
    if force:
        assert (outcome.status, outcome.quarantined) == ("loaded", 12_000)
        rows = QuarantinedRow.objects.order_by("line")
        assert rows[0].reasons == [
            f"id: e1 is also on line {', '.join(map(str, range(3, 23)))} and 11979 more, with other values"
        ]
        assert rows[11_999].reasons == [
            f"id: e1 is also on line {', '.join(map(str, range(2, 22)))} and 11979 more, with other values"
        ]
    else:
        assert outcome.reason.startswith(
            "more than 10,000 rows would be quarantined: line 2: id: e1 is also on line 3, 4"
        )
        assert written() == problems.NAMED_LINES


def test_many_rows_of_an_unknown_customer_are_refused_by_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of the file may be, but not more than so many rows."""
    monkeypatch.setattr(guardrails, "MAX_QUARANTINED", 10)
    make_customer(id="c1")
    unknown = engagement(range(200, 211), "c9").removeprefix(ENGAGEMENT)
    write_bytes(tmp_path, "engagement.csv", engagement(range(200)) + unknown)
    outcome = import_one(tmp_path, "engagement")
    assert outcome.reason.startswith(
        "more than 10 rows would be quarantined: line 202: customer_id: there is no customer c9"
    )
    assert not QuarantinedRow.objects.exists()


def test_ids_that_differ_in_case_are_counted_and_five_pairs_named(tmp_path: Path) -> None:
    make_customer(id="c1")
    rows = b"".join(b"%c%d,c1,2025-05-01,1,0,0,0,0\n" % (letter, n) for n in range(10, 20) for letter in b"eE")
    write_bytes(tmp_path, "engagement.csv", ENGAGEMENT + rows)
    [warning] = load(tmp_path, "engagement")["engagement"].warnings
    assert warning == (
        "ids differ in case alone and are kept apart: E10 and e10, E11 and e11, E12 and e12, E13 and e13, "
        "E14 and e14 and 5 more"
    )


# --- Cells and bytes ----------------------------------------------------------------------------------------------


def test_a_header_without_end_is_refused_before_it_is_split(tmp_path: Path) -> None:
    write_bytes(tmp_path, "events.csv", HEADERS["events"].strip() + b"," * MAX_CELLS + b"\n")
    assert import_one(tmp_path, "events").reason == (
        "line 1: the header cannot be read: row: has more than 16,384 cells"
    )


def test_unknown_columns_are_named_up_to_twenty(tmp_path: Path) -> None:
    more = b"".join(b",x%d" % number for number in range(30))
    write_bytes(tmp_path, "events.csv", HEADERS["events"].strip() + more + b"\n")
    [warning] = load(tmp_path, "events")["events"].warnings
    assert warning.startswith("unknown columns are ignored: 'x0', 'x1'")
    assert warning.endswith("'x19' and 10 more")


@pytest.mark.parametrize("quoted", [False, True])
def test_a_line_of_very_many_cells_is_quarantined_whole(tmp_path: Path, quoted: bool) -> None:
    cell = b'"",' if quoted else b","
    line = cell * MAX_CELLS
    write_bytes(tmp_path, "events.csv", HEADERS["events"] + line + b"\n")
    load(tmp_path, "events")
    row = QuarantinedRow.objects.get()
    assert (row.reasons, row.cells, row.raw) == (["row: has more than 16,384 cells"], None, line.decode())
    with CsvReader(write_bytes(tmp_path, "two.csv", cell * (MAX_CELLS - 1) + b"\n")) as source:
        assert [len(record.cells) for record in source.records()] == [MAX_CELLS]


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("cell", [b",", b'"",', b'"a""\n",', b"a,"])
def test_the_end_of_a_line_of_millions_of_cells_is_found_in_seconds(tmp_path: Path, cell: bytes) -> None:
    times = 24 * 2**20 // len(cell)
    path = write_bytes(tmp_path, "events.csv", HEADERS["events"] + cell * times + b"\nlast\n")
    started = process_time()
    with CsvReader(path) as source:
        records = list(source.records())
    assert process_time() - started < 10
    assert [record.cells for record in records[1:]] == [(), ("last",)]
    assert "the record is longer than 16 MiB" in records[1].fault
    assert records[2].line == 3 + cell.count(b"\n") * times


def test_commas_in_a_quoted_text_are_no_cells(tmp_path: Path) -> None:
    make_customer(id="c1")
    write_bytes(tmp_path, "events.csv", HEADERS["events"] + b'v1,c1,2025-05-01,note,"' + b"," * 50_000 + b'"\n')
    assert load(tmp_path, "events")["events"].created == 1


def test_a_gzip_file_that_grows_two_hundredfold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_SMALL", 2**20)
    content = HEADERS["events"] + b'v1,c1,2025-05-01,note,"' + b"x" * 2**23
    write_bytes(tmp_path, "events.csv.gz", gzip.compress(content))
    assert import_one(tmp_path, "events").reason == (
        "events.csv.gz unpacks to more than 200 times its size, which no feed does"
    )
    with CsvReader(write_bytes(tmp_path, "events.csv", content)) as source, pytest.raises(Refused, match="never ends"):
        list(source.records())


# --- Uploads ------------------------------------------------------------------------------------------------------


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff("Program manager"))
    return client


def test_an_upload_of_a_million_bad_lines_costs_next_to_nothing(manager: Client, written: Callable[[], int]) -> None:
    content = gzip.compress(HEADERS["events"] + b"x\n" * 1_000_000)
    assert len(content) < 2_100
    upload = uploaded(manager, "events", content, "events.csv.gz")
    assert upload.preview["reason"].startswith("more than 10,000 rows would be quarantined: line 2: ")
    # Nobody may force it here.
    assert (upload.preview["forceable"], written()) == (False, 10_003)
    confirmed(manager, upload, force="1")
    assert (ImportRun.objects.count(), QuarantinedRow.objects.count(), written()) == (0, 0, 10_003)


def test_a_tenth_of_bad_rows_can_still_be_forced_in_an_upload(manager: Client) -> None:
    upload = uploaded(manager, "events", HEADERS["events"] + b"x\n" * 100)
    assert upload.preview["forceable"]
    confirmed(manager, upload, force="1")
    assert QuarantinedRow.objects.count() == 100


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_an_upload_has_at_most_so_many_lines(
    manager: Client, monkeypatch: pytest.MonkeyPatch, end: bytes, packed: bool
) -> None:
    monkeypatch.setattr(formats, "MAX_LINES", 100)
    for lines, taken in ((99, True), (100, False)):
        content = HEADERS["events"].strip() + end + (b"v1,c1,2025-05-01,note,x" + end) * lines
        name = "events.csv.gz" if packed else "events.csv"
        response = send(manager, "events", gzip.compress(content) if packed else content, name)
        assert errors(response) == (
            [] if taken else ["The file has more than 100 lines: import it by import_csvs, which takes any."]
        )
    assert Upload.objects.count() == 1
