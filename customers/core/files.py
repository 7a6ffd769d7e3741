"""Files in folders that others may write to: no link is followed, and only a regular file is opened.

A configured folder may itself be a link, because an operator may have it so; what lies below it may not. A file is
opened first and looked at then, so that nobody can put another one there in between.
"""

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from customers.text.say import english

_FOLDERS = ("CSV_DIR", "EXPORT_DIR", "ARCHIVE_DIR", "BACKUP_DIR", "UPLOAD_DIR")
_THERE = os.O_CLOEXEC | os.O_NOFOLLOW
# A named pipe would wait for its other end.
_NO_WAIT = os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC


class NotRegular(OSError):
    """What lies there is not a regular file; ``strerror`` names it, and says what to do."""


def open_file(path: Path) -> io.BufferedReader:
    """Open a regular file for reading. Raises ``NotRegular``, and ``OSError`` as ever."""
    return os.fdopen(_descriptor(path, os.O_RDONLY), "rb")


def open_unbuffered(path: Path) -> io.FileIO:
    """Open a regular file for reading without a buffer. Raises as ``open_file`` does."""
    return os.fdopen(_descriptor(path, os.O_RDONLY), "rb", 0)


def create_file(path: Path, mode: int = 0o666) -> BinaryIO:
    """Make a new file for writing, in the place of what may lie there: of a link, the link itself."""
    with _folder_of(path) as folder:
        with suppress(FileNotFoundError):
            os.unlink(path.name, dir_fd=folder)
        descriptor = os.open(path.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _THERE, mode, dir_fd=folder)
    return os.fdopen(descriptor, "wb")


def open_to_lock(path: Path) -> BinaryIO:
    """Open a file that is there only to be locked, and make it where it is not."""
    return os.fdopen(_descriptor(path, os.O_RDWR | os.O_CREAT), "r+b", 0)


def move(path: Path, target: Path) -> None:
    """Move a file to where another may lie, all at once."""
    with _folder_of(path) as source, _folder_of(target) as folder:
        os.replace(path.name, target.name, src_dir_fd=source, dst_dir_fd=folder)


def remove(path: Path) -> None:
    """Remove a file, or a link itself, if it is there."""
    with suppress(FileNotFoundError), _folder_of(path) as folder:
        os.unlink(path.name, dir_fd=folder)


def is_file(path: Path) -> bool:
    """Return whether a regular file lies there, as far as we may look."""
    try:
        with _folder_of(path) as folder:
            return stat.S_ISREG(os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _descriptor(path: Path, flags: int) -> int:
    with _folder_of(path) as folder:
        try:
            descriptor = os.open(path.name, flags | _NO_WAIT | _THERE, 0o666, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _link(path.name) from None
            if error.errno == errno.ENXIO:
                raise _not_regular(path.name) from None
            raise OSError(error.errno, error.strerror, str(path)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular(path.name)
    return descriptor


@contextmanager
def _folder_of(path: Path) -> Iterator[int]:
    """Return the folder that a file is in, opened from the configured one downwards without following a link."""
    root = _root_of(path)
    folder = os.open(root, _FOLDER)
    try:
        for name in path.parent.relative_to(root).parts:
            try:
                below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                raise NotRegular(
                    errno.ENOTDIR, english(f"{name} is a link, or no folder: put a folder there")
                ) from None
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


def _root_of(path: Path) -> Path:
    """Return the configured folder that a path is below, or else the folder that it names."""
    folders = [Path(getattr(settings, name)) for name in _FOLDERS]
    above = [folder for folder in folders if path.parent.is_relative_to(folder)]
    root = max(above, key=lambda folder: len(folder.parts), default=path.parent)
    return path.parent if ".." in path.parts else root


def _link(name: str) -> NotRegular:
    return NotRegular(
        errno.ELOOP, english(f"{name} is a symbolic link, which is not followed: put the file itself there")
    )


def _not_regular(name: str) -> NotRegular:
    return NotRegular(errno.EINVAL, english(f"{name} is not a regular file"))
