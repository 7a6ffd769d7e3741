"""How far a run has read its file: a small file in the archive, because nothing of a load is seen before its end.

The archive is what imports and pages share on both databases. What cannot be noted there is not shown.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from customers.core.storage import areas

_NAME = "progress.json"
_MOST_BYTES = 1_000

Progress = Callable[[int], object]
"""What is called with the number of bytes just read."""


@dataclass(frozen=True)
class ReadSoFar:
    """How many of its file's bytes a run has read."""

    run: int
    read: int
    size: int

    @property
    def percent(self) -> int:
        """Return how much that is; 100 once all of it is read, and its rows are compared and stored."""
        return min(100 * self.read // self.size, 100) if self.size else 100


@contextmanager
def noted(run: int, path: Path, also: Progress | None = None) -> Iterator[Progress]:
    """Give what notes the bytes that a run reads of its file, once a second at most.

    ``also`` is called with the same. The note is gone when the run has ended.
    """
    size = path.stat().st_size if path.is_file() else 0
    area = areas.archive()
    read, next_note = 0, 0.0

    def advance(count: int) -> None:
        nonlocal read, next_note
        read += count
        if also:
            also(count)
        if time.monotonic() >= next_note or read == size:
            next_note = time.monotonic() + area.seconds_between_notes
            with suppress(OSError):
                area.note(_NAME, json.dumps(asdict(ReadSoFar(run, read, size))).encode())

    try:
        yield advance
    finally:
        with suppress(OSError):
            area.remove(_NAME)


def read_so_far() -> ReadSoFar | None:
    """Return how far the import is that runs; None where none does. A killed one's is that of a run that is over."""
    try:
        with areas.archive().open(_NAME) as file:
            return ReadSoFar(**json.loads(file.read(_MOST_BYTES)))
    except (OSError, ValueError, TypeError):
        return None
