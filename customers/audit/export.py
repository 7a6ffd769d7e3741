"""The audit as a file, and how any export is told to the audit."""

import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest
from django.utils import timezone
from django.utils.timezone import localtime

from customers.audit.trail import Action, record
from customers.core.limits import FETCH_SIZE, SPOOL_MAX_SIZE
from customers.core.sql import read_snapshot
from customers.feeds.exports import write_csv
from customers.feeds.manifest import GENERATOR, MANIFEST
from customers.models import AuditEntry
from customers.text.counts import counts_in_words
from customers.text.say import english, in_english

CSV_NAME = "audit.csv"
_VALUES: dict[str, Callable[[AuditEntry], str]] = {
    "when": lambda one: localtime(one.at).isoformat(timespec="seconds"),
    "who": lambda one: one.actor,
    "action": lambda one: one.get_action_display(),
    "kind": lambda one: one.model,
    "key": lambda one: one.key,
    "what": lambda one: one.subject,
    "customer": lambda one: one.customer,
    "details": lambda one: one.text,
    english("from where"): lambda one: one.source,
    english("IP address"): lambda one: one.address or "",
    "request": lambda one: one.request,
}
COLUMNS = tuple(_VALUES)


@dataclass(frozen=True)
class Export:
    """A file that is exported: its name, and what the audit says of it."""

    file_name: str
    subject: str
    detail: str

    def record(self) -> None:
        """Write the entry in the audit."""
        record(Action.EXPORT, self.subject, detail=self.detail)


def export_response(write: Callable[[IO[bytes]], Export]) -> FileResponse:
    """Answer with the file that ``write`` writes, and record it; where ``write`` raises, nothing is recorded.

    Its words are a contract with whoever reads the file, so they are English whoever asks.
    """
    file = tempfile.SpooledTemporaryFile(max_size=SPOOL_MAX_SIZE)  # noqa: SIM115 - the response closes it
    try:
        with in_english():
            export = write(file)
            export.record()
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=export.file_name)


def record_export(request: HttpRequest, what: str, rows: int) -> None:
    """Record that rows of a list are exported, and how the list was narrowed."""
    with in_english():
        record(Action.EXPORT, what, detail=_detail(request, rows))


def export_audit(file: IO[bytes], entries: QuerySet[AuditEntry], request: HttpRequest) -> Export:
    """Write the audit's ZIP, and describe it."""
    rows = write_audit(file, entries, request)
    return Export(f"audit_{timezone.localdate()}.zip", "audit", _detail(request, rows))


def _detail(request: HttpRequest, rows: int) -> str:
    return english(f"{counts_in_words({'rows': rows})}\nfilters: {request.GET.urlencode() or 'none'}")


def write_audit(file: IO[bytes], entries: QuerySet[AuditEntry], request: HttpRequest) -> int:
    """Write a ZIP of the CSV, each cell safe for spreadsheets, and a manifest; return how many entries it has."""
    with read_snapshot(), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(CSV_NAME, "w", force_zip64=True) as member:
            written = write_csv(member, COLUMNS, _rows(entries))
        manifest: dict[str, object] = {
            "generator": GENERATOR,
            "exported_at": timezone.localtime().isoformat(timespec="seconds"),
            "exported_by": request.user.get_username(),
            "filters": [{"filter": name, "value": value} for name, value in request.GET.items()],
            "files": {CSV_NAME: {"rows": written.rows, "sha256": written.sha256}},
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return written.rows


def _rows(entries: QuerySet[AuditEntry]) -> Iterator[list[str]]:
    for one in entries.iterator(chunk_size=FETCH_SIZE):
        yield [value(one) for value in _VALUES.values()]
