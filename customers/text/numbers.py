"""Whole numbers that an address, a form or a spreadsheet gives as text, most of them keys of rows."""

MAX_DIGITS = 18
"""The digits of a number that both databases can look for."""


def number_or_none(text: str | None) -> int | None:
    """Return the whole number that ``text`` is, or None for any other text or too large a number."""
    if text and text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS:
        return int(text)
    return None
