"""The interface of the load strategies; each comes to the result that the whole file gives."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from customers.archive.files import Beginning
from customers.feeds.reader import CsvReader, Record
from customers.imports.strategies.stager import Stager


class CannotShortcut(Exception):
    """A strategy cannot tell whether the whole file would give the same result; the message says why."""


@dataclass(frozen=True)
class Staged:
    """What a strategy knows of a file whose rows are on the stage.

    ``skipped_rows`` of the file are not on it, because the base run has loaded them as they are. ``records`` are the
    staged rows, where they are held in memory.
    """

    skipped_rows: int = 0
    repeats: bool = False
    """Whether a key was twice in the file of the base run."""
    loaded_keys_are_lowercase: bool = False
    """Whether no loaded key has an upper-case letter."""
    all_new: bool = False
    """Whether no staged key is loaded already."""
    extends: Beginning | None = None
    """What this file goes on from: the whole file of the base run."""
    records: Iterable[Record] | None = None
    created: int = 0
    """How many rows are not on it, because the strategy has put them into the feed's table itself."""


class LoadStrategy(ABC):
    """A way to bring what a file says onto the stage, or into the table."""

    name: ClassVar[str]

    @abstractmethod
    def stage(self, source: CsvReader, stager: Stager) -> Staged:
        """Stage the rows of the file; raise ``CannotShortcut``, and ``Refused`` for what no strategy can load."""
