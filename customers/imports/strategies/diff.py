"""The strategy for a file that has most lines of the base run's file: only the others are judged.

Both files are read side by side. A line that is in both is a row that is loaded as it is, wherever it stands.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, zip_longest

from customers.archive import files
from customers.feeds.declarations import Header
from customers.feeds.reader import BLANKS, BLOCK, CsvReader, LineBlock, Record, Refused, record_at
from customers.imports.fixes import Fixes
from customers.imports.strategies.base import CannotShortcut, LoadStrategy, Staged
from customers.imports.strategies.base_run import loaded_keys_are_lowercase, repeats_known_keys
from customers.imports.strategies.file_load import FileLoad
from customers.imports.strategies.stager import Stager
from customers.models import ImportRun
from customers.text.line_numbers import FIRST_LINE

ALWAYS_FEW = 1_000
"""This many different lines are few in any file."""
MAX_SHARE_DIVISOR = 5
"""One line of this many may differ. If more do, it is as fast to judge them all."""
MAX_BYTES = 32 * 1024 * 1024
"""The most that the different lines may come to. A line longer than a fourth of it is too long."""


class DiffStrategy(LoadStrategy):
    """Stages the lines that the base run's file has not."""

    name = "diff"

    def __init__(self, base: ImportRun) -> None:
        self.base = base

    def stage(self, source: CsvReader, stager: Stager) -> Staged:
        """Stage the different lines; their keys must be new, or those of lines that are gone."""
        base, file = self.base, stager.file
        if base.repeats:
            raise CannotShortcut("a key was there twice")
        diff = find_differences(source, base, file.fixes)
        skipped = base.rows - len(diff.gone)
        with stager.reading(source):
            header = stager.read_header_again()
            stager.stage(header, diff.blocks(stager.begin(header)), skipped_rows=skipped, skipped_fixed=diff.fixed)
        if repeats_known_keys(file.feed, file.run, diff.keys_gone(file, header)):
            raise CannotShortcut("a known key")
        return Staged(skipped, base.repeats, loaded_keys_are_lowercase(file.feed, base), records=diff.records())


@dataclass
class FileDiff:
    """The lines of the old file that the new one lacks, and the new one's own with their numbers.

    The lines are without LF; ``size`` is how many bytes they come to. ``fixed`` of the lines that are in both have a
    fix.
    """

    gone: dict[bytes, None] = field(default_factory=dict)
    added: dict[bytes, int] = field(default_factory=dict)
    size: int = 0
    fixed: int = 0

    def compare(self, old: Iterator[bytes], new: Iterator[bytes], max_lines: int) -> None:
        """Read the lines behind both headers; raise ``CannotShortcut`` where too much differs."""
        for number, (old_line, new_line) in enumerate(zip_longest(old, new), start=FIRST_LINE + 1):
            if old_line == new_line:
                continue
            if old_line is not None and not _is_blank(old_line):
                self._see_old(old_line)
            if new_line is not None and not _is_blank(new_line):
                self._see_new(new_line, number)
            if len(self.gone) + len(self.added) > max_lines or self.size > MAX_BYTES:
                raise CannotShortcut("too much differs")

    def _see_old(self, line: bytes) -> None:
        """Take a line of the old file for gone, unless the new one had it further up."""
        if self.added.pop(line, None):
            self.size -= len(line)
        else:
            self.gone[line] = None
            self.size += len(line)

    def _see_new(self, line: bytes, number: int) -> None:
        """Take a line of the new file for added, unless the old one had it further up."""
        if line in self.gone:
            del self.gone[line]
            self.size -= len(line)
        elif line in self.added:
            raise CannotShortcut("a line is there twice")
        else:
            self.added[line] = number
            self.size += len(line)

    def check_text(self) -> None:
        """Raise ``CannotShortcut`` where the added lines are no text."""
        text = b"\n".join(self.added)
        if b"\0" in text:
            raise CannotShortcut("a NUL byte")
        try:
            text.decode()
        except UnicodeDecodeError as error:
            raise CannotShortcut("not UTF-8") from error

    def blocks(self, line_pattern: re.Pattern[bytes] | None) -> Iterator[Record | LineBlock]:
        """Yield the added lines, as ``CsvReader.blocks`` would."""
        for line, number in self.added.items():
            if line_pattern and line_pattern.fullmatch(line + b"\n"):
                yield LineBlock(number, line + b"\n")
            elif record := record_at(number, line.removesuffix(b"\r")):
                yield record

    def records(self) -> Iterator[Record]:
        """Yield the added lines as records."""
        return (block for block in self.blocks(None) if isinstance(block, Record))

    def keys_gone(self, file: FileLoad, header: Header) -> Iterator[str]:
        """Yield the keys of the rows that are gone; raise ``CannotShortcut`` where one cannot be told."""
        index = file.feed.column_names.index("id")
        for line in self.gone:
            record = record_at(0, line.removesuffix(b"\r"))
            cells = file.row_cells(record, header)[0] if record else None
            if not cells:
                raise CannotShortcut("a line of the last file is no row")
            yield cells[index]


