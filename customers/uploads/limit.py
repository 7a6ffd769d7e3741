"""How much may be uploaded: what is more is passed over as it arrives, and kept nowhere."""

import tempfile
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, TemporaryFileUploadHandler

_FORM_BYTES = 64 * 1024
"""What a form has besides its file, at most."""


class NamelessFile(TemporaryFileUploadHandler):
    """Keeps a large file on the disk without a name, so that nothing is left of it, however the process ends."""

    def new_file(self, *arguments: Any, **named: Any) -> None:
        """Make the file."""
        # Not the parent's own, which has a name.
        FileUploadHandler.new_file(self, *arguments, **named)
        temporary = tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115 - the request closes it
        self.file = UploadedFile(temporary, self.file_name, self.content_type, 0, self.charset)


class UploadLimit(FileUploadHandler):
    """Lets files pass up to ``UPLOAD_MAX_MB``; for a larger one it notes its size in the request instead."""

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *_rest: Any) -> None:
        """Look at how much is announced."""
        self.announced = content_length
        self.limit = settings.UPLOAD_MAX_MB * 2**20

    def new_file(self, *arguments: Any, **named: Any) -> None:
        """Pass over a file that will be too large anyway."""
        super().new_file(*arguments, **named)
        self.received = 0
        if self.announced > self.limit + _FORM_BYTES:
            self._refuse()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Count, and pass the piece on."""
        self.received += len(raw_data)
        if self.received > self.limit:
            self._refuse()
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The next handler makes the file."""

    def _refuse(self) -> None:
        self.request.refused_bytes = max(self.announced, self.received)
        raise SkipFile


def too_large(request: Any) -> str:
    """What to tell about a file that was passed over; '' where there was none."""
    size = getattr(request, "refused_bytes", 0)
    if not size:
        return ""
    return (
        f"The file has {size / 2**20:.1f} MB; up to {settings.UPLOAD_MAX_MB} MB can be uploaded here. "
        "Ask the operator to put it into the drop folder, for the night or for import_csvs, which takes any size."
    )
