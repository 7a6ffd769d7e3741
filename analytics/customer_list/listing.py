"""The list of customers on the front page: narrowed, ordered, paged and given its columns by the address."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Count, Window
from django.http import HttpRequest, QueryDict
from django.template.loader import render_to_string
from django_tables2.rows import BoundRows

from analytics.customer_list.chips import Chip, chips, narrowed_query
from analytics.customer_list.columns import STANDARD, CustomerTable
from analytics.customer_list.filters import SnapshotFilter
from analytics.customer_list.first_view import OWNER, first_view
from analytics.display.sparkline import sparklines
from analytics.models import ExportFormat, PortfolioDay, Snapshot, SnapshotQuerySet
from analytics.page_cache.program import Program
from analytics.pages.current_user import visitor
from analytics.portfolio.score_change import ScoreChanges
from customers.owners.views import MAY_ASSIGN

ROWS_PER_PAGE = (25, 50, 100)
"""How many rows a page may have; the first one is what it has unless the address asks for another."""
MOST_PAGES = 1_000_000
ALWAYS = "customer"


@dataclass(frozen=True)
class ColumnChoice:
    """A column that can be shown or not."""

    name: str
    label: str
    shown: bool


class CustomerList:
    """What the address asks for of a scored date: ``filters``, and the ``table`` in its order and columns."""

    def __init__(self, request: HttpRequest, day: date, me: User | None = None, *, is_report: bool = False) -> None:
        # A report says all that it asks for; "me" is its owner, and nobody once the owner's account is deleted.
        me = me if is_report else request.user
        self.owns = not is_report and visitor(request).owns
        self.address = first_view(request.GET, SnapshotFilter.base_filters, owns=self.owns).copy()
        own = [name for name in SnapshotFilter.base_filters if request.GET.getlist(name) not in ([], [""])]
        self.is_first_view = self.owns and own == [OWNER] and request.GET.getlist(OWNER) == [str(request.user.pk)]
        # An empty one asks for everybody; to the filter it is no choice.
        self.address.setlist(OWNER, [owner for owner in self.address.getlist(OWNER) if owner])
        self.changes = ScoreChanges(day, None if is_report else visitor(request).program)
        self.filters = SnapshotFilter(
            self.address, Snapshot.objects.on(day), day=day, changes=self.changes, me=me, request=request
        )
        columns = CustomerTable.base_columns
        order = [name for name in request.GET.getlist("sort") if name.removeprefix("-") in columns]
        self.table = CustomerTable(self.filters.qs, changes=self.changes, order_by=order or None)
        self.table.address = request.GET.urlencode()
        self.table.may_tick = request.user.has_perm(MAY_ASSIGN)
        self.chosen = _chosen(request.GET)
        for name in columns:
            if name not in (ALWAYS, *(self.chosen or STANDARD)):
                self.table.columns.hide(name)

    def query(self, address: QueryDict, *, leave_out: tuple[str, ...] = ()) -> str:
        """An address' query, which says it where it asks for all customers and not for the visitor's own."""
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
        filters, day = self.filters, self.filters.day
        found = SnapshotFilter(
            asked, Snapshot.objects.on(day), day=day, changes=self.changes, me=filters.me, request=filters.request
        )
        return found.qs.count(), asked.urlencode()

    def everybody(self) -> str:
        """The list's query without its filters but for the search, unless that is all that finds nobody."""
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
        return self.table.data.data

    @property
    def column_choices(self) -> list[ColumnChoice]:
        """Every column but the name."""
        return [
            ColumnChoice(column.name, column.verbose_name, column.visible)
            for column in self.table.columns.iterall()
            if column.name != ALWAYS
        ]

    @property
    def order_words(self) -> str:
        """What the list is ordered by, such as ``Score, descending``."""
        named = [(self.table.columns[alias.bare].header, alias.is_descending) for alias in self.table.order_by]
        return ", then ".join(f"{header}, {'de' if down else 'a'}scending" for header, down in named)


