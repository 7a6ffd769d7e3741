"""What a killed command leaves half done in the folders of exports and backups, whose files have customers' data.

Whoever writes such a file or folder holds a lock on it, which the system gives up when the process dies.
"""

import fcntl
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from customers.core.files import create_file, move, remove

logger = logging.getLogger(__name__)

PARTIAL = ".partial"
EXPORT = ".export-"
BACKUP = "rsolv-backup-"
COPY = ".copy-"
COPIED = "copy.zip"
TEMPORARY = "rsolv-files-"
_EXPORT_NAME = re.compile(rf"{re.escape(EXPORT)}[a-z0-9_]{{8}}")
_BACKUP_NAME = re.compile(rf"{BACKUP}.*\.zip{re.escape(PARTIAL)}")
_FOLDER_NAME = re.compile(rf"(?:tmp|{re.escape(COPY)})[a-z0-9_]{{8}}")
"""Those of earlier versions begin with ``tmp``."""


@contextmanager
def half_done(partial: Path, target: Path, mode: int) -> Iterator[BinaryIO]:
    """Open a new file ``partial``, which is moved to ``target`` at the end, or removed."""
    while not _is_ours(file := create_file(partial, mode), partial):
        file.close()
    with file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            move(partial, target)
        except BaseException:
            remove(partial)
            raise


@contextmanager
def private_folder(parent: Path, prefix: str = COPY) -> Iterator[Path]:
    """Make a temporary folder in ``parent`` that nobody else looks into."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        if _is_locked(lock) and _is_there(lock, folder):
            break
        os.close(lock)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a private folder among the system's temporary files; the next one removes what killed processes left."""
    parent = Path(tempfile.gettempdir())
    for path in parent.glob(f"{TEMPORARY}*"):
        # What another user made there is none of ours.
        with suppress(OSError):
            if path.lstat().st_uid == os.geteuid() and _has_no_owner(path):
                logger.info("Removed what a killed process had left: %s", path.name)
    with private_folder(parent, TEMPORARY) as folder:
        yield folder


def remove_leftovers(*folders: Path) -> None:
    """Remove what killed commands left in these folders, by default those of exports and of backups.

    What a command works on stays, and so does what has none of our names. Raises ``OSError``.
    """
    for folder in folders or (Path(settings.EXPORT_DIR), Path(settings.BACKUP_DIR)):
        for path in list(folder.iterdir()) if folder.is_dir() else ():
            if _may_be_left(path) and _has_no_owner(path):
                logger.info("Removed what a killed command had left: %s", path.name)


def _may_be_left(path: Path) -> bool:
    if path.is_symlink():
        return False
    if _FOLDER_NAME.fullmatch(path.name):
        with suppress(NotADirectoryError, FileNotFoundError, PermissionError):
            return {one.name for one in path.iterdir()} <= {COPIED, COPIED + PARTIAL}
        return False
    return bool(_EXPORT_NAME.fullmatch(path.name) or _BACKUP_NAME.fullmatch(path.name)) and path.is_file()


def _has_no_owner(path: Path) -> bool:
    """Return whether nobody works on it; then it is removed under its lock."""
    with suppress(FileNotFoundError):
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if _is_locked(lock):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                return True
        finally:
            os.close(lock)
    return False


def _is_ours(file: BinaryIO, path: Path) -> bool:
    """Return whether a new file is locked, and nobody removed it before it was."""
    return _is_locked(file.fileno()) and _is_there(file.fileno(), path)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_there(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
