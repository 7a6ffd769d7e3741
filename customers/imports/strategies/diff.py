"""Where a file of an append-only feed has most lines of the last accepted one, only those that differ are judged.

Both files are read side by side. A line that is in both is a row that is loaded as it is, wherever it stands. Any
doubt leads to the full path, whose result is the same: this is about speed alone.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest

from customers.archive import files
from customers.core.files import open_file
from customers.feeds.declarations import Feed, Header
from customers.feeds.reader import BLANKS, BLOCK, CsvReader, LineBlock, Record, Refused, record_at
from customers.feeds.rows import row_cells
from customers.models import ImportRun

ALWAYS_FEW = 1_000
"""So many different lines are few in any file."""
MOST_SHARE = 5
"""One line of so many may be different: with more of them the full path is as fast."""
MOST_BYTES = 32 * 1024 * 1024
"""What the different lines may come to, and a fourth of it is a line that is too long."""


class CannotShortcut(Exception):
    """It cannot be told whether the full path would come to the same result; the message says why."""


@dataclass(frozen=True)
class FileDiff:
    """The rows that were in the old file alone, and those of the new one alone with the lines they stand on.

    The lines are without LF. ``fixed`` of the lines that are in both have a fix.
    """

    gone: list[bytes]
    added: dict[bytes, int]
    fixed: int

    def blocks(self, line_pattern: re.Pattern[bytes] | None) -> Iterator[Record | LineBlock]:
        """What was added, as ``CsvReader.blocks`` would give it."""
        for line, number in self.added.items():
            if line_pattern and line_pattern.fullmatch(line + b"\n"):
                yield LineBlock(number, line + b"\n")
            elif record := record_at(number, line.removesuffix(b"\r")):
                yield record

    def records(self) -> Iterator[Record]:
        """The same as records."""
        return (item for item in self.blocks(None) if isinstance(item, Record))

    def keys_gone(self, feed: Feed, header: Header, fixes: Mapping[str, list[str]], *, unquote: bool) -> Iterator[str]:
        """The keys of the rows that are gone. Raises ``CannotShortcut`` where one cannot be told."""
        place = feed.column_names.index("id")
        for line in self.gone:
            record = record_at(0, line.removesuffix(b"\r"))
            cells = row_cells(record, header, fixes, unquote=unquote)[0] if record else None
            if not cells:
                raise CannotShortcut("a line of the last file is no row")
            yield cells[place]


def find_differences(source: CsvReader, last: ImportRun, fixes: Mapping[str, list[str]]) -> FileDiff:
    """Read the whole source beside the archived file of ``last``, no key of which was there twice.

    Raises ``CannotShortcut`` where that file is gone or damaged, where the header is another one, where a record may
    be something else than a line, or where too much differs.
    """
    most = max(ALWAYS_FEW, last.rows // MOST_SHARE)
    texts = {raw.encode() + end for raw in fixes for end in (b"", b"\r")}
    fixed = 0

    def note_fixed(lists: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
        nonlocal fixed
        for lines in lists:
            fixed += sum(map(texts.__contains__, lines))
            yield lines

    old = chain.from_iterable(_lines(_archived(last)))
    lists = _lines(_of_source(source))
    new = chain.from_iterable(note_fixed(lists) if texts else lists)
    header = next(new, b"")
    if b"," not in header or next(old, b"") != header:
        raise CannotShortcut("another header")
    gone: dict[bytes, None] = {}
    added: dict[bytes, int] = {}
    held = 0
    for number, (theirs, ours) in enumerate(zip_longest(old, new), start=2):
        if theirs == ours:
            continue
        if theirs is not None and not _is_blank(theirs):
            if added.pop(theirs, None):
                held -= len(theirs)
            else:
                gone[theirs] = None
                held += len(theirs)
        if ours is not None and not _is_blank(ours):
            if ours in gone:
                del gone[ours]
                held -= len(ours)
            elif ours in added:
                raise CannotShortcut("a line is there twice")
            else:
                added[ours] = number
                held += len(ours)
        if len(gone) + len(added) > most or held > MOST_BYTES:
            raise CannotShortcut("too much differs")
    text = b"\n".join(added)
    if b"\0" in text:
        raise CannotShortcut("a NUL byte")
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise CannotShortcut("not UTF-8") from error
    return FileDiff(list(gone), added, fixed - sum(map(texts.__contains__, added)))


def _is_blank(line: bytes) -> bool:
    return b"," not in line and not line.decode(errors="replace").strip(BLANKS)


def _of_source(source: CsvReader) -> Iterator[bytes]:
    try:
        yield from source.raw_blocks()
    except Refused as refusal:
        # The full path says so, with all that belongs to it.
        raise CannotShortcut("the file cannot be read") from refusal


def _archived(run: ImportRun) -> Iterator[bytes]:
    """The very file that the run read, in blocks; whether it was that is known behind the last one."""
    place = files.find(run)
    if not place:
        raise CannotShortcut("the last file is not archived")
    digest = hashlib.sha256()
    try:
        with open_file(place) as packed, gzip.GzipFile(fileobj=packed, mode="rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
                yield block
    except (OSError, EOFError, zlib.error) as error:
        raise CannotShortcut("the last file cannot be unpacked") from error
    if digest.hexdigest() != run.sha256:
        raise CannotShortcut("the archive has another file")


def _lines(blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Whole lines without LF, the last one whether it is ended or not.

    Raises ``CannotShortcut`` where a line may be no record.
    """
    rest = b""
    for block in blocks:
        whole, newline, tail = block.rpartition(b"\n")
        if b'"' in block:
            raise CannotShortcut("a quoted field")
        if not newline:
            rest += block
            if len(rest) > MOST_BYTES // 4:
                raise CannotShortcut("a very long line")
            continue
        whole = rest + whole
        rest = tail
        if b"\r" in whole and whole.count(b"\r") != whole.count(b"\r\n") + whole.endswith(b"\r"):
            raise CannotShortcut("a line end of CR alone")
        yield whole.split(b"\n")
    if b"\r" in rest:
        raise CannotShortcut("a line end of CR alone")
    if rest:
        yield [rest]