def customer_list(
    request: HttpRequest, portfolio: PortfolioDay, program: Program, me: User | None = None, *, is_report: bool = False
) -> dict[str, Any]:
    """What the list's templates need: the filters and how they are set, a page's ``rows`` as HTML, and its choices."""
    asked = CustomerList(request, portfolio.date, me, is_report=is_report)
    wanted = request.GET.get("per_page", "")
    per_page = next((size for size in ROWS_PER_PAGE if str(size) == wanted), ROWS_PER_PAGE[0])
    filter_names = tuple(asked.filters.filters)
    cleared = asked.query(asked.address, leave_out=filter_names)

    def make() -> tuple[int, str]:
        _turn_to_page(asked, request.GET.get("page", ""), per_page, portfolio, program)
        others, others_query = (0, "") if asked.table.paginator.count else asked.others()
        context = {
            "table": asked.table,
            "others": others,
            "others_query": others_query,
            "per_page": per_page,
            "page_sizes": ROWS_PER_PAGE,
            "filtering": asked.filtering,
            "everybody_query": asked.everybody(),
        }
        return asked.table.paginator.count, render_to_string("analytics/customer_list/table.html", context, request)

    # All that the table's HTML is made of; its links have the address.
    about = (portfolio.date, asked.address.urlencode(), request.GET.urlencode(), asked.owns, asked.table.may_tick)
    count, rows = program.kept(f"rows {about} {asked.filters.me_key}", make)
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
        "list_query": asked.query(asked.address),
        "cleared_query": cleared,
        "kept": _pairs(request.GET, ("sort", "columns", "per_page", "report")),
        "kept_filters": _pairs(
            QueryDict(asked.query(asked.address)), (*filter_names, "as_of", "sort", "per_page", "report")
        ),
    }


def _chosen(address: QueryDict) -> list[str]:
    """The columns that the address names, joined by commas or one by one; those that do not exist are left out."""
    names = {name for text in address.getlist("columns") for name in text.split(",")}
    return [name for name in CustomerTable.base_columns if name in names and name != ALWAYS]


def _turn_to_page(asked: CustomerList, wanted: str, per_page: int, portfolio: PortfolioDay, program: Program) -> None:
    """Give the table the rows of one page, each with its ``sparkline``; two queries, or three with a filter.

    The database sorts the keys alone, not every column of each row that the filters leave; and how many there are
    without a filter is known, unless an undone import took some away.
    """
    day, paginator = portfolio.date, Paginator(asked.customers, per_page)
    found: list[Any] = []

    def count() -> int:
        found.append(_counted_page(paginator, wanted))
        return paginator.count

    if asked.filtering:
        narrowed = narrowed_query(asked.address, leave_out=("sort", "columns", "per_page", "report"))
        paginator.count = program.kept(f"matches {day} {asked.filters.me_key} {narrowed}", count)
    elif not portfolio.stale:
        paginator.count = portfolio.listed
    page, keys = paginator.get_page(wanted), found[0] if found else None
    if keys is None:
        keys = page.object_list.select_related(None).values_list("pk", flat=True)
        # Without a filter the database may look for them along with their rows.
        keys = list(keys) if asked.filtering else keys
    found_rows = asked.changes.beside(Snapshot.objects.on(day)).filter(pk__in=keys)
    if asked.table.columns["missing"].visible:
        found_rows = found_rows.select_related("customer__missing_since")
    rows = list(found_rows.order_by(*asked.customers.query.order_by))
    drawings = sparklines([row.customer_id for row in rows], day)
    for row in rows:
        row.sparkline = drawings[row.customer_id]
    page.object_list = BoundRows(rows, asked.table)
    asked.table.paginator, asked.table.page = paginator, page


def _counted_page(paginator: Paginator, wanted: str) -> list[int] | None:
    """The keys of a page, and the paginator's count on the way: what the filters leave is looked through but once.

    None where there is no such page, so that the count must come first.
    """
    try:
        number = int(wanted or 1)
    except ValueError:
        number = 1
    if not 1 <= number <= MOST_PAGES:
        return None
    keys = paginator.object_list.select_related(None).values_list("pk", Window(Count("pk")))
    found = list(keys[(number - 1) * paginator.per_page : number * paginator.per_page])
    if not found and number > 1:
        return None
    paginator.count = found[0][1] if found else 0
    return [key for key, _count in found]


def _pairs(address: QueryDict, names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, value) for name in names for value in address.getlist(name) if value or name == OWNER]
