"""All customers as one text in memory, in which a few letters are found faster than by any query.

The database would look through four columns of every row: at 100,000 customers that takes longer than people wait for
an answer to a letter. The text is kept as long as the data stay as they are, and is made again within a second.
"""

from collections.abc import Iterator

from django.utils import timezone

from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion
from customers.models import Customer
from customers.text.fold import fold

_END, _KEY = b"\n", b"\x1f"
MAX_LINES = 20_000
"""Lines that are looked at for several words that are all frequent."""


class CustomerIndexKey(page_cache.DataKey):
    """Of the customers' texts; everybody who may see customers may see them all."""


class CustomerIndex:
    """A line for each customer, in the order of their names: name, id, email and GitHub name, and the id once more."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    @classmethod
    def current(cls, version: DataVersion) -> "CustomerIndex":
        """Return the index of the customers as they are now, whose data have a version."""
        # It says no times, so it is kept once for all time zones.
        with timezone.override(timezone.get_default_timezone()):
            return cls(page_cache.get_or_set(CustomerIndexKey(version=version), _customers_as_text))

    def find(self, words: list[str], most: int) -> list[str]:
        """Return the ids of customers with each word, best match first and by name where equal.

        A name that starts with the words comes before a word or another text that does, and that before the rest.
        """
        asked = " ".join(fold(" ".join(words)).split()).encode()
        found: dict[str, None] = {}
        if not asked:
            return []
        for lines in (self._lines(_END + asked), self._lines(b" " + asked), self._lines_with(asked.split())):
            for line in lines:
                found[line.rpartition(_KEY)[2].decode()] = None
                if len(found) == most:
                    return list(found)
        return list(found)

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


def _customers_as_text() -> bytes:
    rows = Customer.objects.order_by().values_list("organization", "pk", "email", "github_username")
    # One blank between any two words, so that no text has the end of a line.
    lines = sorted(f"{' '.join(fold(' '.join(row)).split())}{_KEY.decode()}{row[1]}" for row in rows.iterator())
    return "\n".join(["", *lines, ""]).encode()
