"""Days, moments and numbers as the reader's language writes them: one function for each, and no other way.

Their patterns are in ``rsolv_cs.formats``, which templates follow by ``|date`` and ``|date:"DATETIME_FORMAT"``.
"""

from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format, get_format, number_format
from django.utils.translation import gettext

MINUS = "\N{MINUS SIGN}"


def day(which: date) -> str:
    """Return ``28 Nov 2026``."""
    return _formatted(which, "DATE_FORMAT")


def day_of_year(which: date) -> str:
    """Return ``28 Nov``."""
    return date_format(which, "MONTH_DAY_FORMAT")


def month(which: date) -> str:
    """Return ``Nov 2026``."""
    return _formatted(which, "YEAR_MONTH_FORMAT")


def month_name(which: date) -> str:
    """Return ``November``."""
    return date_format(which, "F")


def moment(when: datetime) -> str:
    """Return ``28 Nov 2026, 17:34``, in local time."""
    return _formatted(timezone.localtime(when), "DATETIME_FORMAT")


def to_the_second(when: datetime) -> str:
    """Return ``28 Nov 2026, 17:34:05``, in local time."""
    return _formatted(timezone.localtime(when), "SECONDS_FORMAT")


def clock(when: datetime) -> str:
    """Return ``17:34``, in local time."""
    return date_format(timezone.localtime(when), "TIME_FORMAT")


def number(count: float | Decimal) -> str:
    """Return ``1,200``."""
    # Most have no separator in any language; the general way takes 20 times as long.
    return str(count) if type(count) is int and abs(count) < 1000 else number_format(count, force_grouping=True)


def decimals(value: float, places: int) -> str:
    """Return ``3.50``: so many places, and no separators of thousands."""
    return f"{value:.{places}f}".replace(".", get_format("DECIMAL_SEPARATOR"))


def tenths(count: int) -> str:
    """Return a number of tenths with its point: 35 is ``3.5``."""
    whole = f"{'-' if count < 0 else ''}{abs(count) // 10}"
    return f"{whole}{get_format('DECIMAL_SEPARATOR')}{abs(count) % 10}"


def signed(points: int) -> str:
    """Return ``+5``, ``0``, or with a true minus sign ``−5``."""
    return f"{'+' if points > 0 else MINUS}{number(abs(points))}" if points else "0"


def percentage(count: int) -> str:
    """Return ``45%``."""
    return gettext("{number}%").format(number=number(count))


def _formatted(which: date, pattern: str) -> str:
    """Write a year before 1000 without zeros, which Django puts there."""
    text = date_format(which, pattern)
    return text if which.year >= 1_000 else text.replace(f"{which.year:04}", str(which.year))
