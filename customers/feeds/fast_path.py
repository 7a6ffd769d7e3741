"""The fast path for good rows: one bytes pattern, built from a feed's declarations, takes whole blocks of them.

The pattern takes less than the rules allow (no quotes, no blanks around a value, no 29 February), never more: what
it leaves is judged by the slow path, which also explains. A feed with a column that has no pattern has no fast path.
"""

import re
from datetime import date

from customers.feeds.cell_types import CellType, Counter, Day, Key
from customers.feeds.declarations import Feed, Header

_KEY = rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}+"
_COUNTER = rb"[0-9]{1,9}+"
_LONG_MONTH = rb"(?:0[1-9]|[12][0-9]|3[01])"
_SHORT_MONTH = rb"(?:0[1-9]|[12][0-9]|30)"
_FEBRUARY = rb"(?:0[1-9]|1[0-9]|2[0-8])"


def compile_line_pattern(feed: Feed, header: Header, today: date) -> re.Pattern[bytes] | None:
    """Return a pattern for the longest block of good lines under that header; None if there is none.

    Each line it takes is one whole record: ``Feed.parse`` would accept it and give the very cells.
    """
    if header.width != len(feed.columns):
        return None
    patterns = [pattern for column in feed.columns if (pattern := _pattern(column.cell_type, today)) is not None]
    if len(patterns) < len(feed.columns):
        return None
    by_rank = dict(zip(header.order, patterns, strict=True))
    line = b",".join(by_rank[place] for place in range(header.width))
    return re.compile(rb"(?:" + line + rb"\r?\n)*+")


def _pattern(cell_type: CellType, today: date) -> bytes | None:
    if type(cell_type) is Key:
        return _KEY
    if type(cell_type) is Counter:
        return _COUNTER
    if type(cell_type) is Day and cell_type.not_after_today:
        return _day_until(today)
    return None


def _day_until(today: date) -> bytes:
    """Return a pattern for dates from 2000-01-01 to ``today``, a month or a year at a time."""
    months = [_month(number) for number in range(1, 13)]
    past_years = b"|".join(b"%d" % year for year in range(2000, today.year))
    parts = [rb"%d-(?:%b)" % (today.year, b"|".join([*months[: today.month - 1], _days_of_this_month(today)]))]
    if past_years:
        parts.append(rb"(?:%b)-(?:%b)" % (past_years, b"|".join(months)))
    return b"(?:" + b"|".join(parts) + b")"


def _month(number: int) -> bytes:
    days = _FEBRUARY if number == 2 else _SHORT_MONTH if number in {4, 6, 9, 11} else _LONG_MONTH
    return b"%02d-%b" % (number, days)


def _days_of_this_month(today: date) -> bytes:
    last = min(today.day, 28) if today.month == 2 else today.day
    return b"%02d-(?:%b)" % (today.month, b"|".join(b"%02d" % day for day in range(1, last + 1)))
