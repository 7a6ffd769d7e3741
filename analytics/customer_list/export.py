"""The customer list as a file: exactly the customers that the filters leave, in the list's order, and what it is.

Not by django-import-export's ``Resource.export``, which holds every row in memory twice and writes a workbook of
100,000 rows for more than a minute.
"""

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from analytics.customer_list.listing import CustomerList
from analytics.models import ExportFormat, HealthStatus, PortfolioDay, Stage, Trend
from analytics.portfolio.comparison import SPANS
from analytics.portfolio.score_change import COLUMN_OF
from analytics.rounding import onboarding_percent, success_rate
from analytics.wording import ACTIVITY_TREND
from customers.audit.export import Export
from customers.core.people import display_name
from customers.feeds.cell_types import to_cell
from customers.feeds.exports import write_csv
from customers.feeds.manifest import GENERATOR, MANIFEST
from customers.text.codes import code_in_words
from customers.workbooks.writer import Cell, write_workbook

CSV_NAME = "customer_table.csv"
"""Not customers.csv, which is a feed: whoever drops this file into the import's folder must not load it."""
CHUNK = 5_000


@dataclass(frozen=True)
class ExportColumn:
    """A column of the file: that of the table it stands for ('' is always there), its header, and its value."""

    column: str
    header: str
    fields: tuple[str, ...]
    value: Callable[..., Cell] = lambda value: value


def _owner(first: str | None, last: str | None, login: str | None) -> str:
    return display_name(first or "", last or "", login) if login else ""


COLUMNS = (
    ExportColumn("", "Customer id", ("customer_id",)),
    ExportColumn("", "Name", ("customer__organization",)),
    ExportColumn("status", "Status", ("status",), lambda value: HealthStatus(value).label),
    ExportColumn("score", "Score", ("score",)),
    ExportColumn("trend", ACTIVITY_TREND, ("trend",), lambda value: Trend(value).label),
    ExportColumn("steps_done", "Progress %", ("steps_done",), onboarding_percent),
    ExportColumn("stage", "Stage", ("stage",), lambda value: Stage(value).label),
    ExportColumn("last_active", "Last active", ("last_active",)),
    ExportColumn("cohort", "Cohort", ("customer__cohort",)),
    ExportColumn(
        "owner",
        "Owner",
        tuple(f"customer__care__owner__{field}" for field in ("first_name", "last_name", "username")),
        _owner,
    ),
    ExportColumn("industry", "Industry", ("customer__industry",)),
    ExportColumn("signup_date", "Signed up", ("customer__signup_date",)),
    ExportColumn("team_size", "Team", ("customer__team_size",)),
    ExportColumn("email", "E-mail", ("customer__email",)),
    ExportColumn("blocker_type", "Blocker", ("blocker_type",), code_in_words),
    ExportColumn("days_active", "Days active", ("days_active",)),
    ExportColumn("issues_tagged", "Issues tagged", ("issues_tagged",)),
    ExportColumn("prs_generated", "PRs generated", ("prs_generated",)),
    ExportColumn("prs_merged", "PRs merged", ("prs_merged",)),
    ExportColumn("success_rate", "Success rate %", ("prs_merged", "prs_generated"), success_rate),
    ExportColumn("support_requests", "Support requests", ("support_requests",)),
    ExportColumn("", "As of", ("date",)),
    *(ExportColumn(name, f"Score change, {days} days", (name,)) for days, name in COLUMN_OF.items()),
    ExportColumn(
        "missing",
        "Missing from the feed since",
        ("customer__missing_since__started_at",),
        lambda moment: moment and timezone.localtime(moment).date(),
    ),
)
"""Every column, newer ones at the end; all of them are exported unless the address chooses columns."""


