"""One page of the customer list as HTML, and what the templates around it need.

A page is drawn anew only where it would look different. Three things are kept: which customers it has, until the data
change, or until anybody edits anything where the filters or the order read that; what people have edited of these
customers, until anybody edits anything; and the HTML, by both, until the data change.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import partial
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet, Window
from django.http import HttpRequest, QueryDict
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from analytics.customer_list.columns import TABLE_COLUMNS
from analytics.customer_list.first_view import OWNER
from analytics.customer_list.list_column import Edits
from analytics.customer_list.listing import CustomerList
from analytics.customer_list.own_columns import OwnColumns
from analytics.models import ExportFormat, PortfolioDay, Snapshot, SnapshotQuerySet
from analytics.page_cache import page_cache
from analytics.page_cache.version import StateVersion
from analytics.portfolio.comparison import WEEK
from analytics.portfolio.period import COMPARE
from analytics.portfolio.score_change import COLUMN_OF
from analytics.portfolio.status_change import STATUS_COLUMN_OF
from analytics.segments.filters import GOT_WORSE, MORE, WITHOUT_FIELD, SnapshotFilter

GOT_WORSE_QUERY = urlencode(
    {
        "only": GOT_WORSE,
        "sort": COLUMN_OF[WEEK],
        "columns": f"status,{STATUS_COLUMN_OF[WEEK]},score,{COLUMN_OF[WEEK]},trend,last_active,owner",
    },
    safe=",",
)
"""The list's query for who got worse this week: the greatest falls first, with the columns that say it."""
ROWS_PER_PAGE = (25, 50, 100)
"""How many rows a page may have; the first one is what it has unless the address asks for another."""
OF_THE_BLOCKS = ("history", "days", COMPARE)
"""What an address says of the blocks above the list."""
MAX_PAGES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class PageAddress:
    """Which page it is: its filters, its links, and what its readers may do."""

    today: date
    day: date
    narrowed: str
    address: str
    me: str
    owns: bool
    own: OwnColumns
    may_tick: bool
    may_create_task: bool


class FoundKey(page_cache.DataKey):
    """Of which customers a page has, where people's edits do not decide it."""

    page: PageAddress


class PageStateKey(page_cache.StateKey):
    """Of which customers a page has, and what people have edited of them."""

    page: PageAddress


class RowsKey(page_cache.DataKey):
    """Of a page as HTML, by what ``PageStateKey`` stands for."""

    page: PageAddress
    shown: str


class MoreFiltersKey(page_cache.ImmutableKey):
    """Of the fields of "More filters" as HTML: nothing but the address decides how they look."""

    asked: str


@dataclass(frozen=True)
class Found:
    """How many customers the filters leave, and the keys of those on the page, in order."""

    count: int
    keys: tuple[int, ...]


@dataclass(frozen=True)
class PageState:
    """What a page shows; ``others`` are how many a search finds elsewhere, and the list's query for them."""

    found: Found
    edits: Edits
    others: tuple[int, str]


def list_context(
    request: HttpRequest, asked: CustomerList, portfolio: PortfolioDay, version: StateVersion
) -> dict[str, object]:
    """Return what the list's templates need: the filters and how they are set, a page's ``rows``, and its choices."""
    filter_names = tuple(asked.filters.filters)
    kept_filters = (*filter_names, "as_of", "sort", "per_page", "report", *OF_THE_BLOCKS)
    list_query = asked.query(asked.address)
    count, rows = ListPage(request, asked, portfolio).rows(version)
    return {
        "filters": asked.filters,
        "more_filters": _more_filters(asked.filters),
        "filtering": asked.filtering,
        "chips": asked.chips,
        "owns": asked.owns,
        "got_worse_query": GOT_WORSE_QUERY,
        "is_first_view": asked.is_first_view,
        "count": count,
        "rows": rows,
        "column_choices": asked.column_choices,
        "columns_chosen": asked.chosen,
        "own_columns": asked.own.names,
        "own_widths": asked.own.widths,
        "columns_query": asked.columns_query,
        "standard_query": asked.query(asked.address, leave_out=("columns",)),
        "export_formats": ExportFormat.choices,
        "list_query": list_query,
        "cleared_query": asked.query(asked.address, leave_out=filter_names),
        "kept": _pairs(request.GET, ("sort", "columns", "per_page", "report", *OF_THE_BLOCKS, *WITHOUT_FIELD)),
        "kept_filters": _pairs(QueryDict(list_query), kept_filters),
    }


