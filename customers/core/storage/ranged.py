"""An object of a bucket as a file: a stream from wherever somebody seeks, of which nothing is kept."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from customers.core.storage.answers import told
from customers.core.storage.area import StorageUnavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Stream(Protocol):
    """Bytes as they arrive."""

    def read(self, count: int, /) -> bytes:
        """Return some of them; none at the end."""

    def close(self) -> None:
        """Ask for no more of them."""


Fetch = Callable[[int], Stream]
"""Ask for the bytes from a position on."""


class RangedFile(io.RawIOBase):
    """Reads as much as is asked for; a stream that breaks off is asked for once more from there."""

    def __init__(self, fetch: Fetch, size: int, place: str) -> None:
        self._fetch, self._size, self._place = fetch, size, place
        self._position = 0
        self._stream: Stream | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("before the beginning")
        if start + offset != self._position:
            self._drop()
        self._position = start + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer. Raises ``OSError``."""
        view = memoryview(buffer).cast("B")
        if self._position >= self._size or not len(view):
            return 0
        data = self._some(min(len(view), self._size - self._position))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._drop()
        super().close()

    def _some(self, count: int) -> bytes:
        try:
            return self._next(count)
        except StorageUnavailable:
            # It may have been idle for long, as where a slow browser is sent it.
            self._drop()
            return self._next(count)

    def _next(self, count: int) -> bytes:
        with told(self._place):
            self._stream = self._stream or self._fetch(self._position)
            data = self._stream.read(count)
            if not data:
                raise EOFError
            return data

    def _drop(self) -> None:
        stream, self._stream = self._stream, None
        if stream:
            stream.close()
