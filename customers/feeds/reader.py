"""Bytes to records with their line numbers, or one refusal of the whole file.

The dialect is that of docs/csv-feeds.md: UTF-8 with or without a BOM, comma, ``"`` doubled inside quotes, line ends
LF, CRLF or CR. A file streams through in blocks; only one record is held, and of an oversized one only its beginning.
"""

import codecs
import gzip
import hashlib
import io
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from customers.core.files import NotRegular, open_unbuffered
from customers.feeds.hashing import HashingReader
from customers.text.line_numbers import FIRST_LINE, LineCounter, count_line_ends, numbered
from customers.text.say import english

BLOCK = 256 * 1024
MAX_RECORD = 16 * 1024 * 1024
MAX_CELLS = 16_384
"""As many as a spreadsheet has columns."""
MAX_TIMES_PACKED = 200
"""A gzip file that unpacks to so many times its size, and is not small, was made to do harm."""
_SMALL = 64 * 1024 * 1024
BLANKS = " \t\r\n\u00a0"

_FIELD = rb'(?:"(?:[^"]++|"")*+"[^,\r\n]*+|[^",\r\n][^,\r\n]*+|(?=[,\r\n]))'
_RECORD = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*+(?:\r\n|\r|\n)")
_CELL = re.compile(r'(?:"((?:[^"]++|"")*+)"([^,]*+)|([^,]*+))(?:,|\Z)')
_WHOLE_CELLS = re.compile(rb'(?:(?:"[^"]*+(?:""[^"]*+)*+"[^,\r\n]*+|[^",\r\n][^,\r\n]*+)?,)*+')
"""Cells with the comma behind each: a line may have hundreds of millions."""
_STOP = re.compile(rb"[,\r\n]")
_QUOTE = ord('"')
_TOO_MANY_CELLS = english(f"row: has more than {format(MAX_CELLS, ',')} cells")


