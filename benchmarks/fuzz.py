"""Feed the CSV reader and the feeds' rules what nobody thought of: ``python -m benchmarks.fuzz --minutes 10``.

Hypothesis makes the input; what must hold is that of tests/customers/feeds (test_read.py and test_fast_path.py), on
bytes as well as on text: the reader ends with records or with one refusal, agrees with ``csv.reader`` and a naive
reader, and gives the same whatever the blocks, the fast path and the compression are. Exit 0 nothing found, 1 the
first finding, in its shortest form and with a line that repeats it.
"""

import argparse
import csv
import gzip
import io
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from unittest import mock

import django
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

os.environ.setdefault("DEBUG", "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rsolv_cs.settings")
django.setup()

from customers.feeds import reader  # noqa: E402 - Django comes first
from customers.feeds.declarations import FEEDS, match_header  # noqa: E402
from customers.feeds.fast_path import compile_line_pattern  # noqa: E402
from customers.feeds.reader import BLANKS, CsvReader, Refused  # noqa: E402
from customers.text.cells import plain_cell, safe_cell  # noqa: E402

TODAY = date(2025, 5, 10)
EXAMPLES = 500
Found = list[tuple[int, str, tuple[str, ...], str]] | str

# --- Input ------------------------------------------------------------------------------------------------------

_PIECES = [
    *(
        b",",
        b'"',
        b'""',
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\t",
        b"\xc2\xa0",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\0",
        b"\x1b[2J",
    ),
    *(b"e1", b"c1", b"2025-05-02", b"2025-05-11", b"2024-02-29", b"7", b"007", b"-1", b"1e9", b"=1+1", b"true"),
    *("é".encode(), "\u202e".encode(), "株".encode(), "😀".encode(), "\u2028".encode(), b"\x85", b"\xe9", b"\xf0\x9f"),
    *(b"e1,c1,2025-05-02,5,3,2,1,1\n", b"e2,c1,2025-05-03,0,0,0,0,0\r\n", b"x" * 100),
]
PIECES = st.sampled_from(_PIECES) | st.binary(max_size=4)
HEADERS = st.sampled_from([b"", *((",".join(feed.column_names) + "\n").encode() for feed in FEEDS.values())])
BYTES = st.tuples(HEADERS, st.lists(PIECES, max_size=40)).map(lambda parts: parts[0] + b"".join(parts[1]))
TEXTS = st.lists(PIECES, max_size=40).map(lambda pieces: b"".join(pieces).decode("utf-8", "ignore").replace("\0", ""))
CELLS = (
    st.text(max_size=12)
    | st.sampled_from([piece.decode("utf-8", "ignore") for piece in _PIECES])
    | st.from_regex(r"[+-]?[0-9]{1,30}(\.[0-9]*)?|[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True)
)

# --- What must hold ---------------------------------------------------------------------------------------------


def outcome(data: bytes, name: str = "fuzz.csv", block: int | None = None, gated: bool = False) -> Found:
    """The records of a file with these bytes, or the words of its refusal."""
    path = Path(FOLDER.name) / name
    path.write_bytes(data)
    with mock.patch.object(reader, "BLOCK", block or reader.BLOCK), CsvReader(path) as source:
        if gated:
            source.line_pattern = compile_line_pattern(FEEDS["engagement"], GATED, TODAY)
        try:
            return [(record.line, record.raw, record.cells, record.fault) for record in source.records()]
        except Refused as refusal:
            return str(refusal).replace(name, "FILE")


FOLDER = tempfile.TemporaryDirectory()
GATED = match_header(FEEDS["engagement"], FEEDS["engagement"].column_names)


@given(BYTES, st.integers(1, 60))
def any_bytes(data: bytes, block: int) -> None:
    """Records or one refusal, the same ones by whatever blocks, fast path and compression."""
    found = outcome(data)
    if isinstance(found, list):
        lines = [line for line, *_rest in found]
        assert lines == sorted(set(lines))
        assert outcome(data, block=block) == found
        assert outcome(data, gated=True) == found
        assert outcome(data, block=block, gated=True) == found
        assert outcome(gzip.compress(data, mtime=0), "fuzz.csv.gz", block) == found
    else:
        # By small blocks a fault may be met after another one; it stays refused.
        assert isinstance(outcome(data, block=block), str)
        assert isinstance(outcome(gzip.compress(data, mtime=0), "fuzz.csv.gz"), str)


@given(TEXTS)
def pythons_reader(text: str) -> None:
    """What is read is what Python's own reader reads."""
    text = text.lstrip("\ufeff")
    found = outcome(text.encode())
    if isinstance(found, list):
        rows = csv.reader(io.StringIO(text, newline=""))
        trimmed = [tuple(cell.strip(BLANKS) for cell in row) for row in rows]
        assert [cells for *_rest, cells, _fault in found if cells != ("",)] == [
            row for row in trimmed if row not in ((), ("",))
        ]


@given(st.binary(max_size=60), st.integers(0, 80), BYTES)
def broken_gzip(noise: bytes, cut: int, data: bytes) -> None:
    """A damaged archive is refused, never half believed as whole."""
    whole = gzip.compress(data, mtime=0)
    for damaged in (whole[:cut], whole[:cut] + noise + whole[cut + len(noise) :], noise):
        outcome(damaged, "fuzz.csv.gz")
    if cut < len(whole):
        found = outcome(whole[:cut], "fuzz.csv.gz")
        assert isinstance(found, str) or cut == 0


@given(st.data())
def any_cells(data: st.DataObject) -> None:
    """A feed's rules give values or reasons for whatever stands in the cells, and never fail."""
    feed = data.draw(st.sampled_from(list(FEEDS.values())))
    size = len(feed.columns)
    cells = tuple(data.draw(st.lists(CELLS, min_size=size, max_size=size)))
    _values, reasons = feed.parse(cells, TODAY)
    assert all(isinstance(reason, str) and reason for reason in reasons)


@given(st.lists(CELLS | st.sampled_from([name for feed in FEEDS.values() for name in feed.column_names]), max_size=12))
def any_header(names: list[str]) -> None:
    """A header is taken or refused."""
    for feed in FEEDS.values():
        try:
            match_header(feed, names)
        except ValueError:
            continue


@given(st.text(max_size=20) | CELLS)
def any_export(text: str) -> None:
    """No cell of a spreadsheet is a formula, and none is lost."""
    cell = safe_cell(text)
    assert plain_cell(cell) == text
    assert cell[:1] not in {"=", "+", "@", "\t", "\r"} or cell[1:].isdigit()


TARGETS: tuple[Callable[[], None], ...] = (any_bytes, pythons_reader, broken_gzip, any_cells, any_header, any_export)


def main() -> int:
    """Run each target in turn until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: 10)")
    parser.add_argument("--seed", type=int, default=None, help="repeat one round with this seed, and stop")
    options = parser.parse_args()
    profile = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.target, Phase.shrink),
    )
    targets = [profile(target) for target in TARGETS]
    end = time.monotonic() + options.minutes * 60
    rounds = 0
    while time.monotonic() < end:
        number = random.getrandbits(32) if options.seed is None else options.seed
        for target in targets:
            try:
                seed(number)(target)()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                print(f"{target.__name__}:\n{''.join(traceback.format_exception(error))}")
                print(f"Repeat it by: python -m benchmarks.fuzz --seed {number}")
                return 1
        rounds += 1
        if options.seed is not None:
            break
    print(f"{rounds * len(targets) * EXAMPLES:,} inputs in {options.minutes:g} minutes, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
