"""Take erased customers out of the files of changed rows that pushes have written, whoever loads them."""

import csv
import json
import os
import zipfile
from io import BytesIO, TextIOWrapper
from pathlib import Path

from django.conf import settings
from django.utils.crypto import RANDOM_STRING_CHARS, get_random_string

from analytics.models.outgoing.pushes import CHANGED_ROWS, CSV_NAME
from customers.archive.erased import Ids
from customers.core.leftovers import EXPORT, half_done
from customers.feeds.exports import write_csv
from customers.feeds.manifest import MANIFEST
from customers.text.cells import plain_cell


def redact_changed_rows(ids: Ids, **_signal: object) -> int:
    """Rewrite the files that have a row of an erased customer without it; return how many. Receives ``files_erased``.

    The first cell of a row is our customer id. The manifest vouches for what is left, and counts what is gone.
    """
    folder = Path(settings.EXPORT_DIR)
    found = sorted(folder.glob(f"{CHANGED_ROWS}_*.zip")) if folder.is_dir() else []
    return sum(_redact(path, ids) for path in found)


def _redact(path: Path, ids: Ids) -> bool:
    try:
        with zipfile.ZipFile(BytesIO(path.read_bytes())) as archive:
            text = TextIOWrapper(BytesIO(archive.read(CSV_NAME)), encoding="utf-8", newline="")
            header, *rows = list(csv.reader(text))
            manifest = json.loads(archive.read(MANIFEST))
    except (zipfile.BadZipFile, KeyError, ValueError):
        # Whatever it is, it is none of ours.
        return False
    plain = [[plain_cell(cell) for cell in row] for row in rows]
    kept = [row for row in plain if row[0] not in ids]
    if len(kept) == len(rows):
        return False
    temporary = path.parent / f"{EXPORT}{get_random_string(8, RANDOM_STRING_CHARS.lower())}"
    with half_done(temporary, path, 0o600) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open(CSV_NAME, "w", force_zip64=True) as member:
                written = write_csv(member, header, kept, for_people=False)
            manifest["files"] = {CSV_NAME: {"rows": written.rows, "sha256": written.sha256}}
            manifest["erased"] = manifest.get("erased", 0) + len(rows) - len(kept)
            archive.writestr(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        os.fchmod(file.fileno(), 0o640)
    return True
