"""The areas of files that all web processes and machines share, and whether they can be written.

Each lies in the folder of its setting, or all in one bucket. What else is written to the disk is of one machine alone:
docs/operations.md lists it.
"""

import time
from pathlib import Path

from django.conf import settings

from customers.core.storage.area import Area
from customers.core.storage.folder import ExportFolder, Folder

SHARED = "shared"
"""The name of the bucket among Django's ``STORAGES``, where there is one."""
_KEPT_SECONDS = 30.0
_found: dict[str, tuple[float, str]] = {}


def archive() -> Area:
    """Return the archive of imported files, and the note of how far an import has read."""
    return _bucket("archive") or Folder(Path(settings.ARCHIVE_DIR))


def uploads() -> Area:
    """Return where uploads wait for a decision, a folder each."""
    return _bucket("uploads") or Folder(Path(settings.UPLOAD_DIR))


def exports() -> Area:
    """Return where exports lie, and the files of pushes, for programs to fetch."""
    return _bucket("exports") or ExportFolder(Path(settings.EXPORT_DIR))


def problem() -> str:
    """Return what keeps an area from being written, as it was found within the last half minute; '' where nothing."""
    areas = [archive(), uploads(), exports()]
    # Of a bucket one can be written where another can.
    places = {area.label(): area for area in (areas[:1] if SHARED in settings.STORAGES else areas)}
    return "; ".join(filter(None, (_problem_of(label, area) for label, area in places.items())))


def _problem_of(label: str, area: Area) -> str:
    until, problem = _found.get(label, (0.0, ""))
    if time.monotonic() >= until:
        try:
            area.check()
            problem = ""
        except OSError as error:
            problem = f"{label}: {error.strerror or error}"
        _found[label] = time.monotonic() + _KEPT_SECONDS, problem
    return problem


def _bucket(name: str) -> Area | None:
    """Return the area of the bucket; None where there is none, whose packages are then not needed."""
    if SHARED not in settings.STORAGES:
        return None
    from customers.core.storage.bucket import Bucket

    return Bucket(name, SHARED)
