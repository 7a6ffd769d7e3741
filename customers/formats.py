"""django-import-export's formats that an upload may have: known by their content, and turned into the feed's CSV.

The library's own ``create_dataset`` holds a workbook in memory and passes its cells on as they are. Here the rows
stream into a CSV file, which the one loader then reads like any other.
"""

import csv
import gzip
import logging
import re
import warnings
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any

from import_export.formats.base_formats import CSV, XLSX
from openpyxl import load_workbook

from customers.files import open_file
from customers.kinds import shown

logger = logging.getLogger(__name__)

MAX_UNPACKED_MB = 500
"""What a compressed file may hold, for it could be made to fill the disk."""
_MAX_TEXTS = 64 * 2**20
"""A workbook's shared texts are held in memory all together, and some 1 MB of them take a second."""
_MAX_ROW = 8 * 2**20
"""So is each row. One of Excel's longest, full of numbers, has half of that."""
_ROW, _TEXT = (re.compile(rb"<(?:[\w.-]+:)?" + name + rb"[\s/>]") for name in (b"row", b"si"))
_BLOCK = 256 * 1024
_EXACT = 10**15
_MOST_ROWS = 2**20
_BEGINNING = 64 * 1024
_LONGEST_TAG = 200
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_OTHER_ZIPS = {
    b"opendocument": "an OpenDocument file",
    b"sheet.binary": "an Excel binary workbook (.xlsb)",
    b"wordprocessingml": "a Word document",
    b"presentationml": "a PowerPoint presentation",
}


class NotTaken(Exception):
    """The upload cannot be taken; the message says why, and what to do."""


class FeedCsv(CSV):
    """CSV, which is stored as it is."""

    word = "text"

    def recognises(self, beginning: bytes) -> bool:
        """Whether a file that begins like this may have the format."""
        return True

    def ending(self) -> str:
        """How the names of such files end."""
        return f".{self.get_extension()}"

    def stored_name(self, feed_file: str) -> str:
        """What the loader is to find, for a feed's file name."""
        return feed_file

    def file_name(self, name: str) -> str:
        """What the ledger calls a file with that name."""
        return name

    def convert(self, source: Path, target: Path) -> list[str]:
        """Put what the loader is to read at ``target``; return what to know of it. Raises ``NotTaken``."""
        source.replace(target)
        return []


class PackedCsv(FeedCsv):
    """CSV, gzipped."""

    word = "a gzip file"

    def recognises(self, beginning: bytes) -> bool:
        """By gzip's first bytes."""
        return beginning.startswith(b"\x1f\x8b")

    def ending(self) -> str:
        """As the loader knows it."""
        return f"{super().ending()}.gz"

    def stored_name(self, feed_file: str) -> str:
        """The loader unpacks it."""
        return f"{feed_file}.gz"

    def convert(self, source: Path, target: Path) -> list[str]:
        """Leave it packed, once it is known how much it holds; of a broken one the loader says what is wrong."""
        size = 0
        try:
            with open_file(source) as packed, gzip.GzipFile(fileobj=packed, mode="rb") as file:
                while block := file.read(_BLOCK):
                    size += len(block)
                    _check_unpacked(size)
        except (OSError, EOFError, zlib.error):
            logger.info("A gzip file that cannot be unpacked was uploaded")
        return super().convert(source, target)


class FeedXlsx(XLSX):
    """An Excel workbook, of which one sheet becomes a CSV."""

    word = "an Excel workbook"

    def recognises(self, beginning: bytes) -> bool:
        """By ZIP's first bytes; ``convert`` looks into it."""
        return beginning.startswith(b"PK\x03\x04")

    def ending(self) -> str:
        """How the names of such files end."""
        return f".{self.get_extension()}"

    def stored_name(self, feed_file: str) -> str:
        """What is loaded is the CSV."""
        return feed_file

    def file_name(self, name: str) -> str:
        """What is loaded and archived is the CSV."""
        return f"{name}.csv"

    def convert(self, source: Path, target: Path) -> list[str]:
        """Write the sheet that was in front when the workbook was saved, line by line."""
        try:
            _look_into(source)
            with source.open("rb") as file, warnings.catch_warnings():
                # What openpyxl would lose on saving is of no concern here.
                warnings.simplefilter("ignore")
                book = load_workbook(file, read_only=True, keep_links=False)
                try:
                    sheets = book.worksheets
                    sheet = book.active if book.active in sheets else sheets[0]
                    _write(sheet, target)
                    return list(_notes(sheet.title, [other.title for other in sheets if other is not sheet]))
                finally:
                    book.close()
        except NotTaken:
            raise
        except Exception as error:
            logger.exception("A workbook cannot be read")
            raise NotTaken("The workbook is damaged: open it in Excel, save it again, or save it as CSV.") from error


FORMATS = (PackedCsv(), FeedXlsx(), FeedCsv())
"""Those that an upload may have; the first that recognises a file is the one."""
ENDINGS = [one.ending() for one in reversed(FORMATS)]


