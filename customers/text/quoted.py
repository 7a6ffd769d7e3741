"""Text of strangers as people may see it: quoted, printable and short."""

import unicodedata

from customers.text.say import say_n


def quoted(text: str) -> str:
    """Put ``text`` in quotes, safe for a terminal, a log and a message: cut to 60 characters, controls escaped."""
    cut = text if len(text) <= 60 else f"{text[:57]}..."
    printable = "".join(
        char if char.isprintable() or unicodedata.category(char) == "Zs" else ascii(char)[1:-1] for char in cut
    )
    return f"'{printable}'"


SHOWN = 300
"""So many characters of a cell are kept."""


def cut(text: str, most: int = SHOWN) -> str:
    """Return a text, or its beginning and how much is left out."""
    left = len(text) - most
    if left <= 0:
        return text
    return say_n("{text}… ({number} more character)", "{text}… ({number} more characters)", left, text=text[:most])
