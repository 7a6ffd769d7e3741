"""The admin's export formats: django-import-export's own, where a spreadsheet would misread theirs ours."""

import io
from typing import Any

from import_export.formats.base_formats import CSV, DEFAULT_FORMATS, TSV, XLSX

from customers.feeds.exports import BOM
from customers.text.cells import plain_cell
from customers.workbooks.writer import TooLarge, write_workbook


class SheetCsv(CSV):
    """CSV that Excel takes for the UTF-8 that it is."""

    def export_data(self, dataset: Any, **options: Any) -> str:
        """The text, behind a byte order mark."""
        return BOM + super().export_data(dataset, **options)


class SheetTsv(TSV):
    """The same with tabs."""

    def export_data(self, dataset: Any, **options: Any) -> str:
        """The text, behind a byte order mark."""
        return BOM + super().export_data(dataset, **options)


class SheetXlsx(XLSX):
    """A workbook by our own writer: tablib's cuts long texts and writes what XML has not."""

    def export_data(self, dataset: Any, **_options: Any) -> bytes:
        """The workbook; a ``ValueError`` says what Excel cannot hold, which the admin shows."""
        file = io.BytesIO()
        # The writer makes texts safe by itself.
        rows = ([plain_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in dataset)
        try:
            write_workbook(file, [], dataset.title or "Export", dataset.headers, rows, len(dataset))
        except TooLarge as fault:
            raise TooLarge(f"{fault} Nothing was exported: export fewer rows, or CSV.") from None
        return file.getvalue()


_OURS = {CSV: SheetCsv, TSV: SheetTsv, XLSX: SheetXlsx}

FORMATS = [_OURS.get(one, one) for one in DEFAULT_FORMATS]
"""In the order of django-import-export's."""
