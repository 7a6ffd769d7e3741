"""Dates are written in one way wherever people read them: ``28 Nov 2026``, with the time ``28 Nov 2026, 17:34``."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPS = ("analytics", "customers", "rsolv_cs")
IN_TEMPLATES = {
    # For people: whole, with the time, within a year or a day.
    *("", "DATE_FORMAT", "DATETIME_FORMAT", "SECONDS_FORMAT", "TIME_FORMAT", "MONTH_DAY_FORMAT", "YEAR_MONTH_FORMAT"),
    # The same in English alone, where no catalogue has the page yet.
    *("j M Y", "j M Y, H:i", "j M Y, H:i:s", "j M", "H:i", "Y"),
    # For browsers and scripts.
    *("Y-m-d", r"Y-m-d\TH:i", "c"),
}
IN_PYTHON = {
    # For people: whole, with the time, within a day or a year, a month of a year.
    *("%-d %b %Y", "%-d %b %Y, %H:%M", "%-d %b %Y, %H:%M %Z", "%H:%M", "%-d %b", "%b %Y", "%B"),
    # For files, tables of a month and form fields.
    *("%Y_%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y%m%d-%H%M%S-%f", "%Y-%m-%d %H:%M:%S"),
}


def templates() -> Iterator[tuple[str, str]]:
    for path in (ROOT / "templates").rglob("*.*"):
        for found in re.findall(r'\|date(?::"([^"]*)")?', path.read_text()):
            yield str(path.relative_to(ROOT)), found


def modules() -> Iterator[tuple[str, str]]:
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            if "migrations" not in path.parts:
                for found in re.findall(r'(?:strftime\("|\{[^{}":]*:)(%[^}"]*)[}"]', path.read_text()):
                    yield str(path.relative_to(ROOT)), found


def test_templates_write_dates_in_one_way() -> None:
    found = list(templates())
    assert len(found) > 100
    assert [one for one in found if one[1] not in IN_TEMPLATES] == []


def test_sentences_made_in_python_write_dates_in_one_way() -> None:
    found = list(modules())
    assert found
    assert [one for one in found if one[1] not in IN_PYTHON] == []
