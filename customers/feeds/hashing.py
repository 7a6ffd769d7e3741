"""Raw bytes of a file, with the hash of what has been read of it."""

import hashlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class HashingReader(io.RawIOBase):
    """Raw bytes of a file, hashed and counted as they are read."""

    def __init__(self, file: io.FileIO, progress: Callable[[int], object] | None) -> None:
        self._file = file
        self._progress = progress
        self.digest = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        count = self._file.readinto(buffer) or 0
        self.digest.update(memoryview(buffer)[:count])
        self.size += count
        if self._progress:
            self._progress(count)
        return count
