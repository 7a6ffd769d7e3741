"""Every imported file, gzipped under its SHA-256, so that any line of any run can be looked up.

Of a file with rows of erased customers those are blanked out: it says so at its end, and is another file than its
SHA-256 tells.
"""

import gzip
import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import Error
from django.utils import timezone

from customers.archive import redact
from customers.archive.erased import ErasedIds, Ids
from customers.core import files
from customers.feeds import unpacked
from customers.models import ImportRun
from customers.text.say import english

logger = logging.getLogger(__name__)

CHUNK = 256 * 1024
_ENDING = ".csv.gz"
_HALF_DONE = ".partial"
_REDACTED = b"redacted:"
_NAME = re.compile(rf"([0-9a-f]{{64}}){re.escape(_ENDING)}({re.escape(_HALF_DONE)})?")


def path_of(sha256: str) -> Path:
    """Return where the file with this hash is kept, or would be."""
    return Path(settings.ARCHIVE_DIR) / sha256[:2] / f"{sha256}{_ENDING}"


def find(run: ImportRun) -> Path | None:
    """Return the archive of the file that a run read; None where it was not or is no longer kept."""
    if not run.sha256:
        return None
    archived = path_of(run.sha256)
    return archived if files.is_file(archived) else None


def store(path: Path, run: ImportRun, goes_on: ImportRun | None = None, erased: set[str] | None = None) -> str:
    """Archive the very bytes that the run names by their SHA-256.

    What hinders that becomes a warning of the run, and is returned; '' where nothing does.

    What is kept already is not written again. The file of ``goes_on`` is the beginning of this one, if given: its
    archive is then copied as it is, and only the rest is compressed. The records of the customers ``erased`` are
    blanked out; None is for whoever was erased, as far as the file names them.
    """
    try:
        archived = path_of(run.sha256)
        if erased is None:
            erased = _erased_in(path)
        if files.is_file(archived):
            if erased:
                redact_file(archived, erased)
            return ""
        if _copy_without(path, archived, run.sha256, erased) if erased else _copy(path, archived, run.sha256, goes_on):
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


def _copy(path: Path, archived: Path, sha256: str, goes_on: ImportRun | None) -> bool:
    """Compress the file to its place, all or nothing; false where its hash turns out to be another one."""
    archived.parent.mkdir(parents=True, exist_ok=True)
    partial = archived.with_name(archived.name + _HALF_DONE)
    digest = hashlib.sha256()
    try:
        with files.open_file(path) as source, files.create_file(partial) as file:
            target = _ChecksummedGzip(file)
            if goes_on and target.begin_with(path_of(goes_on.sha256)):
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
            files.move(partial, archived)
            return True
        return False
    finally:
        files.remove(partial)


def _erased_in(path: Path) -> set[str]:
    """Return which erased customers a file names that was not loaded; it may be anything."""
    erased = ErasedIds()
    return redact.ids_in(path, unpacked.layers_of(path), erased) if erased else set()


def _copy_without(path: Path, archived: Path, sha256: str, ids: set[str]) -> bool:
    """Compress the file to its place without the records of these customers; false where it has changed meanwhile."""
    layers, before = unpacked.layers_of(path), _state_of(path)

    def is_the_same() -> bool:
        with files.open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256 and _state_of(path) == before

    gone = _write_without(path, layers, layers, archived, ids, lambda gone: gone > 0 and is_the_same())
    return files.is_file(archived) if gone else _copy(path, archived, sha256, None)


def _state_of(path: Path) -> tuple[int, ...]:
    now = path.lstat()
    return now.st_size, now.st_mtime_ns, now.st_ino


def redact_file(archived: Path, ids: Ids) -> bool:
    """Blank out the records of these customers in an archived file; return whether there were any.

    A file that names them and cannot be read as CSV goes as a whole. Raises ``OSError``; what lies there is either the
    old file or the new one, whenever this is interrupted.
    """
    try:
        layers = unpacked.layers_of(archived)
        found = redact.ids_in(archived, layers, ids)
        return bool(found) and _write_without(archived, layers, layers - 1, archived, found, bool) > 0
    except unpacked.Unreadable:
        files.remove(archived)
        return True


