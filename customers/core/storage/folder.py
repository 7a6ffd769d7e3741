"""Shared files in a folder: of this machine, or of a file server that all machines have mounted."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from django.utils.crypto import RANDOM_STRING_CHARS, get_random_string

from customers.core.files import create_file, is_file, move, open_file, remove
from customers.core.leftovers import EXPORT, PARTIAL, half_done, remove_leftovers
from customers.core.storage.area import Area


class Folder(Area):
    """Files in a folder, which is made when the first of them is written; each is written by one process at a time."""

    seconds_between_notes = 1.0

    def __init__(self, root: Path) -> None:
        self.root = root

    def path_of(self, name: str) -> Path:
        """Return where a file is, or would be."""
        return self.root / name

    def open(self, name: str) -> BinaryIO:
        return open_file(self.path_of(name))

    @contextmanager
    def new_file(self, name: str) -> Iterator[BinaryIO]:
        target = self.path_of(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + PARTIAL)
        try:
            with create_file(partial) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            move(partial, target)
        finally:
            remove(partial)

    @contextmanager
    def new_folder(self, name: str) -> Iterator[Path]:
        folder = self.path_of(name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.remove_folder(name)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @contextmanager
    def local(self, name: str, first_bytes: int | None = None) -> Iterator[Path]:
        yield self.path_of(name)

    def note(self, name: str, data: bytes) -> None:
        place = self.path_of(name)
        draft = place.with_name(place.name + PARTIAL)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with create_file(draft) as file:
                file.write(data)
            move(draft, place)
        except BaseException:
            # On a full disk it is there, and empty.
            with suppress(OSError):
                remove(draft)
            raise

    def size(self, name: str) -> int | None:
        path = self.path_of(name)
        with suppress(FileNotFoundError):
            return path.lstat().st_size if is_file(path) else None
        return None

    def names(self, pattern: str) -> Iterator[str]:
        # What lies in a folder that is a link is no file of ours: ``is_file`` follows none.
        return (path.relative_to(self.root).as_posix() for path in self.root.glob(pattern) if is_file(path))

    def entries(self) -> Iterator[tuple[str, float]]:
        for path in self.root.iterdir() if self.root.is_dir() else ():
            yield path.name, path.lstat().st_mtime

    def remove(self, name: str) -> None:
        remove(self.path_of(name))

    def remove_folder(self, name: str) -> None:
        path = self.path_of(name)
        with suppress(FileNotFoundError):
            if path.is_symlink() or not path.is_dir():
                path.unlink()
            else:
                shutil.rmtree(path)

    def remove_half_done(self, pattern: str) -> None:
        for path in list(self.root.glob(pattern + PARTIAL)):
            if not path.parent.is_symlink():
                remove(path)

    def check(self) -> None:
        there = next(folder for folder in (self.root, *self.root.parents) if folder.is_dir())
        # It has no name, so nobody sees it, and nothing is left of it.
        tempfile.TemporaryFile(dir=there).close()

    def label(self, name: str = "") -> str:
        return str(self.path_of(name))


class ExportFolder(Folder):
    """A folder that programs fetch files from: they see whole ones alone, and several may be written at once."""

    @contextmanager
    def new_file(self, name: str) -> Iterator[BinaryIO]:
        target = self.path_of(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{EXPORT}{get_random_string(8, RANDOM_STRING_CHARS.lower())}")
        with half_done(partial, target, 0o600) as file:
            yield file
            os.fchmod(file.fileno(), 0o640)

    def remove_half_done(self, pattern: str) -> None:
        remove_leftovers(self.root)
