"""A workbook is read as Excel shows it, or refused by the cell's name; and none costs memory or minutes."""

import io
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import process_time
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.feeds.reader import BLANKS, CsvReader
from customers.text.cells import safe_cell
from customers.uploads.formats import FeedXlsx
from customers.workbooks import sheet, workbook, xml_part
from customers.workbooks.number_format import NotShown, shown_number
from customers.workbooks.writer import write_workbook
from customers.workbooks.xml_part import NotTaken
from tests.support.selection import examples_of_a_push
from tests.support.uploading import workbook as openpyxl_workbook

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


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], list[tuple[str, ...]]]:
    """Converts a workbook and reads its CSV by the loader's own reader."""

    def convert(content: bytes) -> list[tuple[str, ...]]:
        return converted(content, tmp_path)[0]

    return convert


def converted(content: bytes, folder: Path) -> tuple[list[tuple[str, ...]], list[str]]:
    source, target = folder / "a.xlsx", folder / "a.csv"
    source.write_bytes(content)
    target.unlink(missing_ok=True)
    notes = FeedXlsx().convert(source, target)
    with CsvReader(target) as file:
        return [record.cells for record in file.records()], notes


Read = Callable[[bytes], list[tuple[str, ...]]]


def row(*cells: str) -> str:
    return f"<row>{''.join(cells)}</row>"


# --- Numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "number_format", "shown"),
    [
        ("123", "00000", "00123"),
        ("123", "General", "123"),
        ("12.0", "General", "12"),
        ("1.2E1", "General", "12"),
        ("0.30000000000000004", "General", "0.3"),
        ("-0", "General", "0"),
        ("0.123456789012", "General", "0.123456789"),
        ("1234567.89012", "General", "1234567.89"),
        ("0.0000000001", "General", "1E-10"),
        ("2147483647", "General", "2147483647"),
        ("123456789012345", "General", "123456789012345"),
        ("1234", "#,##0", "1234"),
        ("1234567.5", "#,##0.00", "1234567.5"),
        ("2.6", "0", "3"),
        ("12", "0.00", "12"),
        ("12", "0.##", "12"),
        ("0", "#", ""),
        ("7", ";;;", ""),
        ("0.5", "0%", "50%"),
        ("0.125", "0.0%", "12.5%"),
        ("120000", "0.00E+00", "1.20E+05"),
        ("12345", "##0.0E+0", "12.3E+3"),
        ("5", '0 "people"', "5 people"),
        ("123456789", "000-00-0000", "123-45-6789"),
        ("-5", "#,##0_);(#,##0)", "(5)"),
        ("5", "[Red]0", "5"),
        ("5", "[$€-407] 0", "€ 5"),
        ("42", "@", "42"),
        ("45778", "m/d/yyyy", "2025-05-01"),
        ("45778", "yyyy-mm-dd h:mm:ss", "2025-05-01"),
        ("45778.5", "yyyy-mm-dd h:mm:ss", "2025-05-01T12:00:00"),
        ("45778.5", "dd.mm.yyyy;@", "2025-05-01"),
        ("45778", "[$-F800]dddd\\, mmmm dd\\, yyyy", "2025-05-01"),
        ("0.5", "h:mm", "12:00:00"),
        ("59", "m/d/yyyy", "1900-02-28"),
        ("61", "m/d/yyyy", "1900-03-01"),
    ],
)
def test_a_number_is_read_as_its_format_shows_it(number: str, number_format: str, shown: str, read: Read) -> None:
    content = book(row(f'<c r="A1" s="1"><v>{number}</v></c>', '<c r="B1"><v>1</v></c>'), formats=(number_format,))
    assert read(content) == [(shown, "1")]


def test_dates_count_from_1904_where_the_workbook_says_so(read: Read) -> None:
    main = f'<workbook {MAIN} xmlns:r="{REL}"><workbookPr date1904="1"/><sheets><sheet name="One" r:id="r1"/></sheets>'
    content = book(
        row('<c s="1"><v>44316</v></c>'), formats=("yyyy-mm-dd",), **{"xl__workbook.xml": f"{main}</workbook>"}
    )
    assert read(content) == [("2025-05-01",)]