class Refused(Exception):
    """The whole file cannot be taken; the message says what is wrong and where."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the physical line it starts on, its raw text without the line end, its cells, trimmed.

    ``fault`` says why the cells cannot be trusted (as ``column: message``), or is empty.
    """

    line: int
    raw: str
    cells: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Consecutive lines that the fast path takes: each is a record without quotes, with nothing to trim."""

    line: int
    raw: bytes

    @property
    def rows(self) -> int:
        """Return how many records there are."""
        return self.raw.count(b"\n")

    def records(self) -> Iterator[Record]:
        """Yield the records one by one."""
        for line, text in numbered(self.raw, self.line):
            yield Record(line, text, tuple(text.split(",")))


class CsvReader:
    """A CSV file, plain or gzipped, that is read once from beginning to end.

    After ``records`` is exhausted, or after ``read_out``, ``sha256``, ``size`` (both of the file as it lies there)
    and ``changed`` are final. ``progress`` is called with the number of bytes just read. ``packed`` says how often
    it was gzipped, for a file whose name does not.
    """

    line_pattern: re.Pattern[bytes] | None = None
    """Where it is set, a pattern of consecutive good lines, which then come as one block."""

    def __init__(
        self, path: Path, progress: Callable[[int], object] | None = None, *, packed: int | None = None
    ) -> None:
        self.path = path
        self._may_be_a_bomb = packed is None and path.suffix == ".gz"
        self._unpacked = 0
        packed = int(path.suffix == ".gz") if packed is None else packed
        try:
            self._file = open_unbuffered(path)
        except NotRegular as error:
            raise Refused(str(error.strerror)) from error
        except OSError as error:
            raise Refused(english(f"{path.name} cannot be opened: {error.strerror}")) from error
        self._before = os.fstat(self._file.fileno())
        self._hashing = HashingReader(self._file, progress)
        self._stream: io.BufferedReader | gzip.GzipFile = io.BufferedReader(self._hashing, BLOCK)
        for _layer in range(packed):
            self._stream = gzip.GzipFile(fileobj=self._stream, mode="rb")
        self._content = hashlib.sha256() if packed else self._hashing.digest
        self._is_packed = bool(packed)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._lines = LineCounter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        """Return the hash of the bytes read so far, in hexadecimal."""
        return self._hashing.digest.hexdigest()

    @property
    def content_sha256(self) -> str:
        """Return the hash of the unpacked content; of a plain file it is ``sha256``."""
        return self._content.hexdigest()

    @property
    def size(self) -> int:
        """Return the number of bytes read so far."""
        return self._hashing.size

    @property
    def lines(self) -> int:
        """Return how many lines end in what was read, other than by ``read_out``."""
        return self._lines.number - FIRST_LINE

    @property
    def changed(self) -> bool:
        """Return whether the file was written to, replaced or removed since it was opened."""
        now = os.fstat(self._file.fileno())
        try:
            there = self.path.lstat()
        except OSError:
            return True
        before = self._before
        return (
            (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns)
            or (there.st_dev, there.st_ino) != (before.st_dev, before.st_ino)
            or self.size != before.st_size
        )

    def records(self) -> Iterator[Record]:
        """Yield all records, the header first, but no blank line. Raise ``Refused`` for what no record can mend."""
        return records_of(self.blocks())

    def blocks(self) -> Iterator[Record | LineBlock]:
        """Yield the records, those that ``line_pattern`` matches in blocks."""
        line = self._lines.number
        bom = codecs.BOM_UTF8 if self._hashing.size == 0 else b""
        buffer = self._read(BLOCK).removeprefix(bom)
        position, at_end = 0, False
        while True:
            good = self.line_pattern.match(buffer, position) if self.line_pattern else None
            if good and good.end() > position:
                block = LineBlock(line, good[0])
                yield block
                position, line = good.end(), line + block.rows
            match = _RECORD.match(buffer, position)
            # A CR at the very end of the buffer may be half of a CRLF.
            if match and (at_end or match.end() < len(buffer) or buffer[-1:] == b"\n"):
                raw = buffer[position : match.end()]
                position = match.end()
                content = raw[:-2] if raw.endswith(b"\r\n") else raw[:-1]
                record = record_at(line, content) if len(content) <= MAX_RECORD else _cut_off(line, content)
                if record:
                    yield record
                line += count_line_ends(raw)
            elif at_end:
                if position < len(buffer):
                    scanner = _QuoteScanner(line)
                    scanner.scan(buffer[position:])
                    raise _never_ends(scanner)
                return
            elif len(buffer) - position > MAX_RECORD + len(b"\r\n"):
                record, line, buffer = self._skip(line, buffer[position:])
                position = 0
                yield record
            else:
                more = self._read(max(BLOCK, len(buffer) - position))
                buffer, position = buffer[position:] + more, 0
                if not more:
                    at_end = True
                    if buffer and buffer[-1:] != b"\r":
                        buffer += b"\n"

    def skip(self, size: int, lines: int | None = None) -> "hashlib._Hash | None":
        """Pass over whole lines, ``size`` bytes that were judged before; return their SHA-256, None if a line is cut.

        ``lines`` is how many lines there are in the bytes of that hash; where it is None, they are counted.
        """
        piece = b""
        # Past the buffer, which would read on, and hash more than was asked for.
        while size and (piece := self._read_bytes(min(size, BLOCK), self._hashing)):
            if lines is None:
                self._lines.add(piece)
            size -= len(piece)
        if size or piece[-1:] != b"\n":
            return None
        if lines is not None:
            self._lines = LineCounter(FIRST_LINE + lines)
        return self._hashing.digest.copy()

    def raw_blocks(self) -> Iterator[bytes]:
        """Yield the bytes of a plain file as they are, unchecked."""
        while block := self._read_bytes(BLOCK, self._hashing):
            self._lines.add(block)
            yield block

    def read_out(self) -> None:
        """Read what is left of a file that is given up, so that its hash is the whole file's."""
        with suppress(OSError):
            while self._hashing.read(BLOCK):
                pass

    def _skip(self, line: int, head: bytes) -> tuple[Record, int, bytes]:
        """Pass over a record longer than ``MAX_RECORD``; return it cut off, the line it ends on, and what follows."""
        scanner = _QuoteScanner(line)
        block = head
        while (end := scanner.scan(block)) is None:
            block = self._read(BLOCK)
            if not block:
                if scanner.in_quotes:
                    raise _never_ends(scanner)
                end = 0
                break
        return _cut_off(line, head), scanner.line, block[end:] or b"\n"

    def _read(self, size: int) -> bytes:
        """Return the next block, checked to be UTF-8 without NUL."""
        first = self._hashing.size == 0
        block = self._read_bytes(size)
        if first and block[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise Refused(english("the file is UTF-16, not UTF-8: save it as UTF-8"))
        bad = block.find(b"\0")
        if bad >= 0:
            raise Refused(english(f"line {self._line_at(block, bad)}: a NUL byte; the file is damaged or not text"))
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            carried_over = len(error.object) - len(block)
            where = self._line_at(block, max(error.start - carried_over, 0))
            raise Refused(
                english(f"line {where}: byte 0x{error.object[error.start]:02x} is not UTF-8: save the file as UTF-8")
            ) from error
        self._lines.add(block)
        return block

    def _read_bytes(self, size: int, stream: "HashingReader | None" = None) -> bytes:
        try:
            block = (stream or self._stream).read(size)
            if self._is_packed:
                self._content.update(block)
            self._unpacked += len(block)
            if self._may_be_a_bomb and self._unpacked > max(_SMALL, MAX_TIMES_PACKED * self.size):
                raise Refused(
                    english(
                        f"{self.path.name} unpacks to more than {MAX_TIMES_PACKED} times its size, which no feed does"
                    )
                )
            return block
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Refused(english(f"{self.path.name} is a broken gzip file: {error}")) from error
        except OSError as error:
            raise Refused(english(f"{self.path.name} cannot be read: {error.strerror or error}")) from error

    def _line_at(self, block: bytes, position: int) -> int:
        return self._lines.after(block[:position])


def records_of(blocks: Iterable[Record | LineBlock]) -> Iterator[Record]:
    """Yield the records one by one, those in blocks too."""
    for block in blocks:
        yield from block.records() if isinstance(block, LineBlock) else (block,)


class _QuoteScanner:
    """Finds the end of a record that arrives in pieces, byte by byte only where it must."""

    def __init__(self, line: int) -> None:
        self.quote_line = line
        self._lines = LineCounter(line)
        self._state = "start"

    @property
    def line(self) -> int:
        """Return the line on which the part that was fed ends."""
        return self._lines.number

    @property
    def in_quotes(self) -> bool:
        return self._state == "quoted"

    def scan(self, block: bytes) -> int | None:
        """Return where in ``block`` the record's line end stands, or None where it is not in there."""
        position = counted = 0
        end = None
        while position < len(block):
            if self._state == "start":
                cells = _WHOLE_CELLS.match(block, position)
                position = cells.end() if cells else position
            if position == len(block):
                break
            if self._state == "quoted":
                quote = block.find(b'"', position)
                if quote < 0:
                    break
                self._state, position = "closed", quote + 1
            elif self._state == "closed" and block[position] == _QUOTE:
                self._state, position = "quoted", position + 1
            elif self._state == "start" and block[position] == _QUOTE:
                self._lines.add(block[counted:position])
                counted = position
                self.quote_line = self.line
                self._state, position = "quoted", position + 1
            else:
                stop = _STOP.search(block, position)
                if not stop:
                    self._state = "text"
                    break
                if stop[0] != b",":
                    end = stop.start()
                    break
                self._state, position = "start", stop.end()
        self._lines.add(block[counted : len(block) if end is None else end])
        return end


def _never_ends(scanner: _QuoteScanner) -> Refused:
    return Refused(english(f"line {scanner.quote_line}: a quoted field opens here and never ends"))


def _cut_off(line: int, head: bytes) -> Record:
    # An incomplete character at the cut belongs to the part that is left out.
    raw = head[:MAX_RECORD].decode("utf-8", "ignore")
    fault = english(
        f"row: the record is longer than {MAX_RECORD // 2**20} MiB; only its beginning is kept here, "
        "the file has the rest"
    )
    return Record(line, raw, (), fault)


def record_at(line: int, raw: bytes) -> Record | None:
    """Return the record of a raw text without its line end; None where it is blank."""
    text = raw.decode()
    if '"' not in text:
        if text.count(",") >= MAX_CELLS:
            return Record(line, text, (), _TOO_MANY_CELLS)
        cells = tuple([cell.strip(BLANKS) for cell in text.split(",")])
        return Record(line, text, cells) if cells != ("",) else None
    trimmed: list[str] = []
    extra: list[str] = []
    for number, cell in enumerate(_CELL.finditer(text), start=1):
        if number > MAX_CELLS:
            return Record(line, text, (), _TOO_MANY_CELLS)
        quoted, rest, plain = cell.groups()
        if rest:
            extra.append(str(number))
        value = plain if quoted is None else quoted.replace('""', '"') + rest
        trimmed.append(value.strip(BLANKS))
        if cell.end() == len(text) and not cell[0].endswith(","):
            break
    fault = english(f"row: text after the closing quote of cell {', '.join(extra)}") if extra else ""
    return Record(line, text, tuple(trimmed), fault)


def split(raw: str) -> tuple[str, ...]:
    """Return the cells of a record's raw text, trimmed, as far as they can be told apart."""
    record = record_at(0, raw.encode())
    return record.cells if record else ()
