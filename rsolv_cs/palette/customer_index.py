"""All customers as one text in memory, in which a few letters are found faster than by any query.

The database would look through four columns of every row: at 100,000 customers that takes longer than people wait for
an answer to a letter. The text is kept as long as the data stay as they are, and is made again within a second. At a
million it takes two, so on PostgreSQL it is kept as long as the customers' texts stay: a scoring changes none of them.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from django.utils import timezone

from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion
from customers.core.limits import FETCH_SIZE, batches
from customers.core.sql import Row, fetch, fetch_plain, is_postgres, read_snapshot, table_of
from customers.models import Customer
from customers.text.fold import fold

_END, _KEY = b"\n", b"\x1f"
MAX_LINES = 20_000
"""Lines that are looked at for several words that are all frequent."""


TEXTS = ("organization", "id", "email", "github_username")


class CustomerIndexKey(page_cache.DataKey):
    """Of the customers' texts; everybody who may see customers may see them all."""


class TextsDigestKey(page_cache.DataKey):
    """Of the digest of the customers' texts."""


class CustomerIndex:
    """A line for each customer, in the order of their names: name, id, email and GitHub name, and the id once more."""

    _kept: ClassVar[tuple[object, "CustomerIndex"] | None] = None
    """The newest one of this process, and the digest of its texts. A cache would copy it for each request."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    @classmethod
    def current(cls, version: DataVersion) -> "CustomerIndex":
        """Return the index of the customers as they are now, whose data have a version."""
        # It says no times, so it is kept once for all time zones.
        with timezone.override(timezone.get_default_timezone()):
            if not is_postgres():
                return cls(page_cache.get_or_set(CustomerIndexKey(version=version), _customers_as_text))
            digest = page_cache.get_or_set(TextsDigestKey(version=version), _texts_digest)
        kept = cls._kept
        if kept is None or kept[0] != digest:
            with read_snapshot():
                kept = cls._kept = _texts_digest(), cls(_customers_as_text())
        return kept[1]

    def find(self, words: list[str], most: int) -> list[str]:
        """Return the ids of customers with each word, best match first and by name where equal.

        A name that starts with the words comes before a word or another text that does, and that before the rest.
        """
        asked = " ".join(fold(" ".join(words)).split()).encode()
        found: dict[str, None] = {}
        if not asked:
            return []
        for lines in (self._lines_from(asked), self._lines(b" " + asked), self._lines_with(asked.split())):
            for line in lines:
                found[line.rpartition(_KEY)[2].decode()] = None
                if len(found) == most:
                    return list(found)
        return list(found)

    def _lines_from(self, start: bytes) -> Iterator[bytes]:
        """The lines with such a start; they stand together, as the lines are in order."""
        low, high = 0, len(self._text) - 1
        while low < high:
            before = self._text.rfind(_END, 0, (low + high) // 2 + 1)
            end = self._text.find(_END, before + 1)
            if self._text[before + 1 : end] < start:
                low = end
            else:
                high = before
        while self._text.startswith(start, low + 1):
            end = self._text.find(_END, low + 1)
            yield self._text[low + 1 : end]
            low = end

    def _lines_with(self, words: list[bytes]) -> Iterator[bytes]:
        """The lines with each of the words; they are looked for by the rarest one."""
        rarest = min(words, key=self._text.count) if len(words) > 1 else words[0]
        for number, line in enumerate(self._lines(rarest)):
            if number == MAX_LINES:
                return
            texts = line.rpartition(_KEY)[0]
            if all(word in texts for word in words):
                yield line

    def _lines(self, part: bytes) -> Iterator[bytes]:
        """The lines with a part, each once; a part may begin with the end of the line before."""
        at = self._text.find(part)
        while at >= 0:
            start = self._text.rfind(_END, 0, at + 1) + 1
            end = self._text.find(_END, at + 1)
            yield self._text[start:end]
            at = self._text.find(part, end)


def _texts_digest() -> tuple[object, ...]:
    """Return what is the same as long as all texts are, in a tenth of the time in which they are read."""
    hashes = ", ".join(f"SUM(HASHTEXTEXTENDED(id || {name}, 0))" for name in TEXTS)
    return fetch(f"SELECT COUNT(*), {hashes} FROM {table_of(Customer)}")[0]  # noqa: S608 - no value in it


def _customers_as_text() -> bytes:
    rows = fetch_plain(Customer.objects.order_by().values_list(*TEXTS).query)
    lines = sorted(line for some in batches(rows, FETCH_SIZE) for line in _lines(some))
    return "\n".join(["", *lines, ""]).encode()


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a line of each row, whose case is changed at once for all: one by one that took half of the time."""
    # One blank between any two words, so that no text has the end of a line.
    texts = [" ".join(" ".join(row).split()) for row in rows]
    together = "\n".join(texts)
    folded = together.lower().split("\n") if together.isascii() else (" ".join(fold(one).split()) for one in texts)
    return (f"{text}{_KEY.decode()}{row[1]}" for text, row in zip(folded, rows, strict=True))
