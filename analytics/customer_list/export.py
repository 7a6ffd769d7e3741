"""The customer list as a file: the customers that the filters leave, in the list's order. It is English, whoever asks.

Not by django-import-export's ``Resource.export``, which holds every row in memory twice and writes a workbook of
100,000 rows for more than a minute.
"""

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import IO

from django.utils import timezone

from analytics.customer_list.columns import COLUMNS
from analytics.customer_list.listing import CustomerList
from analytics.models import ExportFormat, PortfolioDay, Snapshot, SnapshotQuerySet
from analytics.portfolio.comparison import SPANS
from analytics.wording import counted, in_a_row
from customers.audit.export import Export
from customers.core.limits import FETCH_SIZE
from customers.feeds.cell_types import to_cell
from customers.feeds.exports import write_csv
from customers.feeds.manifest import GENERATOR, MANIFEST
from customers.text import written
from customers.text.say import in_english
from customers.workbooks.writer import Cell, write_workbook

CSV_NAME = "customer_table.csv"
"""Not customers.csv, which is a feed: whoever drops this file into the import's folder must not load it."""


class TableExport:
    """A list (of a report, where it has a name) as a file, to be written within one moment."""

    def __init__(self, customers: CustomerList, portfolio: PortfolioDay, *, report: str = "") -> None:
        self.list = customers
        self.changes = self.list.changes
        self.portfolio = portfolio
        self.report = report
        chosen = self.list.chosen
        self.columns = [one for one in COLUMNS if not chosen or one.is_always_exported or one.name in chosen]
        self.count = self.list.customers.count()
        with in_english():
            self.filters = [(chip.label, chip.words) for chip in self.list.chips]
        self.exported_by = customers.user.get_username()
        self.exported_at = timezone.localtime().isoformat(timespec="seconds")

    @property
    def header(self) -> list[str]:
        """The file's first row."""
        with in_english():
            return [one.file_heading or one.heading for one in self.columns]

    @property
    def column_choice(self) -> str:
        """Whether the address chose the columns."""
        return "Those chosen" if self.list.chosen else "All"

    def rows(self) -> Iterator[list[Cell]]:
        """Yield the customers in the list's order, as numbers, dates and texts; one query."""
        for _key, cells in self._read(self.list.customers):
            yield cells

    def rows_of(self, keys: Sequence[int]) -> list[list[Cell]]:
        """Return the rows of the snapshots with these keys, in their order; one query."""
        with in_english():
            found = dict(self._read(Snapshot.objects.filter(pk__in=keys, date=self.portfolio.date).order_by()))
        return [found[key] for key in keys if key in found]

    def _read(self, customers: SnapshotQuerySet) -> Iterator[tuple[int, list[Cell]]]:
        fields = list(dict.fromkeys(field for one in self.columns for field in one.file_fields))
        getters = [(one.value, [fields.index(field) for field in one.file_fields]) for one in self.columns]
        rows = self.changes.beside(customers.select_related(None).with_forecasts(of_over=False))
        for key, *values in rows.values_list("pk", *fields).iterator(chunk_size=FETCH_SIZE):
            yield key, [value(*[values[index] for index in places]) for value, places in getters]

    def write(self, format: ExportFormat, file: IO[bytes]) -> None:
        """Write the file; raises ``TooLarge``."""
        with in_english():
            WRITERS[format](self, file)

    def write_csv(self, file: IO[bytes]) -> None:
        """Write a ZIP of the CSV and a manifest, so that the CSV holds nothing but its rows."""
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open(CSV_NAME, "w", force_zip64=True) as member:
                written = write_csv(member, self.header, ([to_cell(cell) for cell in row] for row in self.rows()))
            manifest = {
                "generator": GENERATOR,
                **({"report": self.report} if self.report else {}),
                "as_of": _iso(self.portfolio.date),
                "policy": self.portfolio.policy.name,
                "segment_policies": list(self.portfolio.segment_policies.values()),
                "customers": self.count,
                "of_customers": self.portfolio.listed,
                "sorted_by": self.list.order_words,
                "column_choice": self.column_choice,
                "exported_at": self.exported_at,
                "exported_by": self.exported_by,
                "score_changes_since": {f"{days} days": _iso(then) for days, then in self.changes.since.items()},
                "filters": [{"filter": label, "value": words} for label, words in self.filters],
                "columns": self.header,
                "files": {CSV_NAME: {"rows": written.rows, "sha256": written.sha256}},
            }
            archive.writestr(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")

    def write_xlsx(self, file: IO[bytes]) -> None:
        """Write a workbook whose second sheet says what the first one holds; raises ``TooLarge``."""
        since = self.changes.since
        about: Sequence[tuple[str, Cell]] = [
            *([("Report", self.report)] if self.report else []),
            ("As of", self.portfolio.date),
            ("Customers", self.count),
            ("Of", f"{written.number(self.portfolio.listed)} customers of that date"),
            *([(f"Filter: {label}", words) for label, words in self.filters] or [("Filters", "None")]),
            ("Sorted by", self.list.order_words),
            ("Columns", self.column_choice),
            *((f"Score change, {days} days", _iso(since[days]) or "–") for days in SPANS),
            ("Scoring policy", in_a_row(list(self.portfolio.policies.values()))),
            ("Exported at", self.exported_at),
            ("Exported by", self.exported_by),
            ("Made by", GENERATOR),
        ]
        write_workbook(file, about, "Customers", self.header, self.rows(), self.count)

    @property
    def in_words(self) -> str:
        """What it holds, for the audit."""
        filters = "; ".join(f"{label}: {words}" for label, words in self.filters) or "none"
        with in_english():
            count = f"{counted(self.count, 'customer')} as of {written.day(self.portfolio.date)}"
        return f"{count}\nfilters: {filters}\ncolumns: {', '.join(self.header)}"

    def export(self, file_name: str) -> Export:
        """Describe the written file for its download and the audit."""
        what = f"report “{self.report}”" if self.report else "customer table"
        return Export(file_name, what, self.in_words)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


WRITERS: dict[ExportFormat, Callable[[TableExport, IO[bytes]], None]] = {
    ExportFormat.CSV: TableExport.write_csv,
    ExportFormat.XLSX: TableExport.write_xlsx,
}
