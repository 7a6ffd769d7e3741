"""What a column of the customer list is: its cells and order in the table, and its values in the exported file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from django_tables2 import A

from analytics.display.tables import DrawnColumn
from analytics.models import Snapshot, SnapshotQuerySet
from analytics.portfolio.score_change import ScoreChanges
from analytics.wording import DASH
from customers.text.say import Words
from customers.workbooks.writer import Cell

if TYPE_CHECKING:
    from analytics.customer_list.customer_table import CustomerTable

Draw = Callable[[Snapshot, "CustomerTable"], str]
Order = Callable[[SnapshotQuerySet, bool, ScoreChanges], SnapshotQuerySet]
"""From rows, whether descending, and the score changes of the date."""
Edits = Mapping[int, Mapping[str, str]]
"""What people have edited of the rows of a page, in words: by the snapshot's key and the column's name."""


class Shown(Enum):
    """When the table shows a column."""

    ALWAYS = "always"
    BY_DEFAULT = "unless_others_are_chosen"
    IF_CHOSEN = "if_chosen"
    NEVER = "in_the_file_alone"


@dataclass(frozen=True)
class ListColumn:
    """A column of the customer list: its cells and order in the table, and its values in the exported file.

    ``fields`` are read for the file; by default the field of the column's name is. Without ``draw`` the first of them
    is drawn as text, without ``order`` it gives the order, with the key. ``related`` is a relation that cells need.
    A column that ``reads_edits`` shows what people edit, as its ``value``; all others show the data alone.
    ``unit`` stands behind the number where people read it, such as ``%``. ``definition`` says to people what is not
    plain from the ``title``. A file has the ``file_heading``, or the title in English.
    """

    name: str
    title: Words
    draw: Draw | None = None
    order: Order | None = None
    fields: tuple[str, ...] = ()
    value: Callable[..., Cell] = lambda value: value
    file_heading: str = ""
    unit: str = ""
    shown: Shown = Shown.IF_CHOSEN
    attrs: Mapping[str, Mapping[str, str]] | None = None
    related: str = ""
    reads_edits: bool = False
    definition: Words = ""

    @property
    def heading(self) -> str:
        """The title in the reader's language."""
        return str(self.title)

    @property
    def file_fields(self) -> tuple[str, ...]:
        """The fields that the file's value is made of."""
        return self.fields or (self.name,)

    @property
    def is_always_exported(self) -> bool:
        """Whether the file has the column whatever columns the address chooses."""
        return self.shown in {Shown.ALWAYS, Shown.NEVER}

    def bind(self, changes: ScoreChanges, width: int | None = None) -> DrawnColumn:
        """Return the column for a table of one scored date, as wide as its cells or so many pixels."""
        field, order = self.file_fields[0], self.order
        return DrawnColumn(
            self.draw or field_as_text(field),
            (lambda rows, is_descending: order(rows, is_descending, changes)) if order else None,
            verbose_name=self.title,
            order_by=(field, "pk"),
            attrs=self._attrs(width) if width else self.attrs,
        )

    def _attrs(self, width: int) -> Mapping[str, Mapping[str, str]]:
        """Return the attributes with the class of a width: a style in the page is not allowed."""
        own = self.attrs or {}
        classes = {cell: own.get(cell, {}).get("class", "") for cell in ("th", "td")}
        return {cell: {"class": " ".join(filter(None, (one, f"width-{width}")))} for cell, one in classes.items()}


def field_as_text(field: str, written: Callable[..., str] = str) -> Draw:
    """Return what draws a field as text; a dash where there is nothing."""
    accessor = A(field)

    def draw(record: Snapshot, table: "CustomerTable") -> str:
        value = accessor.resolve(record, quiet=True)
        return DASH if value in (None, "") else written(value)

    return draw
