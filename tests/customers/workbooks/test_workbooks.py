"""A workbook is read as Excel shows it, or refused by the cell's name."""

import io
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.feeds.reader import BLANKS, CsvReader
from customers.text.cells import safe_cell
from customers.uploads.formats import FeedXlsx
from customers.workbooks.number_format import NotShown, shown_number
from customers.workbooks.writer import write_workbook
from customers.workbooks.xml_part import NotTaken
from tests.support.selection import examples_of_a_push
from tests.support.uploading import workbook as openpyxl_workbook
from tests.support.workbooks import MAIN, REL, Read, book, converted, row

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
