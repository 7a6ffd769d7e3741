"""Reads bytes as records."""

import tempfile
from pathlib import Path

from customers.feeds.reader import CsvReader, Record


def records(content: bytes, name: str = "feed.csv") -> list[Record]:
    """What the reader makes of a file with these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        with CsvReader(path) as source:
            return list(source.records())
