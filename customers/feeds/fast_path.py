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
_SHORT_MONTHS = {4, 6, 9, 11}
_LAST_YEAR = 2099
"""Dates of later years are left to the slow path."""


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
    """Return a pattern for dates from 2000-01-01 to ``today``: those of this year first, as most files have them."""
    last = min(today.day, 28) if today.month == 2 else today.day
    this_year = [*_whole_months(today.month - 1), b"%02d-(?:%b)" % (today.month, _from_to(1, last))]
    parts = [b"%d-(?:%b)" % (today.year, b"|".join(this_year))]
    if years := _from_to(0, min(today.year - 1, _LAST_YEAR) - 2000):
        parts.append(b"20(?:%b)-(?:%b)" % (years, b"|".join(_whole_months(12))))
    return b"(?:%b)" % b"|".join(parts)


def _whole_months(last: int) -> list[bytes]:
    """Return patterns for all days of the months up to ``last``; the first one has nearly all of them.

    A pattern for each month would be tried in vain a dozen times for each line.
    """
    if not last:
        return []
    of_30 = [number for number in range(1, last + 1) if number != 2]
    of_31 = [number for number in of_30 if number not in _SHORT_MONTHS]
    return [
        b"(?:%b)-(?:%b)" % (_from_to(1, last), _from_to(1, 28)),
        b"(?:%b)-(?:29|30)" % _any_of(of_30),
        b"(?:%b)-31" % _any_of(of_31),
    ]


def _from_to(first: int, last: int) -> bytes:
    """Return a pattern for numbers of two digits, one alternative for each ten; '' where there are none."""
    tens = range(first // 10, last // 10 + 1)
    return b"|".join(b"%d[%d-%d]" % (ten, max(first - 10 * ten, 0), min(last - 10 * ten, 9)) for ten in tens)


def _any_of(numbers: list[int]) -> bytes:
    return b"|".join(b"%02d" % number for number in numbers)
