"""How far a run has read its file: a small file in the archive, because nothing of a load is seen before its end.

The archive is what imports and pages share on both databases. What cannot be noted there is not shown.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from customers.core.files import create_file, move, open_file, remove

_EVERY_SECONDS = 1.0
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
    read, last = 0, 0.0

    def advance(count: int) -> None:
        nonlocal read, last
        read += count
        if also:
            also(count)
        if time.monotonic() - last >= _EVERY_SECONDS or read == size:
            last = time.monotonic()
            _write(ReadSoFar(run, read, size))

    try:
        yield advance
    finally:
        # On a full disk the draft is still there.
        for path in (_draft(), _place()):
            with suppress(OSError):
                remove(path)


def read_so_far() -> ReadSoFar | None:
    """Return how far the import is that runs; None where none does. A killed one's is that of a run that is over."""
    try:
        with open_file(_place()) as file:
            return ReadSoFar(**json.loads(file.read(_MOST_BYTES)))
    except (OSError, ValueError, TypeError):
        return None


def _write(so_far: ReadSoFar) -> None:
    draft, place = _draft(), _place()
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with create_file(draft) as file:
            file.write(json.dumps(asdict(so_far)).encode())
        move(draft, place)


def _place() -> Path:
    return Path(settings.ARCHIVE_DIR) / _NAME


def _draft() -> Path:
    return _place().with_name(f"{_NAME}.new")