class TableExport:
    """The list that a request, or a report, asks for, as a file; to be made and written within one moment."""

    def __init__(
        self,
        request: HttpRequest,
        portfolio: PortfolioDay,
        *,
        report: str = "",
        me: User | None = None,
        is_report: bool = False,
    ) -> None:
        self.list = CustomerList(request, portfolio.date, me, is_report=is_report)
        self.changes = self.list.changes
        self.portfolio = portfolio
        self.report = report
        chosen = self.list.chosen
        self.columns = [one for one in COLUMNS if not chosen or one.column in ("", *chosen)]
        self.count = self.list.customers.count()
        self.filters = [(chip.label, chip.words) for chip in self.list.chips]
        self.exported_by = request.user.get_username()
        self.exported_at = timezone.localtime().isoformat(timespec="seconds")

    @property
    def header(self) -> list[str]:
        """The file's first row."""
        return [one.header for one in self.columns]

    def rows(self) -> Iterator[list[Cell]]:
        """The customers in the list's order, as numbers, dates and texts; one query."""
        fields = list(dict.fromkeys(field for one in self.columns for field in one.fields))
        getters = [(one.value, [fields.index(field) for field in one.fields]) for one in self.columns]
        found = self.changes.beside(self.list.customers.select_related(None)).values_list(*fields)
        for values in found.iterator(chunk_size=CHUNK):
            yield [value(*[values[place] for place in places]) for value, places in getters]

    def write(self, format: ExportFormat, file: IO[bytes]) -> None:
        """Write the file; raises ``TooLarge``."""
        WRITERS[format](self, file)

    def write_csv(self, file: IO[bytes]) -> None:
        """Write a ZIP of the CSV and a manifest, so that the CSV holds nothing but its rows."""
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open(CSV_NAME, "w", force_zip64=True) as member:
                written = write_csv(member, self.header, ([to_cell(cell) for cell in row] for row in self.rows()))
            manifest = {
                **self._facts(),
                "filters": [{"filter": label, "value": words} for label, words in self.filters],
                "columns": self.header,
                "files": {CSV_NAME: {"rows": written.rows, "sha256": written.sha256}},
            }
            archive.writestr(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")

    def write_xlsx(self, file: IO[bytes]) -> None:
        """Write a workbook whose second sheet says what the first one holds; raises ``TooLarge``."""
        facts = self._facts()
        about: Sequence[tuple[str, Cell]] = [
            *([("Report", self.report)] if self.report else []),
            ("As of", self.portfolio.date),
            ("Customers", self.count),
            ("Of", f"{self.portfolio.listed:,} customers of that date"),
            *([(f"Filter: {label}", words) for label, words in self.filters] or [("Filters", "None")]),
            ("Sorted by", facts["sorted_by"]),
            ("Columns", facts["column_choice"]),
            *((f"Score change, {days} days", facts["score_changes_since"][f"{days} days"] or "–") for days in SPANS),
            ("Scoring policy", facts["policy"]),
            ("Exported at", facts["exported_at"]),
            ("Exported by", facts["exported_by"]),
            ("Made by", GENERATOR),
        ]
        write_workbook(file, about, "Customers", self.header, self.rows(), self.count)

    @property
    def in_words(self) -> str:
        """What it holds, for the audit."""
        filters = "; ".join(f"{label}: {words}" for label, words in self.filters) or "none"
        count = f"{self.count} customers as of {self.portfolio.date}"
        return f"{count}\nfilters: {filters}\ncolumns: {', '.join(self.header)}"

    def export(self, file_name: str) -> Export:
        """Describe the written file for its download and the audit."""
        what = f"report “{self.report}”" if self.report else "customer table"
        return Export(file_name, what, self.in_words)

    def _facts(self) -> dict[str, Any]:
        return {
            "generator": GENERATOR,
            **({"report": self.report} if self.report else {}),
            "as_of": self.portfolio.date.isoformat(),
            "policy": self.portfolio.policy.name,
            "customers": self.count,
            "of_customers": self.portfolio.listed,
            "sorted_by": self.list.order_words,
            "column_choice": "Those chosen" if self.list.chosen else "All",
            "exported_at": self.exported_at,
            "exported_by": self.exported_by,
            "score_changes_since": {
                f"{days} days": day and day.isoformat() for days, day in self.changes.since.items()
            },
        }


WRITERS: dict[ExportFormat, Callable[[TableExport, IO[bytes]], None]] = {
    ExportFormat.CSV: TableExport.write_csv,
    ExportFormat.XLSX: TableExport.write_xlsx,
}
