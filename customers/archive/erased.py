"""Who was erased, known again by a mark alone: rows of such a customer are left out everywhere.

A mark is a HMAC-SHA256 of the id, keyed by a random salt that stands beside it. It does not hang on ``SECRET_KEY``,
whose change would bring everybody back; and a slow hash would protect nothing, because ids like ``c1001`` are few
enough to try them all. So whoever has the database and an id can tell whether it was erased, and that is all.
"""

import hmac
import secrets
from collections.abc import Container, Sequence
from dataclasses import dataclass

from customers.feeds.cell_types import valid_key
from customers.feeds.declarations import Feed
from customers.models import Erasure

_MAX_REMEMBERED = 100_000
MAX_KEY_LENGTH = 64


Ids = Container[str]
"""Some ids: a set of them, or ``ErasedIds``."""


def new_tombstone(key: str) -> dict[str, str]:
    """Return the salt and the digest of an ``Erasure`` of this id."""
    salt = secrets.token_bytes(32)
    return {"salt": salt.hex(), "digest": _digest(salt, key).hex()}


def _digest(salt: bytes, key: str) -> bytes:
    return hmac.digest(salt, key.encode(), "sha256")


class ErasedIds:
    """The erased customers, as they stand when this is made; false where there are none."""

    def __init__(self) -> None:
        marks = Erasure.objects.order_by().values_list("salt", "digest")
        self._marks = [(bytes.fromhex(salt), bytes.fromhex(digest)) for salt, digest in marks]
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._marks)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str) or not key or len(key) > MAX_KEY_LENGTH:
            return False
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            known = any(hmac.compare_digest(_digest(salt, key), digest) for salt, digest in self._marks)
            self._known[key] = known
        return known


def customer_column(feed: Feed) -> str:
    """Return the column that names the customer of a row."""
    return "customer_id" if feed.of_customers else "id"


@dataclass(frozen=True)
class KeyPosition:
    """Where a file's records name their customer; ``column`` is None where its header does not say."""

    column: int | None
    width: int

    @classmethod
    def by_header(cls, names: Sequence[str]) -> "KeyPosition":
        """Return the position that a file's header tells, whatever its feed."""
        lower = [name.strip().lower() for name in names]
        column = next((lower.index(name) for name in ("customer_id", "id") if name in lower), None)
        return cls(column, len(lower))

    def is_of(self, cells: Sequence[str], ids: Ids) -> bool:
        """Return whether a record is of one of these customers.

        One with too many or too few cells is where its cells, counted from either end, say so; and where any cell is
        such an id, unless that is a plain number, which may be something else.
        """
        if self.column is not None and len(cells) == self.width:
            return cells[self.column] in ids
        positions = () if self.column is None else (self.column, self.column - self.width)
        near = [cells[index] for index in positions if -len(cells) <= index < len(cells)]
        likely = [cell for cell in cells if self.column is None or not cell.isdecimal()]
        return any(valid_key(cell) and cell in ids for cell in (*near, *likely))