def find_differences(source: CsvReader, base: ImportRun, fixes: Fixes) -> FileDiff:
    """Read the whole source beside the archived file of ``base``, no key of which was there twice.

    Raises ``CannotShortcut`` where that file is gone or damaged, where the header is another one, where a record may
    be something else than a line, or where too much differs.
    """
    diff = FileDiff()
    fixed_lines = {raw.encode() + end for raw in fixes for end in (b"", b"\r")}
    old = chain.from_iterable(_lines(_archived(base)))
    lists = _lines(_of_source(source))
    new = chain.from_iterable(_count_fixed(lists, fixed_lines, diff) if fixed_lines else lists)
    header = next(new, b"")
    if b"," not in header or next(old, b"") != header:
        raise CannotShortcut("another header")
    diff.compare(old, new, max(ALWAYS_FEW, base.rows // MAX_SHARE_DIVISOR))
    diff.check_text()
    diff.fixed -= sum(line in fixed_lines for line in diff.added)
    return diff


def _count_fixed(lists: Iterable[list[bytes]], fixed_lines: set[bytes], diff: FileDiff) -> Iterator[list[bytes]]:
    """Pass on lists of lines; count in ``diff.fixed`` the lines that have a fix, by the list, which is fast."""
    for lines in lists:
        diff.fixed += sum(map(fixed_lines.__contains__, lines))
        yield lines


def _is_blank(line: bytes) -> bool:
    return b"," not in line and not line.decode(errors="replace").strip(BLANKS)


def _of_source(source: CsvReader) -> Iterator[bytes]:
    try:
        yield from source.raw_blocks()
    except Refused as refusal:
        # ``WholeStrategy`` reports the refusal.
        raise CannotShortcut("the file cannot be read") from refusal


def _archived(run: ImportRun) -> Iterator[bytes]:
    """Yield the archived file of the run in blocks. Its hash is checked after the last block."""
    digest = hashlib.sha256()
    try:
        archived = files.find(run)
        if not archived:
            raise CannotShortcut("the last file is not archived")
        with archived.open() as packed, gzip.GzipFile(fileobj=packed, mode="rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
                yield block
    except (OSError, EOFError, zlib.error) as error:
        raise CannotShortcut("the last file cannot be unpacked") from error
    if digest.hexdigest() != run.sha256:
        raise CannotShortcut("the archive has another file")


def _lines(blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield lists of whole lines without LF; the last line may lack its end.

    Raises ``CannotShortcut`` where a line may be no record.
    """
    rest = b""
    for block in blocks:
        whole, newline, tail = block.rpartition(b"\n")
        if b'"' in block:
            raise CannotShortcut("a quoted field")
        if not newline:
            rest += block
            if len(rest) > MAX_BYTES // 4:
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
