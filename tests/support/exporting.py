"""Exports the metrics, and reads the archive."""

import zipfile
from pathlib import Path

from tests.support.commands import Ran, run

NAME = "rsolv_metrics_2025-05-10.zip"


def export(folder: Path, *arguments: str) -> Ran:
    """Export into a folder, by the command."""
    return run("export_metrics", "--out", folder, *arguments)


def members(path: Path) -> dict[str, bytes]:
    """The files of an archive, by name."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}