@pytest.mark.parametrize(
    ("number", "number_format", "why"),
    [
        ("1234567890123456", "General", "has more than 15 digits, of which Excel keeps 15"),
        ("1E+20", "0", "has more than 15 digits, of which Excel keeps 15"),
        ("0.5", "# ?/?", "is shown as a fraction"),
        ("12345678", "#,##0,", "is shown in thousands or millions"),
        ("45778", "d-mmm", "shows only a part of its date"),
        ("45778.5", "h:mm", "shows only the time of its date"),
        ("60", "m/d/yyyy", "is 29 February 1900, which was no day"),
        ("-3", "m/d/yyyy", "is a date before Excel's first one, and shown as ####"),
        ("3000000", "m/d/yyyy", "is no date that Excel shows"),
        ("5", "[<10]0;00", "has a number format with conditions, which are not understood here"),
        ("5", "[h]:mm", "has a number format that is not understood here"),
        ("1_0", "General", "is not a number"),
        ("NaN", "General", "is not a number"),
    ],
)
def test_a_number_that_cannot_be_read_as_shown_is_refused_by_its_cell(
    number: str, number_format: str, why: str, read: Read
) -> None:
    cells = ["<c/>", "<c/>", f'<c r="C1" s="1"><v>{number}</v></c>']
    content = book(row(*cells), formats=(number_format,))
    with pytest.raises(NotTaken) as refused:
        read(content)
    assert str(refused.value) == (
        f"Cell C1 {why}, so it cannot be read as Excel shows it: give its column the format Text and type it anew, "
        "or save the sheet as CSV."
    )


@given(number=st.floats(-1e14, 1e14), number_format=st.text('#0?.,%;-_*[]@\\"ymdhsE+/ AP$', max_size=12))
def test_any_format_is_shown_or_refused(number: float, number_format: str) -> None:
    try:
        assert isinstance(shown_number(repr(number), number_format, since_1904=False), str)
    except NotShown as why:
        assert str(why)


# --- Texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ("<t>00123</t>", "00123"),
        ("<r><t>Gr</t></r><r><rPr><b/></rPr><t>öße</t></r>", "Größe"),
        ("<t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh><phoneticPr fontId='1'/>", "東京"),
        ("<t>_x005F_x0041_</t>", "_x0041_"),
        ("<t>_x0041_B</t>", "AB"),
        ("<t>one_x000D_\ntwo</t>", "one\r\ntwo"),
        ("<t>one&#13;&#10;two</t>", "one\r\ntwo"),
        ("<t>_xD83E__xDD80_</t>", "\U0001f980"),
        ("<t>a &amp; b &lt;c&gt;</t>", "a & b <c>"),
        ("<t>" + "x" * 32_767 + "</t>", "x" * 32_767),
        ("", ""),
    ],
)
@pytest.mark.parametrize("is_shared", [True, False])
def test_a_text_is_read_however_it_is_stored(xml: str, text: str, is_shared: bool, read: Read) -> None:
    cell = '<c t="s"><v>0</v></c>' if is_shared else f'<c t="inlineStr"><is>{xml}</is></c>'
    content = book(row(cell, '<c t="str"><v>end</v></c>'), texts=f"<si>{xml}</si>")
    assert read(content) == [(text, "end")]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ('<c r="B1" t="e"><v>#N/A</v></c>', "Cell B1 is the error #N/A: put it right, or clear it."),
        ('<c r="B1"><f>1+1</f><v>2</v></c>', "Cell B1 is a formula, and what it gives may differ"),
        ('<c r="B1"><f t="shared" si="0"/><v>2</v></c>', "Cell B1 is a formula, and what it gives may differ"),
        (f'<c r="B1" t="inlineStr"><is><t>{"x" * 32_768}</t></is></c>', "Cell B1 has a text of more than 32,767"),
        ('<c r="B1" t="inlineStr"><is><t>_xD83E_</t></is></c>', "Cell B1 has a character that is none"),
        ('<c r="B1" t="inlineStr"><is><t>a_x0000_</t></is></c>', "Cell B1 has a character that is none"),
        ('<c r="B1" t="d"><v>May</v></c>', "Cell B1 is a date of a form that is not understood here"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(cell: str, message: str, read: Read) -> None:
    with pytest.raises(NotTaken) as refused:
        read(book(row('<c r="A1" t="b"><v>1</v></c>', cell)))
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    "data",
    [
        '<row r="2"/><row r="1"/>',
        '<row r="1"><c r="A2"/></row>',
        '<row r="1"><c r="B1"/><c r="A1"/></row>',
        '<row r="1"><c r="XFE1"/></row>',
        '<row r="1"><c t="s"><v>7</v></c></row>',
        '<row r="1"><c s="99"><v>7</v></c></row>',
        '<row r="x"/>',
        "<row",
    ],
)
def test_what_no_program_writes_is_damaged(data: str, read: Read) -> None:
    with pytest.raises(NotTaken, match="damaged"):
        read(book(data))


