"""A file for whatever loads files: a ZIP with the changed rows as CSV, and a manifest that vouches for them."""

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence

from analytics.crm.interface import CrmRow, CrmUnavailable, JobState, RowOutcome, RowResult, refuse_foreign
from analytics.models import Push
from analytics.models.outgoing.pushes import CSV_NAME
from customers.core.storage import areas
from customers.core.storage.area import StoredFile
from customers.feeds.exports import write_csv
from customers.feeds.manifest import GENERATOR, MANIFEST
from customers.text.say import english


def file_of(push: Push) -> StoredFile:
    """Return the file that a push writes."""
    return StoredFile(areas.exports(), push.file_name)


class ChangedRows:
    """Writes all rows of a push into one file, which is there as a whole or not at all."""

    record_every = None

    def __init__(self, push: Push) -> None:
        self._push = push

    def check(self) -> list[str]:
        """Return nothing: whether the folder can be written, writing tells."""
        return []

    def read(self, keys: Iterable[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Return nothing: nobody knows what is where the file goes, so what fills a field is always in it."""
        return {}

    def push(self, rows: Iterable[CrmRow], state: JobState) -> Iterator[RowResult]:
        """Write the file, or after a kill the same one again; then every row has arrived."""
        written = list(rows)
        try:
            self._write(written)
            # Who was erased meanwhile is in no file; who is erased from here on is taken out of the one that is there.
            while len(left := self._still_there(written)) < len(written):
                written = left
                self._write(written)
        except OSError as error:
            where = areas.exports().label()
            raise CrmUnavailable(english(f"{where} cannot be written: {error.strerror or error}.")) from error
        for row in written:
            yield RowResult(row.key, RowOutcome.UPDATED)

    def _still_there(self, rows: Sequence[CrmRow]) -> list[CrmRow]:
        there = set(self._push.rows.values_list("customer", flat=True))
        return [row for row in rows if row.customer in there]

    def _write(self, rows: Sequence[CrmRow]) -> None:
        push, destination = self._push, self._push.destination
        names = [destination.match_key, *sorted({name for row in rows for name in row.values})]
        refuse_foreign(destination.prefix, names)
        with file_of(push).new() as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open(CSV_NAME, "w", force_zip64=True) as member:
                cells = ([row.key, *(row.values.get(name, "") for name in names[1:])] for row in rows)
                written = write_csv(member, names, cells, for_people=False)
            archive.writestr(MANIFEST, self._manifest(written.rows, written.sha256))

    def _manifest(self, rows: int, sha256: str) -> str:
        push = self._push
        manifest = {
            "generator": GENERATOR,
            "destination": push.destination.name,
            "push": push.pk,
            "undoes": push.undoes_id,
            "as_of": push.as_of.isoformat(),
            "customers": push.total,
            "unchanged": push.unchanged,
            "held_back": push.held_back,
            "files": {CSV_NAME: {"rows": rows, "sha256": sha256}},
        }
        return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
