"""Bytes to records: the dialect, line numbers, and what refuses the whole file."""

import csv
import io
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from customers.feeds import reader
from customers.feeds.reader import MAX_RECORD, Refused
from tests.support.reading import records

BLANKS = " \t\r\n\u00a0"
AWKWARD = st.text(alphabet='"",,\r\n\n a\u00a0é😀\u2028\ufeff', max_size=40)
CONTENT = (AWKWARD | st.text(max_size=40)).map(lambda text: text.replace("\0", ""))


def lines_and_cells(content: bytes) -> list[tuple[int, tuple[str, ...]]]:
    found = records(content)
    assert [record.fault for record in found] == [""] * len(found)
    return [(record.line, record.cells) for record in found]


class NeverEnds(Exception):
    """The naive reader's refusal."""


def naive_records(text: str) -> list[tuple[int, str, tuple[str, ...]]]:
    """Line, raw text and trimmed cells of each record that is not blank: one character after the other."""
    found, line, at = [], 1, 0
    while at < len(text):
        start, begin = line, at
        cells, cell, opened_on = [], "", 0
        state = "start"
        while at < len(text):
            char = text[at]
            if state == "quoted":
                at += 1
                if char == '"':
                    state = "closed"
                else:
                    cell += char
                    line += char == "\r" or (char == "\n" and text[at - 2] != "\r")
            elif char in "\r\n":
                break
            else:
                at += 1
                if char == ",":
                    cells.append(cell)
                    cell, state = "", "start"
                elif char == '"' and state == "start":
                    opened_on, state = line, "quoted"
                elif char == '"' and state == "closed":
                    cell += char
                    state = "quoted"
                else:
                    cell += char
                    state = "text"
        if state == "quoted":
            raise NeverEnds(opened_on)
        cells = tuple(value.strip(BLANKS) for value in [*cells, cell])
        raw = text[begin:at]
        if cells != ("",) or '"' in raw:
            found.append((start, raw, cells))
        at += 2 if text[at : at + 2] == "\r\n" else 1
        line += 1
    return found


# --- The dialect -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\xef\xbb\xbf", []),
        (b"a,b\n1,2\n", [(1, ("a", "b")), (2, ("1", "2"))]),
        (b"a,b\r\n1,2\r\n", [(1, ("a", "b")), (2, ("1", "2"))]),
        (b"a,b\r1,2\r", [(1, ("a", "b")), (2, ("1", "2"))]),
        (b"a,b\r1,2\n3,4\r\n5,6", [(1, ("a", "b")), (2, ("1", "2")), (3, ("3", "4")), (4, ("5", "6"))]),
        (b"a,b\n1,2", [(1, ("a", "b")), (2, ("1", "2"))]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [(1, ("a", "b")), (2, ("1", "2"))]),
        (b'\xef\xbb\xbf"a",b\n', [(1, ("a", "b"))]),
        (b"\n\na,b\n\r\n \t\n\xc2\xa0\n1,2\n\n", [(3, ("a", "b")), (7, ("1", "2"))]),
        (b'"a,b","c""d"\n', [(1, ("a,b", 'c"d'))]),
        (b'"""",""\n', [(1, ('"', ""))]),
        (b'"one\ntwo\r\nthree\rfour",x\nnext,y\n', [(1, ("one\ntwo\r\nthree\rfour", "x")), (5, ("next", "y"))]),
        (b'5" disk,say "hi"\n', [(1, ('5" disk', 'say "hi"'))]),
        (b'a, "b"\n', [(1, ("a", '"b"'))]),
        (b" a\t,\xc2\xa0b \n", [(1, ("a", "b"))]),
        (b'" a ",b\n', [(1, ("a", "b"))]),
        (
            b'"\n a\r\n",b\n',
            [
                (1, ("a", "b")),
            ],
        ),
        ("\u2003a\u2003,\u200bb\ufeff\n".encode(), [(1, ("\u2003a\u2003", "\u200bb\ufeff"))]),
        (b",,\n,\n", [(1, ("", "", "")), (2, ("", ""))]),
        (b"a,b,\n", [(1, ("a", "b", ""))]),
        (b'a,"b",\n', [(1, ("a", "b", ""))]),
        (b'a,"b,"\n', [(1, ("a", "b,"))]),
        (b'""\n', [(1, ("",))]),
        (
            "a\u2028b,c\u2029d\ne\u0085f,g\x0bh\x0ci\n".encode(),
            [(1, ("a\u2028b", "c\u2029d")), (2, ("e\u0085f", "g\x0bh\x0ci"))],
        ),
        ("👩\u200d💻,e\u0301\n".encode(), [(1, ("👩\u200d💻", "e\u0301"))]),
        (b"a;b\tc|d\n", [(1, ("a;b\tc|d",))]),
        (b"a,b,c\n1,2\n1,2,3,4\n", [(1, ("a", "b", "c")), (2, ("1", "2")), (3, ("1", "2", "3", "4"))]),
    ],
    ids=[
        *("empty", "bom-alone", "lf", "crlf", "cr", "mixed", "no-last-line-end", "bom", "bom-and-quotes"),
        *("blank-lines", "quoted", "quotes-alone", "line-breaks-in-quotes", "quote-in-text", "quote-after-space"),
        *("trimmed", "trimmed-in-quotes", "breaks-trimmed-in-quotes", "other-space-kept", "only-commas"),
        *("comma-at-end", "comma-at-end-after-quotes", "comma-in-last-quotes", "quoted-nothing", "separators"),
        *("joined-characters", "other-delimiters", "ragged"),
    ],
)
def test_records(content: bytes, expected: list[tuple[int, tuple[str, ...]]]) -> None:
    assert lines_and_cells(content) == expected