def test_hidden_rows_and_columns_are_read_and_said(tmp_path: Path) -> None:
    data = '<row r="1"><c><v>1</v></c><c><v>2</v></c></row><row r="2" hidden="1"><c><v>3</v></c></row>'
    rows, notes = converted(book(data, before='<cols><col min="2" max="2" hidden="1"/></cols>'), tmp_path)
    assert rows == [("1", "2"), ("3", "")]
    assert notes[1:] == ["1 hidden row is read, too.", "Hidden columns, from B on, are read, too."]


def test_merged_cells_show_one_value_for_several_and_are_refused(read: Read) -> None:
    data = row("<c><v>1</v></c>") + row("<c><v>2</v></c>")
    for reference, is_read in (("A1:A2", False), ("A1:B1", False), ("A1:A1", True), ("C1:C2", True), ("A9:A10", True)):
        content = book(data, after=f'<mergeCells><mergeCell ref="{reference}"/></mergeCells>')
        if is_read:
            assert read(content) == [("1",), ("2",)]
        else:
            with pytest.raises(NotTaken, match=f"The cells {reference} are merged"):
                read(content)


# --- There and back ---------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
TEXTS |= st.text("'=+-@\t\r\n_x01ADF<&>\ufffe\x01 ", max_size=20)


@settings(max_examples=examples_of_a_push(60), deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=6))
def test_what_we_write_is_read_back(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    file = io.BytesIO()
    values: list[Any] = [*texts, 12, date(2025, 5, 1), None, "end"]
    header = [f"h{place}" for place in range(len(values))]
    write_workbook(file, [], "Rows", header, [values], 1)
    folder = tmp_path_factory.mktemp("back")
    source, target = folder / "a.xlsx", folder / "a.csv"
    source.write_bytes(file.getvalue())
    FeedXlsx().convert(source, target)
    with CsvReader(target) as back:
        first, second = back.records()
    assert list(first.cells) == header
    assert list(second.cells) == [*(safe_cell(text).strip(BLANKS) for text in texts), "12", "2025-05-01", "", "end"]


def test_openpyxls_workbook_is_read(read: Read) -> None:
    assert read(openpyxl_workbook(["a", 1.5, True, date(2025, 5, 1)])) == [("a", "1.5", "true", "2025-05-01")]


# --- Bounds -----------------------------------------------------------------------------------------------------

SECONDS = 20
"""Of a processor that others use, too; the bounds themselves take three at most."""


def many_texts() -> bytes:
    return book("", texts="<si/>" * (60 * 2**20 // 5))


def many_parts(kind: str) -> bytes:
    """A workbook that names a part as often as it likes, which takes a second each time."""
    rels = "".join(f'<Relationship Id="k{n}" Type="{REL}/{kind}" Target="many.xml"/>' for n in range(1_000))
    return book(
        "",
        **{
            "xl/_rels/workbook.xml.rels": RELS.format(SHEET_REL + rels),
            "xl/many.xml": "<a>" + "<b/>" * 90_000 + "</a>",
        },
    )


def distinct(element: str) -> str:
    """Elements, none of which is like another one: the parser keeps each name."""
    return "".join(element.format(number) for number in range(1_100))


def styles(inner: str) -> bytes:
    return book("", **{"xl__styles.xml": f"<styleSheet {MAIN}>{inner}</styleSheet>"})


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: styles("<cellXfs>" + "<xf/>" * 1_600_000 + "</cellXfs>"), "far more cell styles"),
        (lambda: styles("<fonts>" + "<font/>" * 1_600_000 + "</fonts>"), "far more cell styles"),
        (lambda: styles("<dxfs>" + "<dxf/>" * 1_600_000 + "</dxfs>"), "far more cell styles"),
        (lambda: styles("<cellXfs>" + "<xf/>" * 70_000 + "</cellXfs>"), "far more cell styles"),
        (lambda: styles("<numFmts>" + "".join(f'<numFmt numFmtId="{n}"/>' for n in range(6_000))), "cell styles"),
        (many_texts, "more than 1,000,000 texts, or 64 MB of them"),
        (lambda: book(row("<c/>" * (450 * 2**18))), "more than 1,000,000 cells"),
        (lambda: book((row("<c/>" * 16_000)) * 70), "more than 1,000,000 cells"),
        (lambda: book(row("<c/>" * 16_385)), "damaged"),
        (lambda: book("<row>" * 200), "more than 1,000,000 cells"),
        (lambda: book(f'<row a="{"x" * 2**23}">'), "more than 1,000,000 cells"),
        (lambda: book(f"<!--{'x' * 2**23}-->"), "more than 1,000,000 cells"),
        (lambda: book("".join(f'<row r="{1_048_576 + n}"/>' for n in range(2))), "more than 1,048,576 rows"),
        (
            lambda: book(row('<c t="s"><v>0</v></c>' * 300), texts=f"<si><t>{'x' * 32_000}</t></si>"),
            "Row 1 has more than 8 MB",
        ),
        (lambda: book(row("<v>1</v>"), after=distinct("<k{} />")), "far more in it than a table needs"),
        (lambda: book(row("<v>1</v>"), after=distinct('<k a{}="1"/>')), "far more in it than a table needs"),
        (
            lambda: book("".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, 20_000))),
            "far more in it than a table needs",
        ),
        (
            lambda: book(row(f"<c t='str'><v>{'a' * 2**25}\U0001f600</v></c>")),
            "Cell A1 has a text of more than 32,767",
        ),
        (
            lambda: book(row(f"<c/><c t='inlineStr'><is>{'<r><t>aa</t></r>' * 2**18}</is></c>")),
            "Cell B1 has a text of more than 32,767",
        ),
        (lambda: book("", texts=f"<si><t>{'a' * 2**25}</t></si>"), "a text that is longer than any cell"),
        (lambda: many_parts("sharedStrings"), "damaged"),
        (lambda: many_parts("styles"), "damaged"),
        (lambda: book(f"<!DOCTYPE x [<!ENTITY a 'b'>]>{row('<c/>')}"), "damaged|declares entities"),
    ],
)
def test_a_workbook_that_would_cost_memory_or_minutes_is_refused_at_once(
    make: Callable[[], bytes], message: str, read: Read
) -> None:
    content = make()
    started = process_time()
    with pytest.raises(NotTaken, match=message):
        read(content)
    assert process_time() - started < SECONDS


