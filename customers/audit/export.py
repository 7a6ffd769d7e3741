"""The audit as a file, and how any export is told to the audit."""

import json
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.timezone import localtime

from customers.audit.trail import Action, record
from customers.feeds.exports import write_csv
from customers.feeds.manifest import GENERATOR, MANIFEST
from customers.models.audit import AuditEntry

CSV_NAME = "audit.csv"
COLUMNS = (
    "when",
    "who",
    "action",
    "kind",
    "key",
    "what",
    "customer",
    "details",
    "from where",
    "IP address",
    "request",
)
CHUNK = 2_000


def record_export(request: HttpRequest, what: str, rows: int) -> None:
    """Note in the audit that rows of a list leave the house, and how the list was narrowed."""
    record(Action.EXPORT, what, detail=f"{rows} rows\nfilters: {request.GET.urlencode() or 'none'}")


def write_audit(file: IO[bytes], entries: QuerySet[AuditEntry], request: HttpRequest) -> int:
    """Write a ZIP of the CSV, each cell safe for spreadsheets, and a manifest; return how many entries it has."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(CSV_NAME, "w", force_zip64=True) as member:
            written = write_csv(member, COLUMNS, _rows(entries))
        manifest: dict[str, Any] = {
            "generator": GENERATOR,
            "exported_at": timezone.localtime().isoformat(timespec="seconds"),
            "exported_by": request.user.get_username(),
            "filters": [{"filter": name, "value": value} for name, value in request.GET.items()],
            "files": {CSV_NAME: {"rows": written.rows, "sha256": written.sha256}},
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return written.rows


def _rows(entries: QuerySet[AuditEntry]) -> Iterator[list[str]]:
    for one in entries.iterator(chunk_size=CHUNK):
        yield [
            localtime(one.at).isoformat(timespec="seconds"),
            one.actor,
            one.get_action_display(),
            one.model,
            one.key,
            one.subject,
            one.customer,
            one.text,
            one.source,
            one.address or "",
            one.request,
        ]