def test_raw_text_is_the_record_without_its_line_end() -> None:
    content = b'a,b\r\n " x",y \r\n"1\r\n2" ,"3"\r\n'
    assert [record.raw for record in records(content)] == ["a,b", ' " x",y ', '"1\r\n2" ,"3"']


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (b'"a"b,c', "1"),
        (b'"a" ,c', "1"),
        (b'a,"b"c"d"', "2"),
        (b'"a"x,"b"y,"c"', "1, 2"),
        (b'"a\nb"c,d', "1"),
    ],
    ids=["text", "space", "quote", "two-cells", "after-line-break"],
)
def test_text_after_a_closing_quote_is_a_fault_of_its_row_alone(row: bytes, cells: str) -> None:
    before, found, after = records(b"h,h\n" + row + b"\ne,f\n")
    assert (found.line, found.raw) == (2, row.decode())
    assert found.fault == f"row: text after the closing quote of cell {cells}"
    assert (before.fault, after.fault) == ("", "")
    assert after.cells == ("e", "f")


# --- What is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [3, 4, 5, 7, reader.BLOCK])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'a,b\n1,"2\n3,4\n', "line 2: a quoted field opens here and never ends"),
        (b'a,b\r\n"1\r\n2","3\r\n4,5\r\n', "line 3: a quoted field opens here and never ends"),
        (b'"', "line 1: a quoted field opens here and never ends"),
        (b'a,b\n1,"2""', "line 2: a quoted field opens here and never ends"),
        (b'a,"b"\n"c","d\r', "line 2: a quoted field opens here and never ends"),
        (b"a,b\n1,2\n3,\x004\n", "line 3: a NUL byte"),
        (b"a,b\r\n1,2\r\n\x00", "line 3: a NUL byte"),
        ("a,b\n1,é\n".encode("latin-1"), "line 2: byte 0xe9 is not UTF-8"),
        (b"a,b\r\n1,2\r\n3,\xc3", "line 3: byte 0xc3 is not UTF-8"),
        (b"a,b\n1,\xe2\x82\n3,4\n", "line 2: byte 0xe2 is not UTF-8"),
        (b"a,b\n1,\xed\xa0\x80\n", "line 2: byte 0xed is not UTF-8"),
        (b"a,b\n1,\xc0\xaf\n", "line 2: byte 0xc0 is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16, not UTF-8"),
        (b"\xfe\xff" + "a,b\n".encode("utf-16-be"), "UTF-16, not UTF-8"),
        ("a,b\n".encode("utf-16-le"), "line 1: a NUL byte"),
    ],
    ids=[
        *("quote", "quote-after-line-breaks", "quote-alone", "doubled-quote", "quote-then-cr", "nul", "nul-last"),
        *("latin-1", "cut-character", "broken-character", "surrogate", "overlong", "utf-16-le", "utf-16-be"),
        "utf-16-without-bom",
    ],
)
def test_refused(content: bytes, reason: str, block: int) -> None:
    with mock.patch.object(reader, "BLOCK", block), pytest.raises(Refused, match=reason):
        records(content)


