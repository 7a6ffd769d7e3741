"""The list of customers on the front page: narrowed, ordered, paged and given its columns by the address."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet, Window
from django.http import HttpRequest, QueryDict
from django.template.loader import render_to_string
from django.utils import timezone

from analytics.customer_list.chips import Chip, chips, narrowed_query
from analytics.customer_list.columns import TABLE_COLUMNS, CustomerTable, ListColumn, Shown
from analytics.customer_list.first_view import OWNER, first_view
from analytics.models import ExportFormat, PortfolioDay, Snapshot, SnapshotQuerySet
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion, StateVersion
from analytics.portfolio.score_change import ScoreChanges
from analytics.segments.filters import SnapshotFilter
from customers.owners.views import MAY_ASSIGN

ROWS_PER_PAGE = (25, 50, 100)
"""How many rows a page may have; the first one is what it has unless the address asks for another."""
MAX_PAGES = 1_000_000


@dataclass(frozen=True)
class ColumnChoice:
    """A column that can be shown or not."""

    name: str
    label: str
    shown: bool


class RowsKey(page_cache.StateKey):
    """Of a page of the list as HTML: its filters, its links, and what its readers may do."""

    today: date
    day: date
    narrowed: str
    address: str
    me: str
    owns: bool
    may_tick: bool


class CustomerList:
    """What an address asks for of a scored date: ``filters``, and the ``table`` in its order and columns.

    "me" in the address means ``me``, or nobody. Whoever ``owns`` customers sees these first.
    """

    def __init__(
        self,
        address: QueryDict,
        user: User,
        day: date,
        *,
        me: User | None,
        owns: bool = False,
        version: DataVersion | None = None,
    ) -> None:
        self.asked, self.user, self.day, self.owns = address, user, day, owns
        self.address = first_view(address, SnapshotFilter.base_filters, owns=owns).copy()
        own = [name for name in SnapshotFilter.base_filters if address.getlist(name) not in ([], [""])]
        self.is_first_view = owns and own == [OWNER] and address.getlist(OWNER) == [str(user.pk)]
        # An empty one asks for everybody; to the filter it is no choice.
        self.address.setlist(OWNER, [owner for owner in self.address.getlist(OWNER) if owner])
        self.changes = ScoreChanges(day, version)
        self.filters = SnapshotFilter(self.address, day, changes=self.changes, user=user, me=me)
        self.table = CustomerTable(
            self.filters.qs,
            changes=self.changes,
            order_by=[name for name in address.getlist("sort") if name.removeprefix("-") in TABLE_COLUMNS] or None,
            address=address.urlencode(),
            may_tick=user.has_perm(MAY_ASSIGN),
        )
        self.chosen = _chosen(address)
        for column in TABLE_COLUMNS.values():
            if not (column.shown == Shown.ALWAYS or self._asks_for(column)):
                self.table.columns.hide(column.name)

    def _asks_for(self, column: ListColumn) -> bool:
        return column.name in self.chosen if self.chosen else column.shown == Shown.BY_DEFAULT

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
        found = SnapshotFilter(asked, self.day, changes=self.changes, user=self.user, me=self.filters.me)
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
    def customers(self) -> SnapshotQuerySet:
        """The customers that the filters leave, in the list's order."""
        customers: SnapshotQuerySet = self.table.data.data
        return customers

    @property
    def column_choices(self) -> list[ColumnChoice]:
        """Every column but the name."""
        return [
            ColumnChoice(column.name, column.verbose_name, column.visible)
            for column in self.table.columns.iterall()
            if column.name in TABLE_COLUMNS and TABLE_COLUMNS[column.name].shown != Shown.ALWAYS
        ]

    @property
    def order_words(self) -> str:
        """What the list is ordered by, such as ``Score, descending``."""
        named = [(self.table.columns[alias.bare].header, alias.is_descending) for alias in self.table.order_by]
        return ", then ".join(f"{header}, {'de' if down else 'a'}scending" for header, down in named)


