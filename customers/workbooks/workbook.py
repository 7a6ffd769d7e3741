"""Excel workbooks of strangers: the sheet in front as rows of texts, as Excel shows them, or a refusal.

A reader of our own, because openpyxl holds most of a workbook in memory, takes any number of anything, and gives the
numbers behind what Excel shows. Only the parts that a table needs are read, each as it streams by (see ``XmlPart``).
"""

import posixpath
import re
import zipfile
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BufferedReader, FileIO
from pathlib import Path

from django.utils.translation import gettext, gettext_lazy

from customers.text.say import english, say_later
from customers.workbooks.number_format import BUILT_IN, GENERAL
from customers.workbooks.xml_part import NotTaken, XmlPart

MAX_ENTRIES = 5_000
MAX_TEXTS = 1_000_000
MAX_STYLES = 66_000
"""Excel itself has no more of them."""
_MAX_FORMATS = 5_000
_MAX_DIRECTORY = 2**20
_MAX_SHEETS = 2_000
_BEGINNING = 2**20
_COMPRESSED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Damaged(Exception):
    """What no program that writes workbooks writes."""


def _too_many_parts() -> NotTaken:
    return NotTaken(gettext("The workbook has far more parts than one needs: save the sheet as CSV."))


class _Careful(BufferedReader):
    """A file that is never asked for much at once: a ZIP's list of entries is read as a whole."""

    def read(self, size: int | None = -1) -> bytes:
        """Read; raise ``NotTaken`` instead of reading a list of a million entries."""
        if size is not None and size > _MAX_DIRECTORY:
            raise _too_many_parts()
        return super().read(size)


@dataclass
class Styles:
    """The number format of each cell style, and the day from which dates count."""

    formats: list[str] = field(default_factory=lambda: [GENERAL])
    since_1904: bool = False

    def format_of(self, style: str) -> str:
        """Return the format of a cell whose ``s`` is this."""
        if not style:
            return self.formats[0]
        try:
            return self.formats[int(style)]
        except (ValueError, IndexError):
            raise Damaged(f"no style {style[:20]}") from None


class Texts:
    """The texts that cells share, in one piece, which takes a fifth of the memory of a list."""

    def __init__(self) -> None:
        self._all = bytearray()
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, text: str) -> None:
        """Add a text."""
        # Half characters come back as such, for the cell that has one to be named.
        self._all += text.encode(errors="surrogatepass")
        self._ends.append(len(self._all))

    def __getitem__(self, place: int) -> str:
        if not 0 <= place < len(self):
            raise Damaged(f"no text {place}")
        return self._all[self._ends[place] : self._ends[place + 1]].decode(errors="surrogatepass")


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook: name, whether it can be seen, path of its part ('' of a chart)."""

    name: str
    is_visible: bool
    path: str


class Workbook:
    """A workbook that is open for reading; use it as a context. Raises ``NotTaken``, or what says it is damaged."""

    def __init__(self, path: Path, check_size: Callable[[int], None]) -> None:
        self._file = _Careful(FileIO(path))
        try:
            self._archive = zipfile.ZipFile(self._file)
            members = self._archive.infolist()
            if len(members) > MAX_ENTRIES:
                raise _too_many_parts()
            check_size(sum(member.file_size for member in members))
            if any(member.compress_type not in _COMPRESSED for member in members):
                # Those of other kinds are unpacked as a whole, however little is asked for.
                raise Damaged("a kind of compression that workbooks do not have")
            if any(member.flag_bits & 1 for member in members):
                raise NotTaken(gettext("The file has a password: save it without one."))
        except BaseException:
            self._file.close()
            raise
        self._members = {member.filename.lower().lstrip("/"): member for member in members}

    def __enter__(self) -> "Workbook":
        return self

    def __exit__(self, *_error: object) -> None:
        self._archive.close()
        self._file.close()

    def kinds(self) -> bytes:
        """Return what the archive says that it holds."""
        found = b""
        for name in ("[content_types].xml", "mimetype"):
            if name in self._members:
                with self._archive.open(self._members[name]) as file:
                    found += file.read(_BEGINNING)
        return found

    def open(self) -> tuple[list[Sheet], Sheet, Texts, Styles]:
        """Return all sheets, the one in front, and what its cells refer to."""
        [main] = _Relations(self, "").of_type("/officeDocument").values()
        related = _Relations(self, main)
        book = _Book(related.of_type("/worksheet"))
        self.read(main, book)
        texts, styles = Texts(), Styles(since_1904=book.since_1904)
        for kind, part in (("/sharedStrings", _TextsPart(texts)), ("/styles", _StylesPart(styles))):
            paths = list(related.of_type(kind).values())
            if len(paths) > 1:
                # Each would be read, and the bounds are those of one.
                raise Damaged(f"{len(paths)} parts {kind}")
            for path in paths:
                self.read(path, part)
        return book.sheets, book.in_front(), texts, styles

    def read(self, path: str, part: XmlPart) -> None:
        """Read a part."""
        member = self._members.get(path.lower())
        if member is None:
            raise Damaged(f"no part {path[:100]}")
        with self._archive.open(member) as file:
            part.read(file, member.file_size)


def unescaped(text: str) -> str:
    """Return a text without Excel's way of writing what XML has not, ``_x000D_`` for a carriage return."""
    if "_x" not in text:
        return text
    text = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)
    if not _SURROGATE.search(text):
        return text
    # Two halves make a character.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


