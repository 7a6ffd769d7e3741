"""Files that are read: their hash, compression, changes meanwhile, and what is no file."""

import gzip
import hashlib
import os
import re
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.feeds import reader
from customers.feeds.drop_folder import find_file
from customers.feeds.reader import CsvReader, Refused
from tests.support.reading import records


def test_hash_size_and_progress_are_of_the_file_as_it_lies_there(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 100_000))
    counts: list[int] = []
    with CsvReader(path, counts.append) as source:
        assert len(list(source.records())) == 100_001
        assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert source.size == sum(counts) == path.stat().st_size
        assert not source.changed


def test_hash_of_a_file_that_is_given_up_is_the_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(b"a,\0\n" + b"1,2\n" * 500_000)
    with CsvReader(path) as source:
        with pytest.raises(Refused):
            list(source.records())
        source.read_out()
        assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


ENDED = st.tuples(
    st.sampled_from(["a,b", '"x\r\ny",z', '"\r","\n"', '"e""\n",', "", "é,1", "a\r"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
SOME = st.lists(ENDED, max_size=6).map(lambda ended: "".join(text + end for text, end in ended))


@given(SOME, SOME | SOME.map(lambda text: f"{text}c,d"), st.integers(1, 7), st.booleans())
def test_what_is_skipped_is_counted_as_if_it_was_read(before: str, rest: str, block: int, known: bool) -> None:
    first = f"a,b\n{before}c,d\n".encode()
    content = first + rest.encode()
    counts = [len(re.findall(rb"\r\n|\r|\n", text)) for text in (first, content)]
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(reader, "BLOCK", block):
        path = Path(folder) / "feed.csv"
        path.write_bytes(content)
        with CsvReader(path) as source:
            digest = source.skip(len(first), counts[0] if known else None)
            assert digest and digest.hexdigest() == hashlib.sha256(first).hexdigest()
            assert source.lines == counts[0]
            assert list(source.records()) == [record for record in records(content) if record.line > counts[0]]
            assert (source.lines, source.sha256) == (counts[1], hashlib.sha256(content).hexdigest())
            # What was returned is of the beginning alone, whatever is read since.
            assert digest.hexdigest() == hashlib.sha256(first).hexdigest()


@given(SOME, st.integers(1, 7))
def test_lines_of_all_that_is_read_are_counted_in_each_way(text: str, block: int) -> None:
    expected = len(re.findall(r"\r\n|\r|\n", text))
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(reader, "BLOCK", block):
        path = Path(folder) / "feed.csv"
        path.write_bytes(text.encode())
        for read in (CsvReader.blocks, CsvReader.raw_blocks):
            with CsvReader(path) as source:
                deque(read(source), maxlen=0)
                assert source.lines == expected


@pytest.mark.parametrize("size", [5, 7, 9, 12])
def test_what_is_skipped_ends_with_a_line(size: int, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_bytes(b"a,b\nc,\rd")
    with CsvReader(tmp_path / "feed.csv") as source:
        assert source.skip(size) is None


def test_gzip_of_several_parts_is_one_file() -> None:
    content = gzip.compress(b"a,b\n1,") + gzip.compress(b"2\n")
    assert [record.cells for record in records(content, "feed.csv.gz")] == [("a", "b"), ("1", "2")]


COMPRESSED = gzip.compress(b"a,b\n" + os.urandom(5000).hex().encode() + b",2\n")


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n",
        COMPRESSED[:-3],
        COMPRESSED[:2000],
        COMPRESSED[:-8] + bytes([COMPRESSED[-8] ^ 1]) + COMPRESSED[-7:],
        COMPRESSED[:1000] + b"\xff" * 50 + COMPRESSED[1050:],
        COMPRESSED + b"and more",
    ],
    ids=["plain", "cut-at-the-end", "cut-in-the-middle", "wrong-checksum", "damaged", "more-behind"],
)
def test_broken_gzip_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match=r"^feed\.csv\.gz is a broken gzip file: |is not UTF-8"):
        records(content, "feed.csv.gz")


@pytest.mark.parametrize("kind", ["folder", "fifo", "dangling link"])
def test_what_is_not_a_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "feed.csv"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "nowhere")
    reason = "is a symbolic link" if kind == "dangling link" else "is not a regular file"
    with pytest.raises(Refused, match=f"feed.csv {reason}"):
        CsvReader(path)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"3,4\n")


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def write_again(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"1", b"2"))
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize(
    "change",
    [append, replace, write_again, Path.unlink, lambda path: os.truncate(path, 4)],
    ids=["append", "replace", "write-again", "remove", "truncate"],
)
def test_a_change_while_reading_is_noticed(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(b"a,b\n1,2\n")
    calls: list[int] = []

    def progress(count: int) -> None:
        calls.append(count)
        if len(calls) == 1:
            change(path)

    with CsvReader(path, progress) as source:
        list(source.records())
        assert source.changed


def test_a_file_is_found_plain_or_compressed_but_not_both(tmp_path: Path) -> None:
    assert find_file(tmp_path, "feed.csv") is None
    compressed = tmp_path / "feed.csv.gz"
    compressed.touch()
    assert find_file(tmp_path, "feed.csv") == compressed
    plain = tmp_path / "feed.csv"
    plain.symlink_to("nowhere")
    with pytest.raises(Refused, match=r"^both feed\.csv and feed\.csv\.gz are there"):
        find_file(tmp_path, "feed.csv")
    compressed.unlink()
    assert find_file(tmp_path, "feed.csv") == plain


def test_a_folder_that_may_not_be_looked_into_is_refused(tmp_path: Path) -> None:
    with (
        mock.patch.object(Path, "lstat", side_effect=PermissionError(13, "Permission denied")),
        pytest.raises(Refused, match="cannot be looked for: Permission denied"),
    ):
        find_file(tmp_path, "feed.csv")