def list_context(
    request: HttpRequest, asked: CustomerList, portfolio: PortfolioDay, version: StateVersion
) -> dict[str, object]:
    """Return what the list's templates need: the filters and how they are set, a page's ``rows``, and its choices."""
    wanted = request.GET.get("per_page", "")
    per_page = next((size for size in ROWS_PER_PAGE if str(size) == wanted), ROWS_PER_PAGE[0])
    filter_names = tuple(asked.filters.filters)
    list_query = asked.query(asked.address)
    key = RowsKey(
        version=version,
        today=timezone.localdate(),
        day=portfolio.date,
        narrowed=asked.address.urlencode(),
        address=request.GET.urlencode(),
        me=asked.filters.me_key,
        owns=asked.owns,
        may_tick=asked.table.may_tick,
    )
    count, rows = page_cache.get_or_set(key, lambda: _draw_rows(request, asked, portfolio, per_page))
    return {
        "filters": asked.filters,
        "filtering": asked.filtering,
        "chips": asked.chips,
        "is_first_view": asked.is_first_view,
        "count": count,
        "rows": rows,
        "column_choices": asked.column_choices,
        "columns_chosen": asked.chosen,
        "standard_query": asked.query(asked.address, leave_out=("columns",)),
        "export_formats": ExportFormat.choices,
        "list_query": list_query,
        "cleared_query": asked.query(asked.address, leave_out=filter_names),
        "kept": _pairs(request.GET, ("sort", "columns", "per_page", "report")),
        "kept_filters": _pairs(QueryDict(list_query), (*filter_names, "as_of", "sort", "per_page", "report")),
    }


def _draw_rows(request: HttpRequest, asked: CustomerList, portfolio: PortfolioDay, per_page: int) -> tuple[int, str]:
    """Return how many customers the filters leave, and the HTML of one page of them."""
    _turn_to_page(asked, request.GET.get("page", ""), per_page, portfolio)
    count = asked.table.paginator.count
    others, others_query = (0, "") if count else asked.others()
    context = {
        "table": asked.table,
        "others": others,
        "others_query": others_query,
        "per_page": per_page,
        "page_sizes": ROWS_PER_PAGE,
        "filtering": asked.filtering,
        "everybody_query": asked.everybody(),
    }
    return count, render_to_string("analytics/customer_list/table.html", context, request)


def _chosen(address: QueryDict) -> list[str]:
    """Return the columns that the address names, joined by commas or one by one, without those that do not exist."""
    names = {name for text in address.getlist("columns") for name in text.split(",")}
    return [one.name for one in TABLE_COLUMNS.values() if one.name in names and one.shown != Shown.ALWAYS]


def _turn_to_page(asked: CustomerList, wanted: str, per_page: int, portfolio: PortfolioDay) -> None:
    """Show one page in the table; the keys, the rows, the sparklines.

    The database sorts the keys alone, not every column of each row that the filters leave. How many rows there are
    without a filter is known, unless an undone import took some away.
    """
    keys: Collection[int] | QuerySet[Snapshot, int]
    if asked.filtering:
        page, keys = _filtered_page(asked.customers, wanted, per_page)
    else:
        paginator = Paginator(asked.customers, per_page)
        if not portfolio.stale:
            paginator.count = portfolio.listed
        page = paginator.get_page(wanted)
        # The database may look for them along with their rows.
        keys = _keys(asked.customers, page)
    found = asked.changes.beside(Snapshot.objects.on(portfolio.date)).filter(pk__in=keys)
    related = [one.related for one in TABLE_COLUMNS.values() if one.related and asked.table.columns[one.name].visible]
    if related:
        found = found.select_related(*related)
    asked.table.turn_to(page, list(found.order_by(*asked.customers.query.order_by)))


def _filtered_page(customers: SnapshotQuerySet, wanted: str, per_page: int) -> tuple[Page[Snapshot], Collection[int]]:
    """Return a page and its keys; the count comes along with them, so that the filters are applied but once."""
    paginator = Paginator(customers, per_page)
    try:
        number = int(wanted or 1)
    except ValueError:
        number = 1
    if 1 <= number <= MAX_PAGES:
        numbered = customers.select_related(None).values_list("pk", Window(Count("pk")))
        found = list(numbered[(number - 1) * per_page : number * per_page])
        if found or number == 1:
            paginator.count = found[0][1] if found else 0
            return paginator.get_page(number), [key for key, _count in found]
    # There is no such page, so the count must come first.
    page = paginator.get_page(wanted)
    return page, list(_keys(customers, page))


def _keys(customers: SnapshotQuerySet, page: Page[Snapshot]) -> QuerySet[Snapshot, int]:
    """Return the query for the keys of a page of customers."""
    first = page.start_index() - 1 if page.paginator.count else 0
    return customers.select_related(None).values_list("pk", flat=True)[first : page.end_index()]


def _pairs(address: QueryDict, names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, value) for name in names for value in address.getlist(name) if value or name == OWNER]
