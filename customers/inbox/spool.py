"""Batches that wait beside the database of SQLite, in a file each, while an import keeps all other writers out.

A batch whose file has its name is on the disk for good, and only then is its request answered. A file that cannot be
brought in is set aside, so that the others do not wait for it: an operator mends it and gives it back its name.
"""

import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from django.core import serializers
from django.core.serializers.base import DeserializationError
from django.db import connection

from customers.core.files import create_file, move, open_file, remove
from customers.core.sql import is_postgres
from customers.models import Batch, InboxEvent
from customers.text.say import say_n

logger = logging.getLogger(__name__)

_NAME = re.compile(r"[0-9a-f-]{36}\.json")
_PARTIAL = ".partial"
_ASIDE = ".unreadable"
_LEFT_AFTER = 3600
"""Seconds after which nobody writes a file any more."""


class NotABatch(Exception):
    """A file is no batch that waits."""


def spool_batch(batch: Batch, events: Sequence[InboxEvent]) -> None:
    """Keep a batch with its events; return once no crash can lose them."""
    folder = _folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    for event in events:
        event.batch, event.token_id = batch, batch.token_id
    path = _path(batch.pk)
    partial = path.with_suffix(_PARTIAL)
    with create_file(partial, 0o600) as file:
        file.write(serializers.serialize("json", [batch, *events]).encode())
        file.flush()
        os.fsync(file.fileno())
    move(partial, path)
    _sync(folder)


def spooled_files() -> Iterator[Path]:
    """Yield the files that wait; remove those that a killed process has not finished."""
    for path in _files():
        if _NAME.fullmatch(path.name):
            yield path
        elif path.suffix == _PARTIAL and path.lstat().st_mtime < time.time() - _LEFT_AFTER:
            remove(path)


def find_spooled(key: UUID) -> tuple[Batch, list[InboxEvent]] | None:
    """Return a batch that waits; None where it is not here, no more, or not readable."""
    if is_postgres():
        return None
    try:
        return read(_path(key))
    except (FileNotFoundError, NotABatch):
        return None


def read(path: Path) -> tuple[Batch, list[InboxEvent]]:
    """Return a batch with its events, none of them saved. Raises ``FileNotFoundError`` and ``NotABatch``."""
    try:
        with open_file(path) as file:
            rows = [found.object for found in serializers.deserialize("json", file.read())]
        (batch,) = (row for row in rows if isinstance(row, Batch))
    except FileNotFoundError:
        raise
    except (OSError, DeserializationError, ValueError) as error:
        raise NotABatch from error
    return batch, [row for row in rows if isinstance(row, InboxEvent)]


def set_aside(path: Path, error: Exception) -> None:
    """Take a file that cannot be brought in out of the way of the others, and say where it lies."""
    aside = path.with_suffix(_ASIDE)
    move(path, aside)
    logger.error(
        "What the product reported cannot be read, and lies in %s: %s", aside, type(error.__cause__ or error).__name__
    )


def set_aside_files() -> list[Path]:
    """Return the files that were set aside."""
    return sorted(path for path in _files() if path.suffix == _ASIDE)


def set_aside_in_words() -> str:
    """Return how many files were set aside, and where they lie; '' where there are none."""
    if not (files := set_aside_files()):
        return ""
    return say_n(
        "{number} file of reported events could not be read and was set aside: {path}.",
        "{number} files of reported events could not be read and were set aside: {path} and others.",
        len(files),
        path=str(files[0]),
    )


def _folder() -> Path:
    database = Path(str(connection.settings_dict["NAME"]))
    return database.with_name(f"{database.name}.inbox")


def _files() -> list[Path]:
    folder = _folder()
    return sorted(folder.iterdir()) if not is_postgres() and folder.is_dir() else []


def _path(key: UUID) -> Path:
    return _folder() / f"{key}.json"


def _sync(folder: Path) -> None:
    """Have the folder's names on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
