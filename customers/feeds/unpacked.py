"""A file's bytes, unpacked as often as it was gzipped."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from customers.core.files import open_file
from customers.feeds.reader import BLOCK
from customers.text.say import english

_GZIP = b"\x1f\x8b"
_MAX_LAYERS = 2


class Unreadable(Exception):
    """The file is no CSV that could be taken record by record."""


def layers_of(path: Path) -> int:
    """Return how often a file is gzipped: an archived one once, or twice where it came compressed."""
    layers = 0
    try:
        while layers < _MAX_LAYERS and next(unpacked_blocks(path, layers), b"")[:2] == _GZIP:
            layers += 1
    except Unreadable:
        layers -= 1
    return layers


def unpacked_blocks(path: Path, layers: int) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked so many times. Raises ``Unreadable`` where it is damaged, ``OSError`` as ever."""
    with ExitStack() as opened:
        file: io.BufferedReader | gzip.GzipFile = opened.enter_context(open_file(path))
        for _layer in range(layers):
            file = opened.enter_context(gzip.GzipFile(fileobj=file, mode="rb"))
        try:
            while block := file.read(BLOCK):
                yield block
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Unreadable(english(f"{path.name} is damaged")) from error
