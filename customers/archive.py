"""Every file that an import read, kept gzipped by its SHA-256, so that any line of any run can be looked up."""

import gzip
import hashlib
import logging
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

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


def keep(path: Path, run: ImportRun, goes_on: ImportRun | None = None) -> None:
    """Archive the very bytes that the run names by their SHA-256; what hinders that becomes a warning of the run.

    What is kept already is not written again. The file of ``goes_on`` is the beginning of this one, if given: its
    archive is then copied as it is, and only the rest is compressed.
    """
    try:
        place = place_of(run.sha256)
        if place.exists() or _copy(path, place, run.sha256, goes_on):
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


def _copy(path: Path, place: Path, sha256: str, goes_on: ImportRun | None) -> bool:
    """Compress the file to its place, all or nothing; false where its hash turns out to be another one."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(place.name + _HALF_DONE)
    digest = hashlib.sha256()
    try:
        with path.open("rb") as source, partial.open("wb") as file:
            target = _Sealed(file)
            if goes_on and target.begin_with(place_of(goes_on.sha256)):
                left = goes_on.size
                while left and (chunk := source.read(min(left, CHUNK))):
                    digest.update(chunk)
                    left -= len(chunk)
            with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=target, mtime=0) as packed:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    packed.write(chunk)
            target.seal()
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() == sha256:
            partial.replace(place)
            return True
        return False
    finally:
        partial.unlink(missing_ok=True)


class _Sealed:
    """A gzip file of one or more members that ends in a seal, by which damage shows without decompressing it.

    The seal is one more member, which is empty: its comment is the SHA-256 of all that stands before it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Append to the file."""
        self._digest.update(data)
        return self._file.write(data)

    def begin_with(self, other: Path) -> bool:
        """Copy another such file without its seal; false, and nothing is copied, where that is gone or damaged."""
        digest = hashlib.sha256()
        try:
            with other.open("rb") as source:
                for chunk in _before_seal(source):
                    digest.update(chunk)
                if source.read() != _seal(digest):
                    return False
        except OSError:
            return False
        with other.open("rb") as source:
            for chunk in _before_seal(source):
                self.write(chunk)
        return True

    def seal(self) -> None:
        """End the file."""
        self._file.write(_seal(self._digest))


def _seal(digest: "hashlib._Hash") -> bytes:
    comment = digest.hexdigest().encode() + b"\0"
    return b"\x1f\x8b\x08\x10\0\0\0\0\0\xff" + comment + b"\3\0" + bytes(8)


_SEAL_SIZE = len(_seal(hashlib.sha256()))


def _before_seal(file: BinaryIO) -> Iterator[bytes]:
    left = os.fstat(file.fileno()).st_size - _SEAL_SIZE
    while left > 0 and (chunk := file.read(min(left, CHUNK))):
        yield chunk
        left -= len(chunk)


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
