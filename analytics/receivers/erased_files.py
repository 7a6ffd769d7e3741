"""Take erased customers out of the files of changed rows that pushes have written, whoever loads them."""

import csv
import json
import zipfile
from io import BytesIO, TextIOWrapper

from analytics.models.outgoing.pushes import CHANGED_ROWS, CSV_NAME
from customers.archive.erased import Ids
from customers.core.storage import areas
from customers.core.storage.area import StoredFile
from customers.feeds.exports import write_csv
from customers.feeds.manifest import MANIFEST
from customers.text.cells import plain_cell


def redact_changed_rows(ids: Ids, **_signal: object) -> int:
    """Rewrite the files that have a row of an erased customer without it; return how many. Receives ``files_erased``.

    The first cell of a row is our customer id. The manifest vouches for what is left, and counts what is gone.
    """
    area = areas.exports()
    found = sorted(area.names(f"{CHANGED_ROWS}_*.zip"))
    return sum(_redact(StoredFile(area, name), ids) for name in found)


def _redact(stored: StoredFile, ids: Ids) -> bool:
    try:
        with stored.open() as file, zipfile.ZipFile(BytesIO(file.read())) as archive:
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
    with stored.new() as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(CSV_NAME, "w", force_zip64=True) as member:
            written = write_csv(member, header, kept, for_people=False)
        manifest["files"] = {CSV_NAME: {"rows": written.rows, "sha256": written.sha256}}
        manifest["erased"] = manifest.get("erased", 0) + len(rows) - len(kept)
        archive.writestr(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return True