def _write_without(
    path: Path, layers: int, layers_then: int, archived: Path, ids: set[str], accept: Callable[[int], bool]
) -> int:
    """Write an archived file (of contents gzipped ``layers_then`` times) without the records of these customers.

    Return how many went; it comes to its place all or nothing, if ``accept`` says so of their number.
    """
    archived.parent.mkdir(parents=True, exist_ok=True)
    partial = archived.with_name(archived.name + _HALF_DONE)
    try:
        with files.create_file(partial) as file:
            target = _ChecksummedGzip(file, _REDACTED)
            with ExitStack() as opened:
                packed: _ChecksummedGzip | gzip.GzipFile = target
                for _layer in range(1 + layers_then):
                    gzipped = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=packed, mtime=0)
                    packed = opened.enter_context(gzipped)
                gone = redact.redact(path, layers, ids, packed.write)
            target.seal()
            file.flush()
            os.fsync(file.fileno())
        if accept(gone):
            files.move(partial, archived)
        return gone
    finally:
        files.remove(partial)


def is_redacted(archived: Path) -> bool:
    """Return whether records of erased customers were blanked out in an archived file."""
    with files.open_file(archived) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(size - len(_seal(hashlib.sha256(), _REDACTED)), 0))
        return file.read(_SEAL_SIZE).startswith(_SEAL_HEAD + _REDACTED)


def all_archives() -> Iterator[Path]:
    """Return all files that are kept."""
    return (path for path in _ours() if path.name.endswith(_ENDING) and files.is_file(path))


def _ours() -> Iterator[Path]:
    """Yield what has one of our names, whole or half done, in our folders; never what a link leads to."""
    for folder in Path(settings.ARCHIVE_DIR).glob("[0-9a-f][0-9a-f]"):
        if not folder.is_symlink() and folder.is_dir():
            yield from (path for path in folder.iterdir() if _NAME.fullmatch(path.name))


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

    def begin_with(self, other: Path) -> bool:
        """Copy another such file without its seal; false, and nothing is copied, where that is gone or damaged."""
        digest = hashlib.sha256()
        try:
            with files.open_file(other) as source:
                for chunk in _before_seal(source):
                    digest.update(chunk)
                if source.read() != _seal(digest):
                    return False
        except OSError:
            return False
        with files.open_file(other) as source:
            for chunk in _before_seal(source):
                self.write(chunk)
        return True

    def seal(self) -> None:
        """End the file."""
        self._file.write(_seal(self._digest, self._word))

    def flush(self) -> None:
        """Do nothing, as nothing is held back here; gzip asks for it."""


def _seal(digest: "hashlib._Hash", word: bytes = b"") -> bytes:
    comment = word + digest.hexdigest().encode() + b"\0"
    return _SEAL_HEAD + comment + b"\3\0" + bytes(8)


_SEAL_HEAD = b"\x1f\x8b\x08\x10\0\0\0\0\0\xff"
_SEAL_SIZE = len(_seal(hashlib.sha256()))


def _before_seal(file: BinaryIO) -> Iterator[bytes]:
    left = os.fstat(file.fileno()).st_size - _SEAL_SIZE
    while left > 0 and (chunk := file.read(min(left, CHUNK))):
        yield chunk
        left -= len(chunk)


def remove_half_done() -> None:
    """Remove what an interrupted import left; the caller has the import's lock. Raises ``OSError``."""
    for path in list(_ours()):
        if path.name.endswith(_HALF_DONE):
            files.remove(path)


def expire() -> int:
    """Remove what an interrupted import left, and the archives that no run of the last ``ARCHIVE_DAYS`` days names.

    Files that are not ours stay; return how many archives went. Only one import at a time may call this or ``keep``.
    """
    gone = 0
    folder = Path(settings.ARCHIVE_DIR)
    try:
        old = set(_old())
        for path in list(_ours()):
            if path in old or path.name.endswith(_HALF_DONE):
                files.remove(path)
                gone += path in old
    except (OSError, Error):
        logger.exception("Old archives in %s could not be removed", folder)
    return gone


def count_old() -> int:
    """Return how many archives ``expire`` would remove."""
    return sum(1 for _path in _old())


def _old() -> Iterator[Path]:
    """Yield the archives that are kept no longer."""
    named = _named_recently()
    if named is not None:
        yield from (path for path in all_archives() if path.name.removesuffix(_ENDING) not in named)


def _named_recently() -> set[str] | None:
    """Return the hashes that runs of the last ``ARCHIVE_DAYS`` days name; None where archives are kept for ever."""
    if not settings.ARCHIVE_DAYS:
        return None
    since = timezone.now() - timedelta(days=settings.ARCHIVE_DAYS)
    return set(ImportRun.objects.filter(started_at__gte=since).values_list("sha256", flat=True))
