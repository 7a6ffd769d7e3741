"""Tables of our pages: django-tables2 knows their columns and orders, and cells are drawn in one pass over a page."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

import django_tables2 as tables
from django.core.paginator import Page
from django.db.models import Model, QuerySet
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django_tables2.rows import BoundRow

from customers.text.say import Words

CUT = {"td": {"class": "cut"}}
"""The attributes of a column with text of any length."""
WRAPPED = {"td": {"class": "wrapped"}}
"""Those of a column whose few words may stand below one another where there is little room."""
NUMBER = {"td": {"class": "number"}, "th": {"class": "number"}}


Record = TypeVar("Record", bound=Model)


class DrawnColumn(tables.Column):
    """A column whose cells a function draws from a record and its table, and whose order another function makes.

    django-tables2 looks up the model's field and inspects a signature for each cell, which takes longer than most
    cells. Without an ``order`` function the column is ordered by its field and the key.
    """

    def __init__(
        self,
        draw: Callable[..., str],
        order: Callable[..., QuerySet[Model]] | None = None,
        **options: object,
    ) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]  # django-tables2 has no types
        self.draw = draw
        self.ordered = order

    def order(self, queryset: QuerySet[Model], is_descending: bool) -> tuple[QuerySet[Model], bool]:
        """Return the rows in this column's order, and whether that is another than ``order_by`` says."""
        return (queryset, False) if self.ordered is None else (self.ordered(queryset, is_descending), True)


class Table(tables.Table, Generic[Record]):
    """A table that shows one page of records; any column of django-tables2 may be among its columns."""

    base_columns: ClassVar[Mapping[str, tables.Column]]
    label: ClassVar[Words]

    def turn_to(self, page: Page[Record], records: Sequence[Record]) -> None:
        """Show the ``records`` of a page."""
        self.page, self.paginator, self.records = page, page.paginator, records

    def lines(self) -> Iterator[tuple[Record, SafeString]]:
        """Yield each record of the page with its cells as HTML."""
        columns = [(bound.attrs["td"].as_html(), bound.name, bound.column) for bound in self.columns]
        for record in self.records:
            cells = ((attrs, self._cell(record, name, column)) for attrs, name, column in columns)
            yield record, format_html_join("", "<td {}>{}</td>", cells)

    def _cell(self, record: Record, name: str, column: tables.Column) -> str:
        if isinstance(column, DrawnColumn):
            return column.draw(record, self)
        cell: str = BoundRow(record, self).get_cell(name)
        return cell
