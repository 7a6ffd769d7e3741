"""Text for spreadsheets that must not become a formula there, and the way back."""

import re

_FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")  # noqa: RUF001 - spreadsheets of East Asia take the full-width ones
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def _would_be_formula(text: str) -> bool:
    return bool(_FORMULA.match(text)) and not _PLAIN.fullmatch(text)


def safe_cell(text: str) -> str:
    """Return ``text``, with ``'`` before it where a spreadsheet would run it or ``plain_cell`` would strip one.

    Plain numbers stay as they are. ``plain_cell(safe_cell(text)) == text`` for every text.
    """
    return f"'{text}" if _would_be_formula(text.lstrip("'")) else text


def plain_cell(text: str) -> str:
    """Return the text that ``safe_cell`` was given."""
    return text[1:] if text.startswith("'") and _would_be_formula(text.lstrip("'")) else text