def rows_per_page(address: QueryDict) -> int:
    """Return how many rows an address asks for, of ``ROWS_PER_PAGE``; the first of them where it asks for none."""
    wanted = address.get("per_page", "")
    return next((size for size in ROWS_PER_PAGE if str(size) == wanted), ROWS_PER_PAGE[0])


def _more_filters(filters: SnapshotFilter) -> SafeString:
    asked = urlencode([(name, value) for name in MORE for value in filters.data.getlist(name)])
    context = {"filters": filters, "form": filters.form}
    template = "analytics/customer_list/more_filters.html"
    return page_cache.get_or_set(MoreFiltersKey(asked=asked), lambda: render_to_string(template, context))


class ListPage:
    """The page of a list that a request asks for; its table is turned to it only where something must be drawn."""

    def __init__(self, request: HttpRequest, asked: CustomerList, portfolio: PortfolioDay) -> None:
        self.request, self.asked, self.portfolio = request, asked, portfolio
        self.number = request.GET.get("page", "")
        self.per_page = rows_per_page(request.GET)
        self.is_turned = False

    def rows(self, version: StateVersion) -> tuple[int, SafeString]:
        """Return how many customers the filters leave, and the HTML of the page."""
        address = PageAddress(
            today=timezone.localdate(),
            day=self.portfolio.date,
            narrowed=self.asked.address.urlencode(),
            address=self.request.GET.urlencode(),
            me=self.asked.filters.me_key,
            owns=self.asked.owns,
            own=self.asked.own,
            may_tick=self.asked.table.may_tick,
            may_create_task=self.asked.table.may_create_task,
        )
        shown = page_cache.get_or_set(
            PageStateKey(version=version, page=address),
            lambda: self._show(None if self.asked.reads_edits else FoundKey(version=version.data, page=address)),
        )
        rows = RowsKey(version=version.data, page=address, shown=page_cache.digest(shown))
        return shown.found.count, page_cache.get_or_set(rows, partial(self._draw, shown))

    def _show(self, key: FoundKey | None) -> PageState:
        """Find what the page shows; which customers it has is kept under the key, if there is one."""
        found = page_cache.get_or_set(key, self._find) if key else self._find()
        table = self.asked.table
        edits = table.edits if self.is_turned else table.edits_of(found.keys)
        return PageState(found, edits, (0, "") if found.count else self.asked.others())

    def _find(self) -> Found:
        """Turn the table to the page: the keys, the rows, the sparklines.

        The database sorts the keys alone, not every column of each row that the filters leave. How many rows there
        are without a filter is known, unless an undone import took some away.
        """
        customers = self.asked.customers
        keys: Collection[int] | QuerySet[Snapshot, int]
        if self.asked.filtering:
            page, keys = _filtered_page(customers, self.number, self.per_page)
        else:
            page = self._page(None if self.portfolio.stale else self.portfolio.listed)
            # The database may look for them along with their rows.
            keys = _keys(customers, page)
        records = list(self._records(keys).order_by(*customers.query.order_by))
        self._turn_to(page, records)
        return Found(page.paginator.count, tuple(record.pk for record in records))

    def _draw(self, shown: PageState) -> SafeString:
        """Draw the page as it was found, be that by another request."""
        found, table = shown.found, self.asked.table
        if not self.is_turned:
            records = sorted(self._records(found.keys), key=lambda record: found.keys.index(record.pk))
            self._turn_to(self._page(found.count), records, shown.edits)
        others, others_query = shown.others
        context = {
            "table": table,
            "others": others,
            "others_query": others_query,
            "per_page": self.per_page,
            "page_sizes": ROWS_PER_PAGE,
            "filtering": self.asked.filtering,
            "everybody_query": self.asked.everybody(),
        }
        return render_to_string("analytics/customer_list/table.html", context, self.request)

    def _turn_to(self, page: Page[Snapshot], records: list[Snapshot], edits: Edits | None = None) -> None:
        self.asked.table.turn_to(page, records, edits)
        self.is_turned = True

    def _page(self, count: int | None) -> Page[Snapshot]:
        """Return the page of a list whose count may be known."""
        paginator = Paginator(self.asked.customers, self.per_page)
        if count is not None:
            paginator.count = count
        return paginator.get_page(self.number)

    def _records(self, keys: Collection[int] | QuerySet[Snapshot, int]) -> SnapshotQuerySet:
        """Return the rows with these keys, with all that the shown columns show."""
        columns = self.asked.table.columns
        rows = Snapshot.objects.on(self.portfolio.date).with_forecasts(of_over=False)
        found = self.asked.changes.beside(rows).filter(pk__in=keys)
        related = [one.related for one in TABLE_COLUMNS.values() if one.related and columns[one.name].visible]
        return found.select_related(*related) if related else found


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
