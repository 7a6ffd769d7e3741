"""Workbooks of single parts, and what is read of them."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import quoteattr

from customers.feeds.reader import CsvReader
from customers.uploads.formats import FeedXlsx

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELS = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
SHEET_REL = f'<Relationship Id="r1" Type="{REL}/worksheet" Target="worksheets/sheet1.xml"/>'
TEXT_REL = f'<Relationship Id="r2" Type="{REL}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
STYLE_REL = f'<Relationship Id="r3" Type="{REL}/styles" Target="styles.xml"/>'
MAIN_REL = RELS.format(f'<Relationship Id="r1" Type="{REL}/officeDocument" Target="xl/workbook.xml"/>')


def book(
    data: str, *, texts: str = "", formats: tuple[str, ...] = (), before: str = "", after: str = "", **parts: str
) -> bytes:
    """A workbook by hand: its sheet's rows, its shared texts, and the number formats of its styles from 1 on."""
    styles = "".join(
        f'<numFmt numFmtId="{164 + place}" formatCode={quoteattr(code)}/>' for place, code in enumerate(formats)
    )
    cells = "".join(f'<xf numFmtId="{164 + place}"/>' for place in range(len(formats)))
    members = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": MAIN_REL,
        "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{REL}"><sheets><sheet name="One" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": RELS.format(SHEET_REL + TEXT_REL + STYLE_REL),
        "xl/sharedStrings.xml": f"<sst {MAIN}>{texts}</sst>",
        "xl/styles.xml": f'<styleSheet {MAIN}><numFmts>{styles}</numFmts><cellXfs><xf numFmtId="0"/>{cells}'
        "</cellXfs></styleSheet>",
        "xl/worksheets/sheet1.xml": f"<worksheet {MAIN}>{before}<sheetData>{data}</sheetData>{after}</worksheet>",
        **{name.replace("__", "/"): text for name, text in parts.items()},
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


def converted(content: bytes, folder: Path) -> tuple[list[tuple[str, ...]], list[str]]:
    """The rows of a workbook, and what is noted of it."""
    source, target = folder / "a.xlsx", folder / "a.csv"
    source.write_bytes(content)
    target.unlink(missing_ok=True)
    notes = FeedXlsx().convert(source, target)
    with CsvReader(target) as file:
        return [record.cells for record in file.records()], notes


Read = Callable[[bytes], list[tuple[str, ...]]]


def row(*cells: str) -> str:
    """A row of a sheet."""
    return f"<row>{''.join(cells)}</row>"


def styles(inner: str) -> bytes:
    """A workbook with these styles."""
    return book("", **{"xl__styles.xml": f"<styleSheet {MAIN}>{inner}</styleSheet>"})
