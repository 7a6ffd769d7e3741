"""The manifest that our exports carry, and how the reader knows their files again."""

import hashlib
import json
from pathlib import Path

MANIFEST = "manifest.json"
GENERATOR = "rsolv-customer-success"
MOST_BYTES = 1024 * 1024


def vouches_for(path: Path) -> bool | None:
    """Whether the manifest beside a file names it with its very bytes; None where it does not name it at all."""
    beside = path.parent / MANIFEST
    try:
        # A named pipe would wait for its writer for ever, and a manifest is short.
        if not (path.is_file() and beside.is_file() and beside.stat().st_size <= MOST_BYTES):
            return None
        manifest = json.loads(beside.read_bytes())
        if manifest["generator"] != GENERATOR:
            return None
        expected = manifest["files"][path.name]["sha256"]
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == expected
    except (OSError, ValueError, KeyError, TypeError):
        return None
