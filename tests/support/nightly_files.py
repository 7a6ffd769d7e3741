"""Nights of engagement that go on from one another, and which way each was loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from customers.imports import load as loader
from customers.imports.strategies.base import LoadStrategy
from tests.support.loading import HEADER, load, write_bytes

BASE = [f"e{n},c1,2025-05-0{n},{n},0,0,0,0" for n in range(1, 9)]
CHANGED = "e3,c1,2025-05-03,7,0,0,0,0"
NEW = "e9,c1,2025-05-09,9,0,0,0,0"


@contextmanager
def watched() -> Iterator[list[str]]:
    """A list of the ways that files were loaded by, in their order."""
    names: list[str] = []
    original = loader.FeedRun._merge_by

    def merge_by(self: Any, strategy: LoadStrategy, file: Any) -> None:
        original(self, strategy, file)
        names.append(strategy.name)

    with patch.object(loader.FeedRun, "_merge_by", merge_by):
        yield names


def text(*lines: str, header: str = HEADER, end: str = "\n") -> str:
    """The content of a file with these lines."""
    return "".join(line + end for line in (header, *lines))


def night(folder: Path, content: str | bytes, **options: Any) -> Any:
    """Load engagement of this content."""
    write_bytes(folder, "engagement.csv", content.encode() if isinstance(content, str) else content)
    return load(folder, "engagement", **options)["engagement"]


def replaced(**lines: str) -> list[str]:
    """The base with other lines in place of those of the keys."""
    return [lines.get(line.split(",")[0], line) for line in BASE]
