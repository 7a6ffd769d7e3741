"""Shared files in a bucket, below the name of their area: read as streams, and written as a whole."""

import io
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from django.core.files import File
from django.core.files.storage import storages
from django.utils import timezone

from customers.core.files import create_file
from customers.core.leftovers import temporary_folder
from customers.core.storage.answers import NotThere, told
from customers.core.storage.area import Area, StorageUnavailable
from customers.core.storage.ranged import RangedFile, Stream
from customers.core.storage.s3 import SharedBucket

logger = logging.getLogger(__name__)

_BUFFER = 256 * 1024
_LEFT_AFTER = timedelta(days=1)
"""No upload goes on for so long."""


class Bucket(Area):
    """Files below a name in a bucket. What is begun and not ended there is seen by nobody."""

    seconds_between_notes = 5.0

    def __init__(self, name: str, alias: str) -> None:
        self._storage, self._name = cast(SharedBucket, storages[alias]), name

    def open(self, name: str) -> BinaryIO:
        size, state = self._head(name)

        def fetch(position: int) -> Stream:
            wanted = {"Range": f"bytes={position}-", "IfMatch": state}
            found: Stream = self._storage.connection.meta.client.get_object(**self._object(name), **wanted)["Body"]
            return found

        return io.BufferedReader(RangedFile(fetch, size, self._place), _BUFFER)

    @contextmanager
    def new_file(self, name: str) -> Iterator[BinaryIO]:
        with tempfile.TemporaryFile() as file:
            yield file
            self._put(name, file)

    @contextmanager
    def new_folder(self, name: str) -> Iterator[Path]:
        with temporary_folder() as parent:
            folder = parent / PurePosixPath(name).name
            folder.mkdir(mode=0o700)
            yield folder
            self.remove_folder(name)
            try:
                for path in sorted(folder.iterdir()):
                    with path.open("rb") as file:
                        self._put(f"{name}/{path.name}", file)
            except BaseException:
                with suppress(OSError):
                    self.remove_folder(name)
                raise

    @contextmanager
    def local(self, name: str, first_bytes: int | None = None) -> Iterator[Path]:
        with temporary_folder() as folder:
            path = folder / PurePosixPath(name).name
            with suppress(NotThere), self.open(name) as source, create_file(path, 0o600) as target:
                if first_bytes is None:
                    shutil.copyfileobj(source, target, _BUFFER)
                else:
                    target.write(source.read(first_bytes))
            yield path

    def note(self, name: str, data: bytes) -> None:
        with self._told():
            self._storage.connection.meta.client.put_object(**self._object(name), Body=data)

    def size(self, name: str) -> int | None:
        with suppress(NotThere):
            return self._head(name)[0]
        return None

    def names(self, pattern: str) -> Iterator[str]:
        for name, _changed in self._listed():
            if name.count("/") == pattern.count("/") and fnmatchcase(name, pattern):
                yield name

    def entries(self) -> Iterator[tuple[str, float]]:
        found: dict[str, float] = {}
        for name, changed in self._listed():
            first = name.partition("/")[0]
            found[first] = max(found.get(first, 0.0), changed)
        yield from found.items()

    def remove(self, name: str) -> None:
        with self._told():
            self._storage.delete(f"{self._name}/{name}")

    def remove_folder(self, name: str) -> None:
        for below, _changed in list(self._listed(f"{name}/")):
            self.remove(below)

    def remove_half_done(self, pattern: str) -> None:
        """Give up uploads to the bucket that a killed process has not ended: their parts are stored, and unseen."""
        try:
            with self._told():
                self._give_up_old_uploads()
        except StorageUnavailable as error:
            logger.warning("Uploads that were not ended stay, unless a rule of the bucket ends them: %s", error)

    def check(self) -> None:
        self.note(".writable", b"")
        self.remove(".writable")

    def label(self, name: str = "") -> str:
        return f"s3://{self._storage.bucket_name}/{self._key(name)}".rstrip("/")

    @property
    def _place(self) -> str:
        return f"s3://{self._storage.bucket_name}"

    def _told(self) -> AbstractContextManager[None]:
        return told(self._place)

    def _key(self, name: str) -> str:
        return "/".join(filter(None, (self._storage.location, self._name))) + f"/{name}"

    def _object(self, name: str) -> dict[str, str]:
        return {"Bucket": self._storage.bucket_name, "Key": self._key(name)}

    def _head(self, name: str) -> tuple[int, str]:
        """Ask for an object's size and state. Raises ``NotThere``; where the whole bucket is gone, the other error."""
        try:
            with self._told():
                found = self._storage.connection.meta.client.head_object(**self._object(name))
                return int(found["ContentLength"]), str(found["ETag"])
        except NotThere:
            try:
                with self._told():
                    self._storage.connection.meta.client.head_bucket(Bucket=self._storage.bucket_name)
            except NotThere:
                raise StorageUnavailable(f"{self._place}: there is no such bucket") from None
            raise

    def _put(self, name: str, file: BinaryIO) -> None:
        file.flush()
        file.seek(0)
        with self._told():
            self._storage.save(f"{self._name}/{name}", File(file))

    def _listed(self, prefix: str = "") -> Iterator[tuple[str, float]]:
        """Yield the names that begin so, each with the second of its last change."""
        of_area = self._key("")
        with self._told():
            pages = self._storage.connection.meta.client.get_paginator("list_objects_v2").paginate(
                Bucket=self._storage.bucket_name, Prefix=of_area + prefix
            )
            for page in pages:
                for one in page.get("Contents", ()):
                    yield one["Key"].removeprefix(of_area), one["LastModified"].timestamp()

    def _give_up_old_uploads(self) -> None:
        bucket = self._storage.bucket_name
        pages = self._storage.connection.meta.client.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket, Prefix=self._key("")
        )
        begun = [one for page in pages for one in page.get("Uploads", ())]
        for one in begun:
            if one["Initiated"] < timezone.now() - _LEFT_AFTER:
                self._storage.connection.meta.client.abort_multipart_upload(
                    Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"]
                )
                logger.info("Gave up an upload that a killed process had begun: %s", one["Key"])
