"""Every imported file, gzipped under its SHA-256, so that any line of any run can be looked up.

Of a file with rows of erased customers those are blanked out: it says so at its end, and is another file than its
SHA-256 tells.
"""

import gzip
import hashlib
import logging
import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import Error
from django.utils import timezone

from customers.archive import redact
from customers.archive.erased import ErasedIds, Ids
from customers.core import files
from customers.core.storage import areas
from customers.core.storage.area import StoredFile
from customers.feeds import unpacked
from customers.models import ImportRun
from customers.text.say import english

logger = logging.getLogger(__name__)

CHUNK = 256 * 1024
_ENDING = ".csv.gz"
_REDACTED = b"redacted:"
_HEX = "[0-9a-f]"
_OURS = f"{_HEX * 2}/{_HEX * 64}{_ENDING}"


@dataclass(frozen=True, slots=True)
class Beginning:
    """The beginning of a file that was read: by its hash, which can go on, it is the whole file of an earlier run."""

    run: ImportRun
    digest: "hashlib._Hash"


class _NotWanted(Exception):
    """What was written takes no place."""


class _NotSealed(Exception):
    """An archive is gone or damaged."""


def place_of(sha256: str) -> StoredFile:
    """Return where the file with this hash is kept, or would be."""
    return StoredFile(areas.archive(), f"{sha256[:2]}/{sha256}{_ENDING}")


def find(run: ImportRun) -> StoredFile | None:
    """Return the archive of the file that a run read; None where it was not or is no longer kept."""
    if not run.sha256:
        return None
    archived = place_of(run.sha256)
    return archived if archived.is_there() else None


def store(path: Path, run: ImportRun, begins: Beginning | None = None, erased: set[str] | None = None) -> str:
    """Archive the very bytes that the run names by their SHA-256.

    What hinders that becomes a warning of the run, and is returned; '' where nothing does.

    What is kept already is not written again. Of the file that ``begins`` this one, if given, the archive is copied as
    it is; only the rest is read again, and compressed. The records of the customers ``erased`` are blanked out; None
    is for whoever was erased, as far as the file names them.
    """
    try:
        archived = place_of(run.sha256)
        if erased is None:
            erased = _erased_in(path)
        if archived.is_there():
            if erased:
                redact_file(archived, erased)
            return ""
        if _copy_without(path, archived, run.sha256, erased) if erased else _copy(path, archived, run.sha256, begins):
            return ""
        hindrance = english("it has changed since it was read")
    except unpacked.Unreadable:
        hindrance = english("it names customers who were erased, and cannot be read as CSV")
    except OSError as error:
        hindrance = error.strerror or str(error)
    logger.error("The file of run %s could not be archived: %s", run.pk, hindrance)
    run.warnings.append(english(f"the file is not archived: {hindrance}"))
    try:
        run.save(update_fields=["warnings"])
    except Error:
        logger.exception("A warning of run %s could not be written", run.pk)
    return hindrance


def store_ahead(path: Path, sha256: str, begins: Beginning) -> "Future[bool]":
    """Begin to archive a file of nobody who was erased, in a thread, while the database loads its rows.

    ``store`` comes after its end: it makes up for what failed, and says why.
    """
    archived = place_of(sha256)
    thread = ThreadPoolExecutor(1, "archive")
    try:
        return thread.submit(lambda: archived.is_there() or _copy(path, archived, sha256, begins))
    finally:
        thread.shutdown(wait=False)


def _copy(path: Path, archived: StoredFile, sha256: str, begins: Beginning | None) -> bool:
    """Compress the file to its place, all or nothing; false where its hash turns out to be another one."""
    digest = hashlib.sha256()
    try:
        with files.open_file(path) as source, archived.new() as file:
            target = _ChecksummedGzip(file)
            if begins and target.begin_with(place_of(begins.run.sha256)):
                # What is copied has the hash of what was read: there is nothing to be learnt from reading it again.
                digest = begins.digest.copy()
                source.seek(begins.run.size)
            with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=target, mtime=0) as packed:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    packed.write(chunk)
            target.seal()
            if digest.hexdigest() != sha256:
                raise _NotWanted
    except _NotWanted:
        return False
    return True


def _erased_in(path: Path) -> set[str]:
    """Return which erased customers a file names that was not loaded; it may be anything."""
    erased = ErasedIds()
    return redact.ids_in(path, unpacked.layers_of(path), erased) if erased else set()


def _copy_without(path: Path, archived: StoredFile, sha256: str, ids: set[str]) -> bool:
    """Compress the file to its place without the records of these customers; false where it has changed meanwhile."""
    layers, before = unpacked.layers_of(path), _state_of(path)

    def is_the_same() -> bool:
        with files.open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256 and _state_of(path) == before

    gone = _write_without(path, layers, layers, archived, ids, lambda gone: gone > 0 and is_the_same())
    return archived.is_there() if gone else _copy(path, archived, sha256, None)


def _state_of(path: Path) -> tuple[int, ...]:
    now = path.lstat()
    return now.st_size, now.st_mtime_ns, now.st_ino


