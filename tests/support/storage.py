"""Shared files, where a test looks at them past the code."""

from pathlib import Path

from customers.core.storage import areas
from customers.core.storage.area import StoredFile
from customers.core.storage.folder import Folder
from customers.models import Upload
from customers.uploads import store


def on_disk(stored: StoredFile | None) -> Path:
    """Where a file lies, or would, in the folder of its area."""
    assert stored
    assert isinstance(stored.area, Folder)
    return stored.area.path_of(stored.name)


def upload_on_disk(upload: Upload) -> Path:
    """The file of an upload that the loader reads."""
    return on_disk(store.stored_file(upload))


def upload_folder_on_disk(upload: Upload) -> Path:
    """The folder of an upload."""
    return on_disk(StoredFile(areas.uploads(), upload.folder))
