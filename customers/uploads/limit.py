"""The limit of an upload's size: what is larger is dropped as it arrives, and stored nowhere."""

import tempfile
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, TemporaryFileUploadHandler
from django.http import HttpRequest

from customers.text.say import say
from customers.text.written import decimals

_FORM_BYTES = 64 * 1024
"""The bytes that a form has besides its file, at most."""


class NamelessFile(TemporaryFileUploadHandler):
    """Stores a large file on the disk without a name: nothing of it outlives the process."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Make the file, unlike the parent class without a name."""
        FileUploadHandler.new_file(self, *args, **kwargs)
        temporary = tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115 - the request closes it
        file = UploadedFile(temporary, self.file_name, self.content_type, 0, self.charset)
        self.file = file  # type: ignore[assignment]  # Django's own has a name


class UploadLimit(FileUploadHandler):
    """Lets files pass up to ``UPLOAD_MAX_MB``; drops a larger one, and keeps its size as ``refused_bytes``."""

    refused_bytes = 0

    def handle_raw_input(self, input_data: object, META: object, content_length: int, *_rest: object) -> None:
        """Note how much the request announces."""
        self.announced = content_length
        self.limit = settings.UPLOAD_MAX_MB * 2**20

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Drop a file at once that is announced as too large."""
        super().new_file(*args, **kwargs)
        self.received = 0
        if self.announced > self.limit + _FORM_BYTES:
            self._refuse()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Count the bytes, and pass them on."""
        self.received += len(raw_data)
        if self.received > self.limit:
            self._refuse()
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave it to the next handler to make the file."""

    def _refuse(self) -> None:
        self.refused_bytes = max(self.announced, self.received)
        raise SkipFile


def too_large(request: HttpRequest) -> str:
    """Return what to tell about a file that was dropped; '' where none was."""
    size = max((one.refused_bytes for one in request.upload_handlers if isinstance(one, UploadLimit)), default=0)
    if not size:
        return ""
    return say(
        "The file has {size} MB; up to {most} MB can be uploaded here. Ask the operator to put it into the drop "
        "folder, for the nightly run or import_csvs, which takes any size.",
        size=decimals(size / 2**20, 1),
        most=str(settings.UPLOAD_MAX_MB),
    )
