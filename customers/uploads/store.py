"""The folders in which uploads wait for a decision, for a day at most: the file and its preview."""

import hashlib
import logging
import re
import shutil
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import Error
from django.utils import timezone

from customers.core.files import create_file, open_file
from customers.models import Upload

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=1)
_NAME = re.compile(r"[0-9a-f]{32}")


def new_folder() -> Path:
    """Make an empty folder that only we can read; its name is the upload's ``folder``."""
    folder = Path(settings.UPLOAD_DIR) / uuid.uuid4().hex
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    return folder


def upload_folder(upload: Upload) -> Path:
    """Return the folder of the upload's files."""
    return Path(settings.UPLOAD_DIR) / upload.folder


def upload_path(upload: Upload) -> Path:
    """Return the path of the file to load."""
    return upload_folder(upload) / upload.stored_name


def write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a new file that only we can read."""
    with create_file(path, 0o600) as file:
        for chunk in chunks:
            file.write(chunk)


def sha256_of(path: Path) -> str:
    """Return a file's hash."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_folder(folder: Path) -> None:
    """Remove an upload's folder, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_unnamed(since: datetime) -> None:
    """Remove folders that no upload names and that were last changed before ``since``. Raises ``OSError``."""
    folder = Path(settings.UPLOAD_DIR)
    named = set(Upload.objects.values_list("folder", flat=True))
    for path in folder.iterdir() if folder.is_dir() else ():
        if _NAME.fullmatch(path.name) and path.name not in named and path.lstat().st_mtime <= since.timestamp():
            if path.is_symlink() or not path.is_dir():
                path.unlink()
            else:
                shutil.rmtree(path)


def expire_uploads() -> None:
    """Remove uploads that nobody has decided on within a day, and folders that no upload names."""
    folder = Path(settings.UPLOAD_DIR)
    oldest = timezone.now() - KEPT_FOR
    try:
        Upload.objects.filter(uploaded_at__lt=oldest).delete()
        remove_unnamed(oldest)
    except (OSError, Error):
        logger.exception("Old uploads in %s could not be removed", folder)
