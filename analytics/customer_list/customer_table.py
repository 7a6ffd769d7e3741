"""The table of the customer list: one page of it, with its sparklines and what people have edited."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from django.core.paginator import Page
from django.utils.translation import gettext_lazy as _
from django_tables2 import A

from analytics.customer_list.columns import TABLE_COLUMNS, in_order_of
from analytics.customer_list.list_column import Edits, ListColumn
from analytics.display import atoms
from analytics.display.sparkline import Sparkline, sparklines
from analytics.display.tables import Table
from analytics.models import Snapshot, SnapshotQuerySet
from analytics.portfolio.score_change import COLUMN_OF, ScoreChanges
from analytics.portfolio.status_change import WAS_OF, move_in_words, places_risen
from analytics.wording import DASH


class CustomerTable(Table[Snapshot]):
    """The customers of a scored date; worst first, every order ends in the key.

    The ``columns`` come in their order; some have ``widths`` in pixels.
    """

    label = _("List of customers")
    nothing_text = _("Nobody had signed up by this date.")

    class Meta:
        attrs = {"class": "rsolv-table"}
        order_by = ("status",)
        empty_text = _("No customer matches these filters.")

    def __init__(
        self,
        data: SnapshotQuerySet,
        *,
        changes: ScoreChanges,
        order_by: Sequence[str] | None = None,
        address: str = "",
        may_tick: bool = False,
        may_create_task: bool = False,
        columns: Sequence[str] = (),
        widths: Mapping[str, int] | None = None,
    ) -> None:
        self.changes = changes
        self.address, self.may_tick, self.may_create_task = address, may_tick, may_create_task
        self.sparklines: Mapping[str, Sparkline] = {}
        self.edits: Edits = {}
        known = widths or {}
        bound = [(one.name, one.bind(changes, known.get(one.name))) for one in in_order_of(columns)]
        super().__init__(data, order_by=order_by, extra_columns=bound)  # type: ignore[no-untyped-call]  # django-tables2 has none

    def turn_to(self, page: Page[Snapshot], records: Sequence[Snapshot], edits: Edits | None = None) -> None:
        """Show the ``records`` of a page, each with its sparkline: a query. Their ``edits`` may be known."""
        super().turn_to(page, records)
        self.sparklines = sparklines([record.customer_id for record in records], self.changes.day)
        if edits is None:
            accessors = [A(field) for column in self._editable for field in column.file_fields]
            rows = [(one.pk, *(accessor.resolve(one, quiet=True) for accessor in accessors)) for one in records]
            edits = self._edits(rows)
        self.edits = edits

    def edits_of(self, keys: Sequence[int]) -> Edits:
        """Return what the shown columns show of people's edits; one query, none where no column shows any."""
        fields = [field for column in self._editable for field in column.file_fields]
        if not fields:
            return {key: {} for key in keys}
        theirs = Snapshot.objects.filter(pk__in=keys, date=self.changes.day).order_by()
        found = self._edits(theirs.values_list("pk", *fields))
        return {key: found[key] for key in keys if key in found}

    def _edits(self, rows: Iterable[tuple[Any, ...]]) -> Edits:
        """Put the values of rows, each a key and the fields of the columns, into words."""
        edits: dict[int, dict[str, str]] = {}
        for key, *values in rows:
            rest = iter(values)
            edits[key] = {one.name: str(one.value(*islice(rest, len(one.file_fields)))) for one in self._editable}
        return edits

    @property
    def _editable(self) -> list[ListColumn]:
        """The columns that show what people edit and that the address shows."""
        return [one for one in TABLE_COLUMNS.values() if one.reads_edits and self.columns[one.name].visible]

    def change(self, record: Snapshot, days: int) -> str:
        """Draw what the score of a record changed by; a dash where there is nothing to compare with."""
        points, then = getattr(record, COLUMN_OF[days]), self.changes.since[days]
        return DASH if points is None or then is None else atoms.score_change(points, record.score - points, then)

    def status_change(self, record: Snapshot, days: int) -> str:
        """Draw which way the status of a record went; a dash where there is nothing to compare with."""
        was, then = getattr(record, WAS_OF[days]), self.changes.since[days]
        risen = places_risen(was, record.status)
        if risen is None or then is None:
            return DASH
        return atoms.status_move(move_in_words(was, record.status), risen, was, then)
