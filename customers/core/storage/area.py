"""What a place for files can do that all web processes and machines share; a folder or a bucket does it.

Names are ours alone, never a visitor's: a file's own, with the name of its folder and a slash before it or not.
"""

import errno
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


class StorageUnavailable(OSError):
    """The storage cannot be used just now; ``strerror`` says why, in words for an operator."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EIO, why)

    def __str__(self) -> str:
        return str(self.strerror)


class Area(ABC):
    """Files of one kind, by name. Every method may raise ``OSError``, and where there is no such file its kind."""

    seconds_between_notes: float
    """How much time lies between two notes that slow nobody down."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Open a file for reading, as a stream that can be sought."""

    @abstractmethod
    def new_file(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Give a file to write, which has its name as a whole once the block ends well; else nothing has changed."""

    @abstractmethod
    def new_folder(self, name: str) -> AbstractContextManager[Path]:
        """Give an empty local folder, whose files have their names below ``name`` once the block ends well."""

    @abstractmethod
    def local(self, name: str, first_bytes: int | None = None) -> AbstractContextManager[Path]:
        """Give a path on this machine to read a file by, or so many of its bytes at least, while the block lasts."""

    @abstractmethod
    def note(self, name: str, data: bytes) -> None:
        """Write a few bytes at once, which the machine may lose."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Return how many bytes a file has; None where there is none."""

    @abstractmethod
    def names(self, pattern: str) -> Iterator[str]:
        """Yield the names of the files that a pattern of the shell describes, slashes included, in any order."""

    @abstractmethod
    def entries(self) -> Iterator[tuple[str, float]]:
        """Yield what lies right here, files and folders, with the second of its last change."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    @abstractmethod
    def remove_folder(self, name: str) -> None:
        """Remove a folder and what is in it, if it is there."""

    @abstractmethod
    def remove_half_done(self, pattern: str) -> None:
        """Remove what killed processes left of files whose names the pattern describes."""

    @abstractmethod
    def check(self) -> None:
        """Raise ``OSError`` where nothing can be written."""

    @abstractmethod
    def label(self, name: str = "") -> str:
        """Return how an operator calls the place of a file, or of them all."""


@dataclass(frozen=True)
class StoredFile:
    """One file of an area, which need not be there."""

    area: Area
    name: str

    def __str__(self) -> str:
        return self.area.label(self.name)

    @property
    def own_name(self) -> str:
        """Return its name without its folder's."""
        return self.name.rpartition("/")[2]

    def open(self) -> BinaryIO:
        """Open it for reading."""
        return self.area.open(self.name)

    def new(self) -> AbstractContextManager[BinaryIO]:
        """Write it anew."""
        return self.area.new_file(self.name)

    def local(self, first_bytes: int | None = None) -> AbstractContextManager[Path]:
        """Give a path on this machine to read it by."""
        return self.area.local(self.name, first_bytes)

    def size(self) -> int | None:
        """Return how many bytes it has; None where it is not there."""
        return self.area.size(self.name)

    def is_there(self) -> bool:
        """Return whether it is there."""
        return self.size() is not None

    def remove(self) -> None:
        """Remove it, if it is there."""
        self.area.remove(self.name)