def format_of(path: Path, name: str) -> FeedCsv | FeedXlsx:
    """The format that a file has by its content. Raises ``NotTaken`` where its name says another one."""
    with open_file(path) as file:
        beginning = file.read(len(_OLE))
    if beginning == _OLE:
        raise NotTaken(
            "This is an old Excel file (.xls), or one with a password: save it as .xlsx without a password, or as CSV."
        )
    found = next(one for one in FORMATS if one.recognises(beginning))
    said = next((ending for ending in ENDINGS if name.lower().endswith(ending)), None)
    if said == found.ending():
        return found
    if said is None:
        raise NotTaken(f"{shown(name)} is no file for this page: its name ends in none of {', '.join(ENDINGS)}.")
    raise NotTaken(
        f"The name of {shown(name)} ends in {said}, but by its content it is {found.word}: "
        f"if that is right, let its name end in {found.ending()}."
    )


def _check_unpacked(size: int) -> None:
    if size > MAX_UNPACKED_MB * 2**20:
        raise NotTaken(f"The file holds more than {MAX_UNPACKED_MB} MB when it is unpacked: import it by import_csvs.")


def _look_into(path: Path) -> None:
    """Refuse a ZIP that is no workbook, or that is made to do harm, before anything reads it."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check_unpacked(sum(member.file_size for member in members))
        if any(member.flag_bits & 1 for member in members):
            raise NotTaken("The file has a password: save it without one.")
        kinds = b""
        for member in members:
            with archive.open(member) as file:
                beginning = file.read(_BEGINNING)
                if member.file_size > _MAX_ROW:
                    _check_part(beginning, file, member.file_size)
            if b"<!DOCTYPE" in beginning or b"<!ENTITY" in beginning:
                raise NotTaken("The workbook declares entities, which no spreadsheet does: it is not read.")
            if member.filename in {"[Content_Types].xml", "mimetype"}:
                kinds += beginning
    for sign, word in _OTHER_ZIPS.items():
        if sign in kinds:
            raise NotTaken(f"This is {word}, not an Excel workbook: save it as .xlsx or as CSV.")
    if b"spreadsheetml" not in kinds:
        raise NotTaken("This is a ZIP archive, not an Excel workbook: unpack it, and upload its files one by one.")


def _check_part(beginning: bytes, file: IO[bytes], size: int) -> None:
    """Refuse a large part of a workbook that would fill the memory: by its texts, or by a row without end."""
    is_wide = beginning.startswith((b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<"))
    if not is_wide and not beginning.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return  # A picture, say: no XML, which alone is read.
    since, rest, block = 0, b"", beginning
    while block:
        text = rest + block
        if is_wide or b"<!" in text:
            raise NotTaken("The workbook hides some of its text, which no spreadsheet does: it is not read.")
        if size > _MAX_TEXTS and _TEXT.search(text):
            raise NotTaken(f"The workbook holds more than {_MAX_TEXTS >> 20} MB of texts: save the sheet as CSV.")
        last = deque(_ROW.finditer(text), maxlen=1)
        since = len(text) - last[0].start() if last else since + len(block)
        if since > _MAX_ROW and not _TEXT.search(text):
            raise NotTaken(
                f"The workbook has more than {_MAX_ROW >> 20} MB in one row, or in none: save the sheet as CSV."
            )
        rest, block = text[-_LONGEST_TAG:], file.read(_BLOCK)


def _notes(title: str, others: list[str]) -> Iterator[str]:
    yield f"The sheet {shown(title)} was converted to CSV: hash, size and line numbers are those of the CSV."
    if others:
        yield f"Only that sheet is read, not {', '.join(map(shown, others))}."


def _write(sheet: Any, target: Path) -> None:
    """Write a sheet as CSV. Blank rows between others stay, so that line numbers are the sheet's own."""
    # A sheet may claim any size.
    sheet.reset_dimensions()
    size = width = blank = 0
    target.touch(mode=0o600, exist_ok=False)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, cells in enumerate(sheet.rows, start=1):
            if number > _MOST_ROWS:
                raise NotTaken(f"The sheet has more than {_MOST_ROWS:,} rows, the most that Excel takes.")
            size += len(cells)
            _check_unpacked(size)
            texts = [_text(cell) for cell in cells]
            while texts and not texts[-1]:
                texts.pop()
            if not texts:
                blank += 1
                continue
            file.write("\n" * blank)
            width, blank = width or len(texts), 0
            texts += [""] * (width - len(texts))
            writer.writerow(texts)
            size += sum(map(len, texts))
            _check_unpacked(size)


def _text(cell: Any) -> str:
    """A cell as the feed has it. Raises ``NotTaken`` for what is not a value."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        raise NotTaken(
            f"Cell {cell.coordinate} is a formula, and what it gives may differ from what you see: "
            "copy the cells and paste them as values, or save the sheet as CSV."
        )
    if cell.data_type == "e":
        raise NotTaken(f"Cell {cell.coordinate} is the error {value}: put it right, or clear it.")
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < _EXACT:
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
    return str(value)
