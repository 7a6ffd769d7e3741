"""The admin's export formats: django-import-export's own, where a spreadsheet would misread theirs ours."""

import io

from django.utils.translation import gettext
from import_export.formats.base_formats import CSV, DEFAULT_FORMATS, TSV, XLSX
from tablib.core import Dataset

from customers.feeds.exports import BOM
from customers.text.cells import plain_cell
from customers.text.say import english
from customers.workbooks.writer import TooLarge, write_workbook


class SheetCsv(CSV):
    """CSV that Excel takes for the UTF-8 that it is."""

    def export_data(self, dataset: Dataset, **options: object) -> str:
        """Return the text, behind a byte order mark."""
        return f"{BOM}{CSV.export_data(self, dataset, **options)}"


class SheetTsv(TSV):
    """The same with tabs."""

    def export_data(self, dataset: Dataset, **options: object) -> str:
        """Return the text, behind a byte order mark."""
        return f"{BOM}{TSV.export_data(self, dataset, **options)}"


class SheetXlsx(XLSX):
    """A workbook by our own writer: tablib's cuts long texts and writes what XML has not."""

    def export_data(self, dataset: Dataset, **_options: object) -> bytes:
        """Return the workbook; a ``ValueError`` says what Excel cannot hold, which the admin shows."""
        file = io.BytesIO()
        # The writer makes texts safe by itself.
        rows = (dataset[index] for index in range(len(dataset)))
        plain = ([plain_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
        try:
            write_workbook(file, [], dataset.title or english("Export"), dataset.headers, plain, len(dataset))
        except TooLarge as fault:
            todo = gettext("Nothing was exported: export fewer rows, or CSV.")
            raise TooLarge(f"{fault} {todo}") from None
        return file.getvalue()


_OURS = {CSV: SheetCsv, TSV: SheetTsv, XLSX: SheetXlsx}

FORMATS = [_OURS.get(one, one) for one in DEFAULT_FORMATS]
"""In the order of django-import-export's."""
