"""Every file that an import read, kept gzipped by its SHA-256, so that any line of any run can be looked up."""

import gzip
import hashlib
import logging
import os
import re
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import Error
from django.utils import timezone

from customers.models import ImportRun

logger = logging.getLogger(__name__)

CHUNK = 256 * 1024
_ENDING = ".csv.gz"
_HALF_DONE = ".partial"
_NAME = re.compile(rf"([0-9a-f]{{64}}){re.escape(_ENDING)}({re.escape(_HALF_DONE)})?")


def place_of(sha256: str) -> Path:
    """Where the file with this hash is kept, or would be."""
    return Path(settings.ARCHIVE_DIR) / sha256[:2] / f"{sha256}{_ENDING}"


def find(run: ImportRun) -> Path | None:
    """The archive of the file that a run read; None where it was not or is no longer kept."""
    if not run.sha256:
        return None
    place = place_of(run.sha256)
    return place if place.is_file() else None


def keep(path: Path, run: ImportRun) -> None:
    """Archive the very bytes that the run names by their SHA-256; what hinders that becomes a warning of the run.

    What is kept already is not written again.
    """
    try:
        place = place_of(run.sha256)
        if place.exists() or _copy(path, place, run.sha256):
            return
        hindrance = "it has changed since it was read"
    except OSError as error:
        logger.exception("The file of run %s could not be archived", run.pk)
        hindrance = error.strerror or str(error)
    run.warnings.append(f"the file is not archived: {hindrance}")
    try:
        run.save(update_fields=["warnings"])
    except Error:
        logger.exception("A warning of run %s could not be written", run.pk)


def _copy(path: Path, place: Path, sha256: str) -> bool:
    """Compress the file to its place, all or nothing; false where its hash turns out to be another one."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(place.name + _HALF_DONE)
    digest = hashlib.sha256()
    try:
        with path.open("rb") as source, partial.open("wb") as target:
            with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=target, mtime=0) as packed:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    packed.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        if digest.hexdigest() == sha256:
            partial.replace(place)
            return True
        return False
    finally:
        partial.unlink(missing_ok=True)


def expire() -> None:
    """Remove what an interrupted import left, and the archives that no run of the last ``ARCHIVE_DAYS`` days names.

    Files that are not ours stay. Only one import at a time may call this or ``keep``.
    """
    folder = Path(settings.ARCHIVE_DIR)
    try:
        named = _named_recently()
        for path in folder.glob("[0-9a-f][0-9a-f]/*"):
            name = _NAME.fullmatch(path.name)
            if name and (name[2] or (named is not None and name[1] not in named)):
                path.unlink(missing_ok=True)
    except (OSError, Error):
        logger.exception("Old archives in %s could not be removed", folder)


def _named_recently() -> set[str] | None:
    """The hashes that runs of the last ``ARCHIVE_DAYS`` days name; None where archives are kept for ever."""
    if not settings.ARCHIVE_DAYS:
        return None
    since = timezone.now() - timedelta(days=settings.ARCHIVE_DAYS)
    return set(ImportRun.objects.filter(started_at__gte=since).values_list("sha256", flat=True))
