"""Numbers in words."""

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime

from django.utils import timezone

ACTIVITY_TREND = "Activity trend"
"""Never just "trend", which would be read as the score's."""


DASH = "–"
"""In place of what does not exist."""
MINUS = "\N{MINUS SIGN}"


def counted(number: int, noun: str) -> str:
    """``1 issue``, ``2 issues``, ``1,200 issues``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def in_a_row(names: Sequence[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``; '' for none."""
    *most, last = names or [""]
    return f"{', '.join(most)} and {last}" if most else last


def signed(points: int) -> str:
    """``+5``, ``0``, or with a true minus sign ``−5``."""
    return f"{points:+,}".replace("-", MINUS) if points else "0"


def days_ago(day: date | None, today: date) -> str:
    """How long before ``today`` a day was: Today, Yesterday, 3 days ago; Never for none."""
    if day is None:
        return "Never"
    days = (today - day).days
    return {0: "Today", 1: "Yesterday"}.get(days, f"{counted(days, 'day')} ago")


def day_in_year(day: date, today: date) -> str:
    """Return ``3 May``, and ``3 May 2025`` where that is not the year of ``today``."""
    return f"{day:%-d %b}" if day.year == today.year else f"{day:%-d %b %Y}"


def tenths(number: int) -> str:
    """Return a number of tenths with its point: 35 is ``3.5``."""
    return f"{'-' if number < 0 else ''}{abs(number) // 10}.{abs(number) % 10}"


def known_of(known: int, onboarded: int) -> str:
    """Say of how many a time to value is, if not of all onboarded: ``of 6 of 9 onboarded``."""
    return f"of {known:,} of {onboarded:,} onboarded" if known < onboarded else ""


def one_line(text: str, most: int) -> str:
    """Anybody's text on one line, at most so many characters, without controls or marks that turn its direction.

    What is safe in a mail's header and in the middle of a sentence.
    """
    kept = (" " if unicodedata.category(one) in _BREAKS else one for one in text if one in _JOINERS or _shows(one))
    line = " ".join("".join(kept).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


_JOINERS = {"\u200c", "\u200d"}
_BREAKS = {"Cc", "Zl", "Zp"}


def _shows(character: str) -> bool:
    return unicodedata.category(character) not in {"Cf", "Cs"}


def moment_in_words(moment: datetime) -> str:
    """Return ``11 May 2025, 02:30``, in local time."""
    return f"{timezone.localtime(moment):%-d %b %Y, %H:%M}"
