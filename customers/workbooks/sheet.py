"""A workbook's sheet as rows of texts: each cell as Excel shows it. What Excel does not show so is refused by name."""

import re
from collections.abc import Callable, Iterator, Mapping

from customers.text.quoted import quoted
from customers.text.say import english, say, say_later
from customers.text.written import number
from customers.workbooks.not_shown import LONG_TEXT, MAX_CHARACTERS, NO_CHARACTER, UNKNOWN_DATE, NotShown
from customers.workbooks.number_format import shown_number, shown_text
from customers.workbooks.workbook import Damaged, RunsPart, Styles, Texts, unescaped
from customers.workbooks.xml_part import NotTaken

MAX_ROWS = 2**20
MAX_COLUMNS = 2**14
MAX_CELLS = 1_000_000
_MAX_PLACES = 10 * MAX_CELLS
"""With the empty ones before a row's last cell, which its line of CSV has, too."""
_MAX_ROW_BYTES = 8 * 2**20
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_HALF = re.compile("[\ud800-\udfff]")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T00:00:00(?:\.0+)?Z?)?")
_ERROR = re.compile(r"#[A-Z0-9/!?_]{1,20}")


class SheetPart(RunsPart):
    """Reads a sheet's part: calls ``take`` for each row that has cells, with its number and its texts."""

    most_bytes = 256 * 2**20
    most_elements = 6 * MAX_CELLS
    too_much = say_later(
        "The sheet has more than {most} cells, or far more in it than a table needs: save the sheet as CSV.",
        most=MAX_CELLS,
    )

    def __init__(self, texts: Texts, styles: Styles, take: Callable[[int, list[str]], None]) -> None:
        super().__init__()
        self._texts = texts
        self._styles = styles
        self._take = take
        self._number = 0
        self._cells: dict[int, str] | None = None
        self._cell: Mapping[str, str] | None = None
        self._column = 0
        self._value = ""
        self._count = 0
        self._size = 0
        self._in_data = False
        self._width = 0
        self._last = 0
        self._hidden_rows = 0
        self._is_hidden = False
        self._places = 0
        self._hidden_from = MAX_COLUMNS + 1

    def started(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._cell is not None:
            if name == "v":
                self.text, self.length = [], 0
            elif name == "is":
                self.begin_runs()
            elif name == "f":
                raise NotTaken(
                    say(
                        "Cell {cell} is a formula, and what it gives may differ from what you see: copy the cells "
                        "and paste them as values, or save the sheet as CSV.",
                        cell=self._place,
                    )
                )
            else:
                super().started(name, attributes)
        elif self._cells is not None:
            if name == "c":
                self._begin_cell(attributes)
        elif name == "row" and self._in_data:
            self._begin_row(attributes)
        elif name == "sheetData":
            self._in_data = True
        elif name == "mergeCell":
            self._check_merged(attributes.get("ref", ""))
        elif name == "col" and attributes.get("hidden") in {"1", "true"} and not self._last:
            self._hidden_from = min(self._hidden_from, max(1, _number(attributes.get("min"))))

    def ended(self, name: str) -> None:
        if self._cell is None:
            if name == "row" and self._cells is not None:
                self._end_row()
            elif name == "sheetData":
                self._in_data = False
        elif name == "v":
            self._value = "".join(self.text or ())
            self.text = None
        elif name == "is":
            self._value = self.end_runs()
        elif name == "c":
            self._end_cell()
        else:
            super().ended(name)

    def notes(self) -> Iterator[str]:
        """Yield what is read though Excel does not show it, as its own CSV has it, too: stored, and so English."""
        if self._hidden_rows:
            count = number(self._hidden_rows)
            one, many = english(f"{count} hidden row is read, too."), english(f"{count} hidden rows are read, too.")
            yield one if self._hidden_rows == 1 else many
        if self._hidden_from <= self._width:
            yield english(f"Hidden columns, from {letters(self._hidden_from)} on, are read, too.")

    def _begin_row(self, attributes: Mapping[str, str]) -> None:
        number = attributes.get("r")
        row = self._number + 1 if number is None else _number(number)
        if row > MAX_ROWS:
            raise NotTaken(say("The sheet has more than {most} rows, the most that Excel takes.", most=MAX_ROWS))
        if row <= self._number:
            raise Damaged(f"row {row} after {self._number}")
        self._number = row
        self._is_hidden = attributes.get("hidden") in {"1", "true"}
        self._cells = {}
        self._column = self._size = 0

    def _end_row(self) -> None:
        cells, self._cells = self._cells or {}, None
        if cells:
            last = max(cells)
            self._places += last
            if self._places > _MAX_PLACES:
                raise self.refusal()
            self._width = max(self._width, last)
            self._last = self._number
            self._hidden_rows += self._is_hidden
            self._take(self._number, [cells.get(column, "") for column in range(1, last + 1)])

    def _begin_cell(self, attributes: Mapping[str, str]) -> None:
        self._count += 1
        if self._count > MAX_CELLS:
            raise self.refusal()
        column = self._column + 1
        reference = attributes.get("r")
        if reference is not None:
            found = _REFERENCE.fullmatch(reference)
            if not found or int(found[2]) != self._number:
                raise Damaged(f"cell {reference[:20]} in row {self._number}")
            column = _column(found[1])
        if not self._column < column <= MAX_COLUMNS:
            raise Damaged(f"column {column} after {self._column}")
        self._column = column
        self._cell = attributes
        self._value = ""

    def too_long(self) -> NotTaken:
        """Return what to say where a cell's text is far too long."""
        return NotTaken(NotShown(LONG_TEXT).of(self._place))

    def _end_cell(self) -> None:
        try:
            text = self._shown(self._cell or {})
        except NotShown as why:
            raise NotTaken(why.of(self._place)) from None
        self._cell = None
        if text and self._cells is not None:
            self._size += len(text)
            if self._size > _MAX_ROW_BYTES:
                raise NotTaken(
                    say(
                        "Row {row} has more than {most} MB: save the sheet as CSV.",
                        row=str(self._number),
                        most=_MAX_ROW_BYTES >> 20,
                    )
                )
            self._cells[self._column] = text

    def _shown(self, cell: Mapping[str, str]) -> str:
        kind, value = cell.get("t", "n"), self._value
        if kind not in {"s", "str", "inlineStr"}:
            value = value.strip()
        if kind == "e":
            error = value if _ERROR.fullmatch(value) else quoted(value)
            raise NotTaken(
                say("Cell {cell} is the error {error}: put it right, or clear it.", cell=self._place, error=error)
            )
        if kind == "inlineStr":
            return self._text(value, cell)
        if not value:
            return ""
        if kind == "s":
            return self._text(self._texts[_number(value)], cell)
        if kind == "str":
            return self._text(unescaped(value), cell)
        if kind == "b":
            return "true" if value in {"1", "true"} else "false"
        if kind == "d":
            found = _DATE.fullmatch(value)
            if not found:
                raise NotShown(UNKNOWN_DATE)
            return found[1]
        if kind != "n":
            raise Damaged(f"a cell of the kind {kind[:20]}")
        return shown_number(value, self._styles.format_of(cell.get("s", "")), since_1904=self._styles.since_1904)

    def _text(self, text: str, cell: Mapping[str, str]) -> str:
        if len(text) > MAX_CHARACTERS // 2 and len(text.encode("utf-16-le", "surrogatepass")) // 2 > MAX_CHARACTERS:
            raise NotShown(LONG_TEXT)
        if "\0" in text or _HALF.search(text):
            raise NotShown(NO_CHARACTER)
        style = cell.get("s")
        return shown_text(text, self._styles.format_of(style)) if style else text

    def _check_merged(self, reference: str) -> None:
        first, _colon, last = reference.partition(":")
        corners = [_REFERENCE.fullmatch(corner) for corner in (first, last or first)]
        if None in corners:
            raise Damaged(f"merged {reference[:50]}")
        (left, top), (right, bottom) = ((_column(corner[1]), int(corner[2])) for corner in corners if corner)
        if (left, top) != (right, bottom) and left <= self._width and top <= self._last:
            cells = f"{first}:{last}"
            raise NotTaken(
                say(
                    "The cells {cells} are merged, and show one value for several: unmerge them, and fill in each.",
                    cells=cells,
                )
            )

    @property
    def _place(self) -> str:
        return f"{letters(self._column)}{self._number}"


def letters(column: int) -> str:
    """Return what Excel calls a column."""
    found = ""
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(ord("A") + rest) + found
    return found


def _column(name: str) -> int:
    number = 0
    for letter in name:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _number(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 20:
        raise Damaged(f"no number: {(text or '')[:20]}")
    return int(text)
