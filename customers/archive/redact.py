"""Blank out the records of some customers in a file, and leave every other line where it is.

A record goes, the line breaks in it stay: so another row's line number still leads to that row, and the reader passes
over what was there as over blank lines.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from customers.archive.erased import MAX_KEY_LENGTH, Ids, KeyPosition
from customers.feeds.reader import BLANKS, BLOCK, MAX_RECORD, CsvReader, Refused
from customers.feeds.unpacked import Unreadable, unpacked_blocks
from customers.text.line_numbers import FIRST_LINE
from customers.text.say import english

_KEY_CHARACTER = rb"[A-Za-z0-9._:-]"
_TOKEN = re.compile(rb"[A-Za-z0-9]" + _KEY_CHARACTER + rb"*")
_OVERLAP = 4 * MAX_KEY_LENGTH
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)")
_BREAK = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"

Write = Callable[[bytes], object]


def ids_in(path: Path, layers: int, ids: Ids) -> set[str]:
    """Return which of these ids stand anywhere in the file as a word, be it CSV or not."""
    found: set[str] = set()
    pattern = _any_of(ids) if isinstance(ids, set) else _TOKEN
    rest = b""
    for block in unpacked_blocks(path, layers):
        # UTF-16 is refused, but archived all the same.
        text = rest + block.replace(b"\0", b"")
        words = set(pattern.findall(text))
        found.update(word.decode() for word in words if len(word) <= MAX_KEY_LENGTH and word.decode() in ids)
        rest = text[-_OVERLAP:]
    return found


def _any_of(ids: set[str]) -> re.Pattern[bytes]:
    words = b"|".join(re.escape(key.encode()) for key in sorted(ids))
    return re.compile(b"(?<!" + _KEY_CHARACTER + b")(?:" + words + b")(?!" + _KEY_CHARACTER + b")")


def redact(path: Path, layers: int, ids: set[str], write: Write) -> int:
    """Write the unpacked file without the records of these customers; return how many went.

    Raises ``Unreadable`` where it cannot be told what a record is.
    """
    decode = codecs.getincrementaldecoder("utf-8")().decode
    by_records = False
    for block in unpacked_blocks(path, layers):
        try:
            decode(block)
        except UnicodeDecodeError as error:
            raise Unreadable(english("not UTF-8")) from error
        if b"\0" in block:
            raise Unreadable(english("a NUL byte"))
        by_records = by_records or b'"' in block or _has_lone_returns(block)
    if by_records:
        return _redact_records(path, layers, ids, write)
    return _redact_lines(path, layers, ids, write)


def _has_lone_returns(block: bytes) -> bool:
    # One at the end of a block may be half of a CRLF; the slower way can do both.
    return b"\r" in block and block.count(b"\r") != block.count(b"\r\n")


def _redact_lines(path: Path, layers: int, ids: set[str], write: Write) -> int:
    """Redact a file without quotes, where a line is a record: look only at lines with an id on them."""
    pattern = _any_of(ids)
    key_position: KeyPosition | None = None
    rest, gone = b"", 0
    unpacked = unpacked_blocks(path, layers)
    at_end = False
    while not at_end:
        block = next(unpacked, b"")
        at_end = not block
        data = rest + block
        cut = len(data) if at_end else data.rfind(b"\n") + 1
        data, rest = data[:cut], data[cut:]
        if len(rest) > MAX_RECORD:
            raise Unreadable(english("a very long line"))
        kept, done = 0, 0
        if key_position is None:
            key_position, done = _header(data)
        for match in pattern.finditer(data, done):
            if key_position is None or match.start() < done:
                continue
            start = data.rfind(b"\n", 0, match.start()) + 1
            end = data.find(b"\n", match.end())
            done = end = len(data) if end < 0 else end
            line = data[start:end].removesuffix(b"\r")
            if key_position.is_of(_cells(line), ids):
                write(data[kept:start])
                kept = start + len(line)
                gone += 1
        write(data[kept:])
    return gone


def _cells(line: bytes) -> list[str]:
    return [cell.strip(BLANKS) for cell in line.decode(errors="replace").split(",")]


def _header(data: bytes) -> tuple[KeyPosition | None, int]:
    """Return what the first line that is not blank says, and where it ends; None where there is none yet."""
    position = 0
    while position < len(data):
        end = data.find(b"\n", position)
        end = len(data) if end < 0 else end
        line = data[position:end].removeprefix(_BOM)
        if line.decode(errors="replace").strip(BLANKS):
            return KeyPosition.by_header(_cells(line)), end
        position = end + 1
    return None, 0


def _redact_records(path: Path, layers: int, ids: set[str], write: Write) -> int:
    """Redact a file whose records may have several lines: the reader finds them, then their line numbers do."""
    spans = _spans(path, layers, ids)
    span = next(spans, None)
    number, rest, gone = FIRST_LINE - 1, b"", 0
    unpacked = unpacked_blocks(path, layers)
    at_end = False
    while not at_end:
        block = next(unpacked, b"")
        at_end = not block
        data = rest + block
        # A CR at the very end may be half of a CRLF.
        cut_short = data[-1:] == b"\r" and not at_end
        lines = _LINE.findall(data[:-1] if cut_short else data)
        rest = data[sum(map(len, lines)) :]
        if at_end and rest:
            lines.append(rest)
        out = []
        for line in lines:
            number += 1
            while span and span[1] is not None and span[1] < number:
                span = next(spans, None)
            if span and span[0] <= number:
                gone += span[0] == number
                ended = _BREAK.search(line)
                out.append(ended[0] if ended else b"")
            else:
                out.append(line)
        write(b"".join(out))
    if span and span[0] > number:
        raise Unreadable(english("the file has fewer lines than before"))
    return gone


def _spans(path: Path, layers: int, ids: set[str]) -> Iterator[tuple[int, int | None]]:
    """Yield the first and the last line of each record that goes. A blank line behind it counts as its own."""
    try:
        with CsvReader(path, packed=layers) as source:
            records = source.records()
            header = next(records, None)
            key_position = KeyPosition.by_header(header.cells) if header else KeyPosition(None, 0)
            first = None
            for record in records:
                if first is not None:
                    yield first, record.line - 1
                # Of one that is too long only the beginning is known.
                cells = record.cells or tuple(record.raw[:BLOCK].split(","))
                first = record.line if key_position.is_of(cells, ids) else None
            if first is not None:
                yield first, None
    except Refused as refusal:
        raise Unreadable(str(refusal)) from refusal
