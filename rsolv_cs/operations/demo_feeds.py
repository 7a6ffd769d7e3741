"""The demo's five files: those of ``fixtures/``, with every date moved so that the newest data are of yesterday."""

import calendar
import csv
import re
from datetime import date, timedelta
from pathlib import Path

from customers.feeds.cell_types import Day
from customers.feeds.declarations import ENGAGEMENT, FEEDS, Feed

Rows = list[dict[str, str]]

_MONTHS = list(calendar.month_name)
_SAID = re.compile(rf"\b(?:(?P<day>\d{{1,2}}) |(?<=in ))(?P<month>{'|'.join(_MONTHS[1:])})\b")
"""A day or a month that a note speaks of: "14 May", "in July"."""


def write_feeds(source: Path, target: Path, newest: date) -> None:
    """Write the files of ``source`` into ``target``, their newest engagement on ``newest``.

    Each date moves by the same number of days, whole weeks or not, in notes, too: no rule looks at weekdays.
    A file that ``source`` lacks is left out.
    """
    found = {
        name: _read(source / feed.file_name) for name, feed in FEEDS.items() if (source / feed.file_name).exists()
    }
    used = [row["date"] for row in found.get(ENGAGEMENT.name.value, [])]
    last = date.fromisoformat(max(used)) if used else newest
    target.mkdir(parents=True, exist_ok=True)
    for name, rows in found.items():
        feed = FEEDS[name]
        _write(target / feed.file_name, feed, [_moved(feed, row, last, newest - last) for row in rows])


def _moved(feed: Feed, row: dict[str, str], last: date, distance: timedelta) -> dict[str, str]:
    days = {column.name for column in feed.columns if isinstance(column.cell_type, Day)}

    def said(match: re.Match[str]) -> str:
        # A month alone moves as its middle does; a note speaks of the year in which the data end.
        day = date(last.year, _MONTHS.index(match["month"]), int(match["day"] or 15)) + distance
        return f"{day.day} {_MONTHS[day.month]}" if match["day"] else _MONTHS[day.month]

    def moved(name: str, cell: str) -> str:
        if name in days:
            return (date.fromisoformat(cell) + distance).isoformat() if cell else ""
        return _SAID.sub(said, cell)

    return {name: moved(name, cell) for name, cell in row.items()}


def _read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def _write(path: Path, feed: Feed, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, feed.column_names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
