"""Find new text that is the old text misread: UTF-8 taken for a code page, as Excel does with CSVs."""

import json
from collections.abc import Iterator

from customers.core.sql import fetch, is_postgres, table_of
from customers.feeds.cell_types import Text
from customers.feeds.declarations import Feed
from customers.imports.checks.cross_row import MISREAD
from customers.imports.stage import STAGE, add_problems
from customers.models import ImportRun, QuarantinedRow
from customers.text.quoted import quoted
from customers.text.say import english

_PAGES = [
    # A byte that a page has no character for is a control, as browsers and Excel take it.
    {byte: bytes([byte]).decode(page, "replace").replace("\ufffd", chr(byte)) for byte in range(128, 256)}
    for page in ("cp1252", "latin-1", "cp1250", "iso8859-15", "mac-roman")
]
_MAX_TIMES = 2
MISREAD_SIGN = english("nothing but the old text misread")
"""A part of the warning, by which a preview recognises it: a run stores its warnings as text alone."""
_MAX_LENGTH = 50_000

Misread = tuple[str, str, str]
"""A column, its new text, and the old one that it is a misreading of."""


def is_misread(new: str, old: str) -> bool:
    """Return whether the new text is the old one misread, once or twice."""
    if old.isascii() or new.isascii() or len(new) <= len(old) or len(old) > _MAX_LENGTH:
        return False
    # What is ASCII is always read right: most changes differ in it.
    beginning = old[: next(index for index, character in enumerate(old) if not character.isascii())]
    if not new.startswith(beginning):
        return False
    wanted, readings = _comparable(new), {old}
    for _time in range(_MAX_TIMES):
        readings = {
            one.encode(errors="replace").decode("latin-1").translate(page) for one in readings for page in _PAGES
        }
        if any(_comparable(one) == wanted for one in readings):
            return True
    return False


def _comparable(text: str) -> str:
    """Return the text without the blanks that a reader trims, and with plain blanks for no-break ones."""
    return text.replace("\u00a0", " ").strip(" \t\r\n")


def misread_cells(feed: Feed, new: list[str], old: list[str]) -> Iterator[Misread]:
    """Yield the cells of a row that are the old row's, misread."""
    for column, after, before in zip(feed.columns, new, old, strict=True):
        if isinstance(column.cell_type, Text) and is_misread(after, before):
            yield column.name, after, before


def find_misread(feed: Feed, run: ImportRun, retained: list[list[Misread]], *, allow_misread: bool) -> None:
    """Make a problem of each staged row with text that is its loaded or quarantined row's, misread.

    With ``allow_misread`` there is a warning alone. It also counts the rows that are ``retained`` already.
    """
    found: dict[int, list[Misread]] = {}
    names = [column.name for column in feed.columns if isinstance(column.cell_type, Text)]
    if not names:
        return
    for name in names:
        for line, after, before in fetch(_changed(feed, name)):
            if is_misread(after, before):
                found.setdefault(line, []).append((name, after, before))
    indexes = [feed.column_names.index(name) for name in names]
    for line, text, *staged in fetch(_in_quarantine(feed, run, names)):
        cells = json.loads(text) if isinstance(text, str) else text
        for name, after, index in zip(names, staged, indexes, strict=True):
            if cells and isinstance(after, str) and is_misread(after, cells[index]):
                found.setdefault(line, []).append((name, after, cells[index]))
    if not allow_misread:
        problems = [(line, MISREAD, message) for line in sorted(found) for message in reasons(found[line])]
        add_problems(problems)
    already = {tuple(cells) for cells in retained}
    rows = [*retained, *(cells for cells in found.values() if tuple(cells) not in already)]
    _warn(run, rows, allow_misread=allow_misread)


def reasons(cells: list[Misread]) -> list[str]:
    """Return why a row with these misread cells stays in quarantine."""
    return list(
        dict.fromkeys(
            english(
                f"{name}: {quoted(after)} is nothing but {quoted(before)} misread; was the file opened or saved as "
                "something else than UTF-8?"
            )
            for name, after, before in cells
        )
    )


def _warn(run: ImportRun, rows: list[list[Misread]], *, allow_misread: bool) -> None:
    """Warn of rows with misread cells, with an example."""
    if rows:
        _name, after, before = rows[0][0]
        some = english(f"{len(rows)} rows have") if len(rows) > 1 else english("1 row has")
        end = english("loaded all the same") if allow_misread else "quarantined"
        run.warnings.append(
            english(
                f"{some} text that is {MISREAD_SIGN} (UTF-8 taken for Windows-1252, say), such as "
                f"{quoted(after)} for {quoted(before)}: {end}"
            )
        )


def _changed(feed: Feed, name: str) -> str:
    size = "octet_length(s.{0})" if is_postgres() else "length(CAST(s.{0} AS BLOB))"
    return f"""
        SELECT s.line, s.{name}, t.{name} FROM {STAGE} s JOIN {table_of(feed.model)} t ON t.id = s.id
        WHERE s.{name} <> t.{name} AND {size.format(name)} > length(s.{name}) ORDER BY s.line"""


def _in_quarantine(feed: Feed, run: ImportRun, names: list[str]) -> str:
    staged = ", ".join(f"s.{name}" for name in names)
    return f"""
        SELECT s.line, q.cells, {staged} FROM {STAGE} s JOIN {table_of(QuarantinedRow)} q ON q.key = s.id
        WHERE q.feed = '{feed.name.value}' AND q.status = 'open' AND q.run_id < {int(run.pk)} ORDER BY s.line"""
