"""The list of customers on the front page: narrowed, ordered, paged and given its columns by the address."""

from dataclasses import dataclass
from datetime import date
from functools import reduce
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import QueryDict

from analytics.customer_list.chips import Chip, chips
from analytics.customer_list.columns import STANDARD_COLUMNS, TABLE_COLUMNS
from analytics.customer_list.customer_table import CustomerTable
from analytics.customer_list.first_view import OWNER, first_view
from analytics.customer_list.list_column import Shown
from analytics.customer_list.own_columns import OwnColumns, known_columns
from analytics.display.filter_choices import kept_choices
from analytics.models import SnapshotQuerySet
from analytics.page_cache.version import StateVersion
from analytics.portfolio.score_change import ScoreChanges
from analytics.segments.address import narrowed_query
from analytics.segments.filters import READ_EDITS, SnapshotFilter
from customers.owners.views import MAY_ASSIGN
from customers.text.say import say


@dataclass(frozen=True)
class ColumnChoice:
    """A column that can be shown or not."""

    name: str
    label: str
    shown: bool
    definition: str = ""


class CustomerList:
    """What an address asks for of a scored date: ``filters``, and the ``table`` in its order and columns.

    "me" in the address means ``me``, or nobody. Whoever ``owns`` customers sees these first. Where the address names
    no columns, the table shows the user's ``own``, or the standard ones if there are none.
    """

    def __init__(
        self,
        address: QueryDict,
        user: User,
        day: date,
        *,
        me: User | None,
        owns: bool = False,
        own: OwnColumns | None = None,
        version: StateVersion | None = None,
    ) -> None:
        self.asked, self.user, self.day, self.owns = address, user, day, owns
        self.address = first_view(address, SnapshotFilter.base_filters, owns=owns).copy()
        narrowing = [name for name in SnapshotFilter.base_filters if address.getlist(name) not in ([], [""])]
        self.is_first_view = owns and narrowing == [OWNER] and address.getlist(OWNER) == [str(user.pk)]
        # An empty one asks for everybody; to the filter it is no choice.
        self.address.setlist(OWNER, [owner for owner in self.address.getlist(OWNER) if owner])
        self.changes = ScoreChanges(day, version.data if version else None)
        known = kept_choices(version) if version else None
        self.filters = SnapshotFilter(self.address, day, changes=self.changes, user=user, me=me, known=known)
        self.own = own or OwnColumns()
        # The address has them joined by commas or one by one.
        self.chosen = known_columns(name for text in address.getlist("columns") for name in text.split(","))
        columns = self.chosen or self.own.names or STANDARD_COLUMNS
        self.table = CustomerTable(
            self.filters.qs,
            changes=self.changes,
            order_by=[name for name in address.getlist("sort") if name.removeprefix("-") in TABLE_COLUMNS] or None,
            address=address.urlencode(),
            may_tick=user.has_perm(MAY_ASSIGN),
            may_create_task=user.has_perm("analytics.add_task"),
            columns=columns,
            widths=dict(self.own.widths),
        )
        for name, column in TABLE_COLUMNS.items():
            if name not in columns and column.shown != Shown.ALWAYS:
                self.table.columns.hide(name)

    def query(self, address: QueryDict, *, leave_out: tuple[str, ...] = ()) -> str:
        """Return an address' query, which says it where it asks for all customers and not for the visitor's own."""
        rest = narrowed_query(address, leave_out=leave_out)
        if self.owns and not any(name in QueryDict(rest) for name in SnapshotFilter.base_filters):
            return f"{OWNER}=&{rest}" if rest else f"{OWNER}="
        return rest

    @property
    def chips(self) -> list[Chip]:
        """The filters that are set."""
        return chips(self.filters, self.address, self.query)

    def others(self) -> tuple[int, str]:
        """How many customers of other owners a search finds that finds nobody, and the list's query for them."""
        asked = QueryDict(self.query(self.address), mutable=True)
        if not asked.get("q") or not any(asked.getlist(OWNER)):
            return 0, ""
        asked[OWNER] = ""
        known = self.filters.known
        found = SnapshotFilter(asked, self.day, changes=self.changes, user=self.user, me=self.filters.me, known=known)
        return found.qs.count(), asked.urlencode()

    def everybody(self) -> str:
        """Return the list's query without its filters but for the search, unless that is all that finds nobody."""
        names = [name for name in self.filters.filters if any(self.filters.data.getlist(name))]
        leave_out = {*self.filters.filters} - ({"q"} if names != ["q"] else set())
        return self.query(self.address, leave_out=tuple(leave_out))

    @property
    def filtering(self) -> bool:
        """Whether the address sets any filter, be it understood or not."""
        return any(any(self.filters.data.getlist(name)) for name in self.filters.filters)

    @property
    def reads_edits(self) -> bool:
        """Whether people's edits decide which customers it shows, or in which order."""
        filters = any(any(self.filters.data.getlist(name)) for name in READ_EDITS)
        return filters or any(TABLE_COLUMNS[alias.bare].reads_edits for alias in self.table.order_by)

    @property
    def customers(self) -> SnapshotQuerySet:
        """The customers that the filters leave, in the list's order."""
        customers: SnapshotQuerySet = self.table.data.data
        return customers

    @property
    def column_choices(self) -> list[ColumnChoice]:
        """Every column but the name."""
        return [
            ColumnChoice(column.name, one.heading, column.visible, str(one.definition))
            for column in self.table.columns.iterall()
            if (one := TABLE_COLUMNS.get(column.name)) and one.shown != Shown.ALWAYS
        ]

    @property
    def columns_query(self) -> str:
        """The list's query, which names the user's own columns where these are shown."""
        query = self.query(self.address)
        if self.chosen or not self.own.names:
            return query
        own = urlencode({"columns": ",".join(self.own.names)}, safe=",")
        return f"{query}&{own}" if query else own

    @property
    def order_words(self) -> str:
        """What the list is ordered by, such as ``Score, descending``."""
        named = [
            _direction(str(self.table.columns[alias.bare].header), is_descending=alias.is_descending)
            for alias in self.table.order_by
        ]
        return reduce(lambda first, second: say("{first}, then {second}", first=first, second=second), named or [""])


def _direction(column: str, *, is_descending: bool) -> str:
    return say("{column}, descending", column=column) if is_descending else say("{column}, ascending", column=column)