class RunsPart(XmlPart):
    """A part with texts of several runs, without how they are pronounced."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[str] | None = None
        self._pronounced = 0

    def begin_runs(self) -> None:
        """Begin a text."""
        self._runs = []
        self._pronounced = self.length = 0

    def end_runs(self) -> str:
        """Return the text that ends."""
        runs, self._runs = self._runs or [], None
        return unescaped("".join(runs))

    def started(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._runs is None:
            return
        if name == "rPh":
            self._pronounced += 1
        elif name == "t" and not self._pronounced:
            self.text = []

    def ended(self, name: str) -> None:
        if self._runs is None:
            return
        if name == "rPh":
            self._pronounced -= 1
        elif name == "t" and self.text is not None:
            self._runs += self.text
            self.text = None


class _TextsPart(RunsPart):
    most_bytes = 64 * 2**20
    most_elements = 4_000_000
    too_much = say_later(
        "The workbook holds more than {most} texts, or {most_mb} MB of them: save the sheet as CSV.",
        most=MAX_TEXTS,
        most_mb=most_bytes >> 20,
    )

    def __init__(self, texts: Texts) -> None:
        super().__init__()
        self._texts = texts

    def started(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "si":
            if len(self._texts) >= MAX_TEXTS:
                raise self.refusal()
            self.begin_runs()
        super().started(name, attributes)

    def ended(self, name: str) -> None:
        super().ended(name)
        if name == "si":
            self._texts.append(self.end_runs())


class _StylesPart(XmlPart):
    most_elements = 500_000
    too_much = gettext_lazy("The workbook has far more cell styles than Excel takes: save the sheet as CSV.")

    def __init__(self, styles: Styles) -> None:
        super().__init__()
        self._styles = styles
        self._own: dict[str, str] = {}
        self._numbers: list[str] = []
        self._in_cells = False

    def started(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "numFmt":
            if len(self._own) >= _MAX_FORMATS:
                raise self.refusal()
            self._own.setdefault(attributes.get("numFmtId", "")[:20], attributes.get("formatCode", "")[:1_000])
        elif name == "cellXfs":
            self._in_cells = True
        elif name == "xf" and self._in_cells:
            if len(self._numbers) >= MAX_STYLES:
                raise self.refusal()
            self._numbers.append(attributes.get("numFmtId", "0")[:20])

    def ended(self, name: str) -> None:
        if name == "cellXfs":
            known = {str(number): text for number, text in BUILT_IN.items()} | self._own
            # One that the workbook does not explain is a date in some languages.
            self._styles.formats = [known.get(number, "[]") for number in self._numbers] or [GENERAL]
            self._in_cells = False
            self.done = True


class _Relations(XmlPart):
    """Where the parts are that a part refers to: by relationship's id, with the type of each."""

    def __init__(self, book: Workbook, path: str) -> None:
        super().__init__()
        self._folder, name = posixpath.split(path)
        self._found: dict[str, tuple[str, str]] = {}
        book.read(posixpath.join(self._folder, "_rels", f"{name}.rels"), self)

    def started(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == english("Relationship") and attributes.get("TargetMode") != english("External"):
            target = attributes.get(english("Target"), "")
            target = posixpath.normpath(posixpath.join("/", self._folder, target)).lstrip("/")
            self._found[attributes.get("Id", "")] = (attributes.get(english("Type"), ""), target)

    def of_type(self, end: str) -> dict[str, str]:
        """Return the paths of one type, by id."""
        return {key: path for key, (kind, path) in self._found.items() if kind.endswith(end)}


class _Book(XmlPart):
    def __init__(self, worksheets: Mapping[str, str]) -> None:
        super().__init__()
        self._worksheets = worksheets
        self._active = 0
        self.sheets: list[Sheet] = []
        self.since_1904 = False

    def started(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "workbookPr":
            self.since_1904 = attributes.get("date1904", "").lower() in {"1", "true"}
        elif name == "workbookView":
            active = attributes.get("activeTab", "0")
            self._active = int(active) if active.isdecimal() and len(active) < 6 else 0
        elif name == "sheet":
            if len(self.sheets) >= _MAX_SHEETS:
                raise self.refusal()
            key = next((value for name, value in attributes.items() if name.endswith(":id")), "")
            is_visible = attributes.get("state", "visible") == "visible"
            self.sheets.append(Sheet(attributes.get("name", "")[:255], is_visible, self._worksheets.get(key, "")))

    def in_front(self) -> Sheet:
        """Return the sheet that was in front when the workbook was saved, or the first one that can be seen."""
        active = self.sheets[self._active : self._active + 1]
        tables = [sheet for sheet in [*active, *self.sheets] if sheet.path]
        found = next((sheet for sheet in tables if sheet.is_visible), None)
        if found is None:
            raise Damaged("no sheet")
        return found