def test_a_million_entries_are_not_even_listed(read: Read) -> None:
    file = io.BytesIO(book(""))
    with zipfile.ZipFile(file, "a") as archive:
        for number in range(60_000):
            archive.writestr(f"{number}", b"")
    started = process_time()
    with pytest.raises(NotTaken, match="far more parts than one needs"):
        read(file.getvalue())
    assert process_time() - started < 1


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_part_is_packed_as_workbooks_are_or_it_is_not_unpacked(kind: int, read: Read) -> None:
    """Python unpacks four kilobytes of the other kinds at once, and they may hold gigabytes."""
    content = io.BytesIO(book(row("<c><v>1</v></c>")))
    file = io.BytesIO()
    with zipfile.ZipFile(content) as source, zipfile.ZipFile(file, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, source.read(name), zipfile.ZIP_STORED if "sheet1" not in name else kind)
    with pytest.raises(NotTaken, match="damaged"):
        read(file.getvalue())


def test_a_part_ends_after_so_many_seconds_of_computing(monkeypatch: pytest.MonkeyPatch, read: Read) -> None:
    content = book("".join(row("<c><v>1</v></c>") for _row in range(5_000)))
    assert len(read(content)) == 5_000
    monkeypatch.setattr(xml_part, "MAX_SECONDS", 0)
    with pytest.raises(NotTaken, match="save the sheet as CSV"):
        read(content)


def test_bounds_are_counted_where_a_part_hides_its_size() -> None:
    part = sheet.SheetPart(workbook.Texts(), workbook.Styles(), lambda _number, _texts: None)
    with pytest.raises(NotTaken):
        part.read(io.BytesIO(b""), part.most_bytes + 1)
    assert xml_part.XmlPart.most_bytes < sheet.SheetPart.most_bytes
