"""The formats that an upload may have: recognised by their content, and converted into the feed's CSV.

The formats of django-import-export hold a workbook in memory and pass its cells on as they are. Here the rows stream
into a CSV file as Excel shows them, which the loader then reads like any other.
"""

import csv
import gzip
import logging
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.utils.translation import gettext, gettext_lazy

from customers.core.files import open_file
from customers.text.quoted import quoted
from customers.text.say import Words, english, in_english, say
from customers.workbooks.sheet import SheetPart
from customers.workbooks.workbook import Workbook
from customers.workbooks.xml_part import NotTaken

logger = logging.getLogger(__name__)

MAX_UNPACKED_MB = 500
"""The megabytes that a compressed file may hold, so that none fills the disk."""
MAX_LINES = 2**20
"""The lines that an uploaded text may have: as many as a sheet of Excel."""
_BLOCK = 256 * 1024
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_OTHER_ZIPS = {
    b"opendocument": gettext_lazy("an OpenDocument file"),
    b"sheet.binary": gettext_lazy("an Excel binary workbook (.xlsb)"),
    b"wordprocessingml": gettext_lazy("a Word document"),
    b"presentationml": gettext_lazy("a PowerPoint presentation"),
}


class UploadFormat(ABC):
    """A format that an upload may have: its name in words, and the ending of its files' names."""

    word: Words
    ending: str

    @abstractmethod
    def recognises(self, beginning: bytes) -> bool:
        """Return whether a file that begins like this may have the format."""

    def stored_name(self, feed_file: str) -> str:
        """Return the name that the file is stored by for the loader."""
        return feed_file

    def file_name(self, name: str) -> str:
        """Return the name of an uploaded file in the ledger."""
        return name

    @abstractmethod
    def convert(self, source: Path, target: Path) -> list[str]:
        """Put the file that the loader reads at ``target``; return notes about it. Raises ``NotTaken``."""


class FeedCsv(UploadFormat):
    """CSV, which is stored as it is."""

    word, ending = gettext_lazy("text"), ".csv"

    def recognises(self, beginning: bytes) -> bool:
        return True

    def convert(self, source: Path, target: Path) -> list[str]:
        """Move the file, unless it has too many lines."""
        with open_file(source) as file:
            _check_lines(file)
        source.replace(target)
        return []


class PackedCsv(UploadFormat):
    """CSV, gzipped, which the loader unpacks."""

    word, ending = gettext_lazy("a gzip file"), ".csv.gz"

    def recognises(self, beginning: bytes) -> bool:
        return beginning.startswith(b"\x1f\x8b")

    def stored_name(self, feed_file: str) -> str:
        return f"{feed_file}.gz"

    def convert(self, source: Path, target: Path) -> list[str]:
        """Move the file as it is, unless it holds too much. The loader says what is wrong with a broken one."""
        try:
            with open_file(source) as packed, gzip.GzipFile(fileobj=packed, mode="rb") as file:
                _check_lines(file)
        except (OSError, EOFError, zlib.error):
            logger.info("A gzip file that cannot be unpacked was uploaded")
        source.replace(target)
        return []


class FeedXlsx(UploadFormat):
    """An Excel workbook, of which one sheet becomes a CSV."""

    word, ending = gettext_lazy("an Excel workbook"), ".xlsx"

    def recognises(self, beginning: bytes) -> bool:
        """Recognise ZIP's first bytes; ``convert`` looks into the file."""
        return beginning.startswith(b"PK\x03\x04")

    def file_name(self, name: str) -> str:
        """Return a name that says that the ledger has the CSV."""
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
            with in_english():  # They are stored.
                return [*_notes(sheet.name, [one.name for one in sheets if one is not sheet]), *part.notes()]
        except NotTaken:
            raise
        except Exception as error:
            logger.exception("A workbook cannot be read")
            raise NotTaken(
                gettext("The workbook is damaged: open it in Excel, save it again, or save it as CSV.")
            ) from error


FORMATS = (PackedCsv(), FeedXlsx(), FeedCsv())
"""The formats of uploads; a file has the first one that recognises it."""
ENDINGS = [one.ending for one in reversed(FORMATS)]


def format_of(path: Path, name: str) -> UploadFormat:
    """Return the format that a file has by its content. Raises ``NotTaken`` where its name says another one."""
    with open_file(path) as file:
        beginning = file.read(len(_OLE))
    if beginning == _OLE:
        raise NotTaken(
            gettext(
                "This is an old Excel file (.xls), or one with a password: save it as .xlsx without a password, or "
                "as CSV."
            )
        )
    recognised = next(one for one in FORMATS if one.recognises(beginning))
    named = next((ending for ending in ENDINGS if name.lower().endswith(ending)), None)
    if named == recognised.ending:
        return recognised
    if named is None:
        raise NotTaken(
            say(
                "{name} is no file for this page: its name ends in none of {endings}.",
                name=quoted(name),
                endings=", ".join(ENDINGS),
            )
        )
    raise NotTaken(
        say(
            "The name of {name} ends in {named}, but by its content it is {kind}: if that is right, let its name end "
            "in {ending}.",
            name=quoted(name),
            named=named,
            kind=recognised.word,
            ending=recognised.ending,
        )
    )


def _check_lines(file: IO[bytes] | gzip.GzipFile) -> None:
    """Refuse text that is too much for a preview."""
    size = feeds = returns = 0
    while block := file.read(_BLOCK):
        size += len(block)
        _check_unpacked(size)
        feeds += block.count(b"\n")
        returns += block.count(b"\r")
        if max(feeds, returns) > MAX_LINES:
            raise NotTaken(
                say("The file has more than {most} lines: import it by import_csvs, which takes any.", most=MAX_LINES)
            )


def _check_unpacked(size: int) -> None:
    if size > MAX_UNPACKED_MB * 2**20:
        raise NotTaken(
            say(
                "The file holds more than {most} MB when it is unpacked: import it by import_csvs.",
                most=MAX_UNPACKED_MB,
            )
        )


def _check_kind(kinds: bytes) -> None:
    """Refuse a ZIP that is no workbook."""
    for sign, word in _OTHER_ZIPS.items():
        if sign in kinds:
            raise NotTaken(say("This is {kind}, not an Excel workbook: save it as .xlsx or as CSV.", kind=word))
    if b"spreadsheetml" not in kinds:
        raise NotTaken(
            gettext("This is a ZIP archive, not an Excel workbook: unpack it, and upload its files one by one.")
        )


def _notes(title: str, others: list[str]) -> Iterator[str]:
    yield english(f"The sheet {quoted(title)} was converted to CSV: hash, size and line numbers are those of the CSV.")
    if others:
        yield english(f"Only that sheet is read, not {', '.join(map(quoted, others))}.")


class _Writer:
    """Writes a sheet's rows as CSV; blank rows between others stay, so that line numbers are the sheet's own."""

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
        """Write the row of this number, at least as wide as the first one."""
        self._file.write("\n" * (number - self._number - 1))
        self._number = number
        self._width = self._width or len(texts)
        texts += [""] * (self._width - len(texts))
        # Python before 3.13 quotes no CR, which would end the record.
        has_return = any("\r" in text for text in texts)
        (self._quoting if has_return else self._csv).writerow(texts)
        self._size += len(texts) + sum(map(len, texts))
        _check_unpacked(self._size)
