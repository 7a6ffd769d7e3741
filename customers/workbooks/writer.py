"""A workbook with a long sheet, written row by row: what openpyxl needs minutes and gigabytes for.

openpyxl makes the workbook with its styles, its sheet of facts and the long sheet's header; the long sheet's rows are
written here, as they come, in the few kinds of cells that we have. Text is typed as text, so it is never a formula.
What Excel cannot hold is refused, never cut or dropped.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from typing import IO
from xml.sax.saxutils import escape

from openpyxl.styles.alignment import Alignment
from openpyxl.styles.fonts import Font
from openpyxl.utils.cell import get_column_letter
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from customers.text.cells import safe_cell
from customers.text.say import english, say
from customers.workbooks.not_shown import MAX_CHARACTERS

MAX_ROWS = 1_048_576
"""Of a sheet, the header included."""
MAX_COLUMNS = 16_384

Cell = str | int | date | None

_FIRST_DAY = date(1899, 12, 30)
_DAY_FORMAT = "yyyy-mm-dd"
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_HALF = re.compile("[\ud800-\udfff]")
_DIMENSION = re.compile(rb"<dimension [^>]*/>")
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_ROWS_AT_ONCE = 500


class TooLarge(ValueError):
    """What Excel cannot hold; the message says why, for people."""


def write_workbook(
    file: IO[bytes],
    about: Sequence[tuple[str, Cell]],
    title: str,
    header: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    count: int,
) -> None:
    """Write a sheet ``title`` of ``count`` rows, and behind it one of facts where there are any; raises ``TooLarge``.

    The rows come first, because that is the sheet which people see and programs read.
    """
    _check_size(header, count)
    empty, day_style = _workbook(about, title, header, count)
    with (
        zipfile.ZipFile(empty) as source,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as target,
    ):
        for name in source.namelist():
            if name != "xl/worksheets/sheet1.xml":
                target.writestr(name, source.read(name))
                continue
            # The size that openpyxl states is that of the header alone.
            head, tail = _DIMENSION.sub(b"", source.read(name)).split(b"</sheetData>")
            with target.open(name, "w", force_zip64=True) as sheet:
                sheet.write(head)
                written = _write_rows(sheet, rows, header, day_style)
                sheet.write(b"</sheetData>" + tail)
    if written != count:
        raise RuntimeError(f"{written} rows were written, and {count} counted.")


def _check_size(header: Sequence[str], count: int) -> None:
    if count >= MAX_ROWS:
        raise TooLarge(
            say("{rows} rows do not fit into a sheet of Excel, which has {most}.", rows=count, most=MAX_ROWS)
        )
    if len(header) > MAX_COLUMNS:
        raise TooLarge(
            say(
                "{columns} columns do not fit into a sheet of Excel, which has {most}.",
                columns=len(header),
                most=MAX_COLUMNS,
            )
        )


def cell_text(text: str) -> str:
    """Return text for a cell's XML, which Excel shows as it is: no formula, even if saved as CSV."""
    escaped = _ESCAPED.sub("_x005F_", _HALF.sub("\N{REPLACEMENT CHARACTER}", safe_cell(text)))
    return _NOT_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", escaped)


def _workbook(
    about: Sequence[tuple[str, Cell]], title: str, header: Sequence[str], count: int
) -> tuple[io.BytesIO, int]:
    """Return the workbook without the long sheet's rows, and the number of the style for dates."""
    book = Workbook()
    sheet = book.active
    dated = sheet.cell(1, 1)
    dated.number_format = _DAY_FORMAT
    day_style = dated.style_id
    dated.style = english("Normal")
    sheet.title = title
    if about:
        _write_facts(book.create_sheet(), about)
    for place, name in enumerate(header, 1):
        sheet.cell(1, place, name).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(place)].width = 32 if place == 2 else 16
    sheet.freeze_panes = "C2" if about else "B2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(header))}{count + 1}"
    file = io.BytesIO()
    book.save(file)
    return file, day_style


def _write_facts(facts: Worksheet, about: Sequence[tuple[str, Cell]]) -> None:
    facts.title = english("About")
    for place, (label, value) in enumerate(about, 1):
        facts.cell(place, 1, label).font = Font(bold=True)
        text = cell_text(_fitting(value, fact=label)) if isinstance(value, str) else value
        cell = facts.cell(place, 2, text)
        if isinstance(value, str):
            cell.data_type = "s"
        elif isinstance(value, date):
            cell.number_format = _DAY_FORMAT
        cell.alignment = Alignment(horizontal="left", vertical="top", wrap_text=True)
    facts.column_dimensions["A"].width, facts.column_dimensions["B"].width = 18, 80


def _write_rows(sheet: IO[bytes], rows: Iterable[Sequence[Cell]], header: Sequence[str], day_style: int) -> int:
    letters = [get_column_letter(place) for place in range(1, len(header) + 1)]
    number, lines = 1, []
    for number, row in enumerate(rows, 2):
        cells = "".join(
            [_cell(f"{letter}{number}", value, day_style) for letter, value in zip(letters, row, strict=True)]
        )
        lines.append(f'<row r="{number}">{cells}</row>')
        if len(lines) == _ROWS_AT_ONCE:
            sheet.write("".join(lines).encode())
            lines.clear()
    sheet.write("".join(lines).encode())
    return number - 1


def _cell(place: str, value: Cell, day_style: int) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        text = escape(cell_text(_fitting(value, cell=place)), {"\r": "&#13;"})
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
    if isinstance(value, date):
        return f'<c r="{place}" s="{day_style}"><v>{(value - _FIRST_DAY).days}</v></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def _fitting(text: str, *, cell: str = "", fact: str = "") -> str:
    # One place is for the apostrophe of safe_cell.
    size = len(text) if len(text) < MAX_CHARACTERS // 2 else len(text.encode("utf-16-le", "surrogatepass")) // 2
    if size >= MAX_CHARACTERS:
        raise TooLarge(
            say(
                "A text of {size} characters does not fit into a cell of Excel, which takes {most} ({where}).",
                size=size,
                most=MAX_CHARACTERS,
                where=say("cell {cell}", cell=cell) if cell else say("{fact} on the sheet About", fact=fact),
            )
        )
    return text