# --- Records that are too long -----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 2, 3, 5, 64])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b""], ids=["lf", "crlf", "cr", "end"])
def test_record_is_cut_off_exactly_above_the_limit(end: bytes, block: int) -> None:
    with mock.patch.multiple(reader, BLOCK=block, MAX_RECORD=8):
        fits, cut = records(b"a,345678" + (end or b"\n") + b'"b\r\n,","9' + b'"' + end)
    assert (fits.line, fits.cells, fits.fault) == (1, ("a", "345678"), "")
    assert (cut.line, cut.raw, cut.cells) == (2, '"b\r\n,","', ())
    assert cut.fault.startswith("row: the record is longer than")


def test_record_of_more_than_16_mib_is_cut_off_and_the_next_one_is_read() -> None:
    long = b'x,"' + b"line\r\n" * (MAX_RECORD // 6) + b'end"'
    before, cut, after = records(b"a,b\r\n" + long + b"\r\n1,2\r\n")
    assert (before.line, cut.line, after.line) == (1, 2, 3 + MAX_RECORD // 6)
    assert len(cut.raw) == 16 * 1024 * 1024
    assert cut.fault == "row: the record is longer than 16 MiB; only its beginning is kept here, the file has the rest"
    assert after.cells == ("1", "2")


def test_cut_character_does_not_break_the_raw_text() -> None:
    with mock.patch.multiple(reader, BLOCK=4, MAX_RECORD=8):
        (cut,) = records("1234567€9\n".encode())
    assert cut.raw == "1234567"


def test_quote_that_never_ends_is_found_behind_the_limit() -> None:
    with (
        mock.patch.multiple(reader, BLOCK=4, MAX_RECORD=8),
        pytest.raises(Refused, match="line 2: a quoted field opens here and never ends"),
    ):
        records(b'a,b\n123,"4567\n89012345678\n')


# --- Against independent readers ---------------------------------------------------------------------------------


@given(CONTENT)
@example('a,"b\r\nc"\r,d\n\n"e""f"g,h')
@example('\r\n\r"\r\n"')
def test_reader_agrees_with_a_naive_one(text: str) -> None:
    try:
        expected = naive_records(text.removeprefix("\ufeff"))
    except NeverEnds as error:
        with pytest.raises(Refused, match=f"^line {error.args[0]}: a quoted field opens here"):
            records(text.encode())
        return
    assert [(record.line, record.raw, record.cells) for record in records(text.encode())] == expected


@given(CONTENT)
@example('"a"b"c,"d"\n"x\r\ny",z')
def test_reader_agrees_with_pythons_own(text: str) -> None:
    text = text.lstrip("\ufeff")
    try:
        found = records(text.encode())
    except Refused:
        with pytest.raises(NeverEnds):
            naive_records(text)
        return
    rows = csv.reader(io.StringIO(text, newline=""))
    trimmed = [tuple(cell.strip(BLANKS) for cell in row) for row in rows]
    assert [record.cells for record in found if record.cells != ("",)] == [
        row for row in trimmed if row not in ((), ("",))
    ]


@given(CONTENT.map(lambda text: text.lstrip("\ufeff")), st.integers(1, 7), st.integers(1, 7) | st.just(MAX_RECORD))
@example('"\r\n",\r\n1', 1, 3)
@example("é,é\r\n\r\n", 1, 1)
def test_small_blocks_and_small_limits_give_the_same_lines(text: str, block: int, limit: int) -> None:
    """A record above the limit in bytes has its beginning and no cells; blank beginnings are left out of sight."""

    def shortened(line: int, raw: str, cells: tuple[str, ...]) -> tuple[int, str, tuple[str, ...]]:
        if len(raw.encode()) <= limit:
            return line, raw, cells
        return line, raw.encode()[:limit].decode("utf-8", "ignore"), ()

    with mock.patch.multiple(reader, BLOCK=block, MAX_RECORD=limit):
        try:
            expected = [shortened(*record) for record in naive_records(text)]
        except NeverEnds as error:
            with pytest.raises(Refused, match=f"^line {error.args[0]}: a quoted field opens here"):
                records(text.encode())
            return
        found = [(record.line, record.raw, record.cells) for record in records(text.encode())]
    assert [record for record in found if record[1].strip(BLANKS)] == [
        record for record in expected if record[1].strip(BLANKS)
    ]


@given(
    st.lists(st.lists(AWKWARD | st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8")), min_size=2)),
    st.sampled_from([(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r")]),
)
def test_what_pythons_writer_writes_is_read_back(rows: list[list[str]], how: tuple[int, str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=how[0], lineterminator=how[1]).writerows(rows)
    written = "\ufeff" + file.getvalue()
    assert [record.cells for record in records(written.encode())] == [
        tuple(cell.strip(BLANKS) for cell in row) for row in rows
    ]
