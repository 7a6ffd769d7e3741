"""The folders in which uploads wait for a decision, for a day at most: the file and its preview."""

import hashlib
import logging
import re
import uuid
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

from django.db import Error
from django.utils import timezone

from customers.core.files import create_file, open_file
from customers.core.storage import areas
from customers.core.storage.area import StoredFile
from customers.models import Upload

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=1)
_NAME = re.compile(r"[0-9a-f]{32}")


def new_folder() -> AbstractContextManager[Path]:
    """Give an empty folder that only we can read, whose name is the upload's ``folder``; it is kept as a whole."""
    return areas.uploads().new_folder(uuid.uuid4().hex)


def new_preview(upload: Upload) -> AbstractContextManager[Path]:
    """Give an empty folder for the rows of the upload's preview, in the place of earlier ones."""
    return areas.uploads().new_folder(_preview_of(upload))


def preview_file(upload: Upload, name: str) -> StoredFile:
    """Return a file of the upload's preview."""
    return StoredFile(areas.uploads(), f"{_preview_of(upload)}/{name}")


def stored_file(upload: Upload) -> StoredFile:
    """Return the file to load."""
    return StoredFile(areas.uploads(), f"{upload.folder}/{upload.stored_name}")


def write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a new file that only we can read."""
    with create_file(path, 0o600) as file:
        for chunk in chunks:
            file.write(chunk)


def sha256_of(path: Path) -> str:
    """Return a file's hash."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_folder(folder: str) -> None:
    """Remove an upload's folder, if it is there; what cannot be removed goes when uploads expire."""
    try:
        areas.uploads().remove_folder(folder)
    except OSError:
        logger.exception("The folder %s of an upload could not be removed", folder)


def remove_preview(upload: Upload) -> None:
    """Remove the rows of an upload's preview."""
    areas.uploads().remove_folder(_preview_of(upload))


def remove_unnamed(since: datetime) -> None:
    """Remove folders that no upload names and that were last changed before ``since``. Raises ``OSError``."""
    area = areas.uploads()
    named = set(Upload.objects.values_list("folder", flat=True))
    for name, changed in list(area.entries()):
        if _NAME.fullmatch(name) and name not in named and changed <= since.timestamp():
            area.remove_folder(name)


def expire_uploads() -> None:
    """Remove uploads that nobody has decided on within a day, and folders that no upload names."""
    oldest = timezone.now() - KEPT_FOR
    try:
        Upload.objects.filter(uploaded_at__lt=oldest).delete()
        remove_unnamed(oldest)
    except (OSError, Error):
        logger.exception("Old uploads in %s could not be removed", areas.uploads().label())


def _preview_of(upload: Upload) -> str:
    return f"{upload.folder}/preview"
