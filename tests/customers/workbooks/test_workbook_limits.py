"""No workbook costs memory or minutes."""

import io
import zipfile
from collections.abc import Callable
from time import process_time

import pytest

from customers.workbooks import sheet, workbook, xml_part
from customers.workbooks.xml_part import NotTaken
from tests.support.workbooks import REL, RELS, SHEET_REL, Read, book, row, styles

pytestmark = pytest.mark.slow

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
