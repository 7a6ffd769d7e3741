"""django-import-export's formats that an upload may have: known by their content, and turned into the feed's CSV.

The library's own ``create_dataset`` holds a workbook in memory and passes its cells on as they are. Here the rows
stream into a CSV file as Excel shows them, which the one loader then reads like any other.
"""

import csv
import gzip
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from import_export.formats.base_formats import CSV, XLSX

from customers.core.files import open_file
from customers.text.quoted import quoted
from customers.workbooks.sheet import SheetPart
from customers.workbooks.workbook import Workbook
from customers.workbooks.xml_part import NotTaken

logger = logging.getLogger(__name__)

MAX_UNPACKED_MB = 500
"""What a compressed file may hold, for it could be made to fill the disk."""
MOST_LINES = 2**20
"""So many lines an upload of text may have, which is what a sheet of Excel may."""
_BLOCK = 256 * 1024
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_OTHER_ZIPS = {
    b"opendocument": "an OpenDocument file",
    b"sheet.binary": "an Excel binary workbook (.xlsb)",
    b"wordprocessingml": "a Word document",
    b"presentationml": "a PowerPoint presentation",
}


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
        with open_file(source) as file:
            _check_lines(file)
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
        try:
            with open_file(source) as packed, gzip.GzipFile(fileobj=packed, mode="rb") as file:
                _check_lines(file)
        except (OSError, EOFError, zlib.error):
            logger.info("A gzip file that cannot be unpacked was uploaded")
        source.replace(target)
        return []


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
            with Workbook(source, _check_unpacked) as book:
                _check_kind(book.kinds())
                sheets, sheet, texts, styles = book.open()
                with _Writer(target) as writer:
                    part = SheetPart(texts, styles, writer.write)
                    book.read(sheet.path, part)
            return [*_notes(sheet.name, [one.name for one in sheets if one is not sheet]), *part.notes()]
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
        raise NotTaken(f"{quoted(name)} is no file for this page: its name ends in none of {', '.join(ENDINGS)}.")
    raise NotTaken(
        f"The name of {quoted(name)} ends in {said}, but by its content it is {found.word}: "
        f"if that is right, let its name end in {found.ending()}."
    )


def _check_lines(file: IO[bytes]) -> None:
    """Refuse text that is too much to be shown before it is loaded."""
    size = feeds = returns = 0
    while block := file.read(_BLOCK):
        size += len(block)
        _check_unpacked(size)
        feeds += block.count(b"\n")
        returns += block.count(b"\r")
        if max(feeds, returns) > MOST_LINES:
            raise NotTaken(f"The file has more than {MOST_LINES:,} lines: import it by import_csvs, which takes any.")


def _check_unpacked(size: int) -> None:
    if size > MAX_UNPACKED_MB * 2**20:
        raise NotTaken(f"The file holds more than {MAX_UNPACKED_MB} MB when it is unpacked: import it by import_csvs.")


def _check_kind(kinds: bytes) -> None:
    """Refuse a ZIP that is no workbook."""
    for sign, word in _OTHER_ZIPS.items():
        if sign in kinds:
            raise NotTaken(f"This is {word}, not an Excel workbook: save it as .xlsx or as CSV.")
    if b"spreadsheetml" not in kinds:
        raise NotTaken("This is a ZIP archive, not an Excel workbook: unpack it, and upload its files one by one.")


def _notes(title: str, others: list[str]) -> Iterator[str]:
    yield f"The sheet {quoted(title)} was converted to CSV: hash, size and line numbers are those of the CSV."
    if others:
        yield f"Only that sheet is read, not {', '.join(map(quoted, others))}."


class _Writer:
    """Writes a sheet's rows as CSV. Blank rows between others stay, so that line numbers are the sheet's own."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._number = self._width = self._size = 0

    def __enter__(self) -> "_Writer":
        self._target.touch(mode=0o600, exist_ok=False)
        self._file = self._target.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file, lineterminator="\n")
        self._quoting = csv.writer(self._file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def write(self, number: int, texts: list[str]) -> None:
        """Write the row of this number; all are at least as wide as the first one."""
        self._file.write("\n" * (number - self._number - 1))
        self._number = number
        self._width = self._width or len(texts)
        texts += [""] * (self._width - len(texts))
        # Python before 3.13 quotes no CR, which would end the record.
        has_return = any("\r" in text for text in texts)
        (self._quoting if has_return else self._csv).writerow(texts)
        self._size += len(texts) + sum(map(len, texts))
        _check_unpacked(self._size)