def redact_file(archived: StoredFile, ids: Ids) -> bool:
    """Blank out the records of these customers in an archived file; return whether there were any.

    A file that names them and cannot be read as CSV goes as a whole. Raises ``OSError``; what lies there is either the
    old file or the new one, whenever this is interrupted.
    """
    try:
        with archived.local() as path:
            layers = unpacked.layers_of(path)
            found = redact.ids_in(path, layers, ids)
            return bool(found) and _write_without(path, layers, layers - 1, archived, found, bool) > 0
    except unpacked.Unreadable:
        archived.remove()
        return True


def _write_without(
    path: Path, layers: int, layers_then: int, archived: StoredFile, ids: set[str], accept: Callable[[int], bool]
) -> int:
    """Write an archived file (of contents gzipped ``layers_then`` times) without the records of these customers.

    Return how many went; it comes to its place all or nothing, if ``accept`` says so of their number.
    """
    gone = 0
    with suppress(_NotWanted), archived.new() as file:
        target = _ChecksummedGzip(file, _REDACTED)
        with ExitStack() as opened:
            packed: _ChecksummedGzip | gzip.GzipFile = target
            for _layer in range(1 + layers_then):
                gzipped = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=packed, mtime=0)
                packed = opened.enter_context(gzipped)
            gone = redact.redact(path, layers, ids, packed.write)
        target.seal()
        if not accept(gone):
            raise _NotWanted
    return gone


def is_redacted(archived: StoredFile) -> bool:
    """Return whether records of erased customers were blanked out in an archived file."""
    with archived.open() as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - len(_seal(hashlib.sha256(), _REDACTED)), 0))
        return file.read(_SEAL_SIZE).startswith(_SEAL_HEAD + _REDACTED)


def all_archives() -> Iterator[StoredFile]:
    """Return all files that are kept."""
    area = areas.archive()
    return (StoredFile(area, name) for name in area.names(_OURS))


class _ChecksummedGzip:
    """A gzip file of one or more members that ends in a seal, by which damage shows without decompressing it.

    The seal is one more member, which is empty: its comment is the SHA-256 of all that stands before it, behind a word
    where the file was ``_REDACTED``.
    """

    def __init__(self, file: BinaryIO, word: bytes = b"") -> None:
        self._file = file
        self._word = word
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Append to the file."""
        self._digest.update(data)
        return self._file.write(data)

    def begin_with(self, other: StoredFile) -> bool:
        """Copy another such file without its seal; false, and nothing is copied, where that is gone or damaged."""
        try:
            with closing(self._before_seal(other)) as chunks:
                for chunk in chunks:
                    self.write(chunk)
        except _NotSealed:
            self._file.seek(0)
            self._file.truncate()
            self._digest = hashlib.sha256()
            return False
        return True

    def seal(self) -> None:
        """End the file."""
        self._file.write(_seal(self._digest, self._word))

    def _before_seal(self, other: StoredFile) -> Generator[bytes, None, None]:
        """Yield another such file in chunks, each of which is written here before the next is asked for.

        Raises ``_NotSealed`` at the end where its seal is not that of what was written.
        """
        try:
            with other.local() as path, files.open_file(path) as file:
                left = os.fstat(file.fileno()).st_size - _SEAL_SIZE
                while left > 0 and (chunk := file.read(min(left, CHUNK))):
                    yield chunk
                    left -= len(chunk)
                is_sealed = file.read() == _seal(self._digest)
        except OSError as error:
            raise _NotSealed from error
        if not is_sealed:
            raise _NotSealed

    def flush(self) -> None:
        """Do nothing, as nothing is held back here; gzip asks for it."""


def _seal(digest: "hashlib._Hash", word: bytes = b"") -> bytes:
    comment = word + digest.hexdigest().encode() + b"\0"
    return _SEAL_HEAD + comment + b"\3\0" + bytes(8)


_SEAL_HEAD = b"\x1f\x8b\x08\x10\0\0\0\0\0\xff"
_SEAL_SIZE = len(_seal(hashlib.sha256()))


def remove_half_done() -> None:
    """Remove what an interrupted import left; the caller has the import's lock. Raises ``OSError``."""
    areas.archive().remove_half_done(_OURS)


def expire() -> int:
    """Remove what an interrupted import left, and the archives that no run of the last ``ARCHIVE_DAYS`` days names.

    Files that are not ours stay; return how many archives went. Only one import at a time may call this or ``keep``.
    """
    gone = 0
    try:
        remove_half_done()
        for archived in list(_old()):
            archived.remove()
            gone += 1
    except (OSError, Error):
        logger.exception("Old archives in %s could not be removed", areas.archive().label())
    return gone


def count_old() -> int:
    """Return how many archives ``expire`` would remove."""
    return sum(1 for _archived in _old())


def _old() -> Iterator[StoredFile]:
    """Yield the archives that are kept no longer."""
    named = _named_recently()
    if named is not None:
        yield from (one for one in all_archives() if one.own_name.removesuffix(_ENDING) not in named)


def _named_recently() -> set[str] | None:
    """Return the hashes that runs of the last ``ARCHIVE_DAYS`` days name; None where archives are kept for ever."""
    if not settings.ARCHIVE_DAYS:
        return None
    since = timezone.now() - timedelta(days=settings.ARCHIVE_DAYS)
    return set(ImportRun.objects.filter(started_at__gte=since).values_list("sha256", flat=True))
