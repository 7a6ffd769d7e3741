"""What a draft would change as a file: everybody who is scored, the worst first."""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from django.utils import timezone

from analytics.models import ExportFormat, ScoringPolicy
from analytics.policy_lab.changes import News, PolicyChanges
from analytics.policy_lab.moves import Standing
from analytics.scoring.components import COMPONENTS
from analytics.wording import counted
from customers.audit.export import Export
from customers.feeds.cell_types import to_cell
from customers.feeds.exports import write_csv
from customers.feeds.manifest import GENERATOR, MANIFEST
from customers.models import Customer
from customers.text.say import english
from customers.text.written import day as written_day
from customers.workbooks.writer import Cell, write_workbook

CSV_NAME = "policy_preview.csv"
_SIDES = ("before", "after")
_NEWS = ("alerts_opened", "alerts_closed", "actions_added", "actions_dropped")
HEADER = [
    "customer_id",
    "organization",
    *(f"status_{side}" for side in _SIDES),
    *(f"score_{side}" for side in _SIDES),
    "score_change",
    *(f"{component.name}_{side}" for component in COMPONENTS for side in _SIDES),
    *_NEWS,
    *(f"scoring_policy_{side}" for side in _SIDES),
    "alerts_worse",
]


@dataclass(frozen=True)
class ChangesExport:
    """What a draft would change, to be written as a file."""

    draft: ScoringPolicy
    changes: PolicyChanges
    exported_by: str

    def rows(self) -> Iterator[list[Cell]]:
        """Yield everybody, as numbers and texts."""
        found = self.changes
        names = dict(Customer.objects.order_by().values_list("pk", "organization"))
        worse = _words(found.worse)
        news = [_words(some) for some in (found.opened, found.closed, found.added, found.dropped)]
        for move in found.moves.all():
            sides = (move.before, move.after)
            yield [
                move.customer,
                names.get(move.customer, ""),
                *(side.status.value for side in sides),
                *(side.score for side in sides),
                move.change,
                *_points(*sides),
                *(words.get(move.customer, "") for words in news),
                *(side.policy for side in sides),
                worse.get(move.customer, ""),
            ]

    def write(self, format: ExportFormat, file: IO[bytes]) -> None:
        """Write the file; raises ``TooLarge``."""
        _WRITERS[format](self, file)

    def write_csv(self, file: IO[bytes]) -> None:
        """Write a ZIP of the CSV and a manifest, so that the CSV holds nothing but its rows."""
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open(CSV_NAME, "w", force_zip64=True) as member:
                written = write_csv(member, HEADER, ([to_cell(cell) for cell in row] for row in self.rows()))
            manifest: dict[str, object] = {
                "generator": GENERATOR,
                **{label.lower().replace(" ", "_"): to_cell(value) for label, value in self._about()},
                "columns": HEADER,
                "files": {CSV_NAME: {"rows": written.rows, "sha256": written.sha256}},
            }
            archive.writestr(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")

    def write_xlsx(self, file: IO[bytes]) -> None:
        """Write a workbook whose second sheet says what the first one holds; raises ``TooLarge``."""
        about = [*self._about(), (english("Made by"), GENERATOR)]
        write_workbook(file, about, english("Preview"), HEADER, self.rows(), len(self.changes.moves))

    def _about(self) -> list[tuple[str, Cell]]:
        return [
            (english("Draft"), self.draft.name),
            (english("As of"), self.changes.day),
            (english("Customers"), len(self.changes.moves)),
            (english("Change status"), self.changes.moves.status_moves),
            (english("Digest"), self.changes.digest),
            (english("Exported at"), timezone.localtime().isoformat(timespec="seconds")),
            (english("Exported by"), self.exported_by),
        ]

    def described(self, format: ExportFormat) -> Export:
        """Describe the written file for its download and the audit."""
        detail = english(f"{counted(len(self.changes.moves), 'customer')} as of {written_day(self.changes.day)}")
        name = f"policy_preview_{self.draft.pk}_{self.changes.day}.{format.extension}"
        return Export(name, english(f"preview of “{self.draft.name}”"), detail)


_WRITERS: dict[ExportFormat, Callable[[ChangesExport, IO[bytes]], None]] = {
    ExportFormat.CSV: ChangesExport.write_csv,
    ExportFormat.XLSX: ChangesExport.write_xlsx,
}


def _points(before: Standing, after: Standing) -> Iterator[int | None]:
    for pair in zip(before.points, after.points, strict=True):
        yield from pair


def _words(news: list[News] | None) -> dict[str, str]:
    """Return the names of the rules by customer."""
    found: dict[str, str] = {}
    for one in news or ():
        found[one.customer] = f"{found[one.customer]}; {one.name}" if one.customer in found else one.name
    return found
