"""What a board's tiles show: the customers of a report on the board's date, in one of four ways."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice

from django.contrib.auth.models import User
from django.db.models import Count
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext

from analytics.customer_list.columns import TABLE_COLUMNS
from analytics.customer_list.first_view import with_owner_named
from analytics.customer_list.list_column import ListColumn
from analytics.customer_list.listing import CustomerList
from analytics.display.charts import Chart, Series
from analytics.models import Board, BoardTile, HealthStatus, PortfolioDay, Report, SnapshotQuerySet
from analytics.page_cache import page_cache
from analytics.page_cache.version import StateVersion
from analytics.portfolio.comparison import comparison_dates
from analytics.portfolio.figures import Share
from analytics.portfolio.score_change import COLUMN_OF, ScoreChanges
from analytics.reports.saved_views import ReportUnavailable, report_list, scored_day
from analytics.segments.filters import SnapshotFilter
from analytics.segments.in_words import in_one_sentence
from analytics.wording import DASH, signed
from customers.text import written
from customers.text.say import say
from customers.workbooks.writer import Cell

Kind = BoardTile.Kind
WEEKS = 13
ROWS = 10


@dataclass(frozen=True)
class TileRow:
    """A customer in a table: its key, its name, and the other cells as text."""

    key: str
    name: str
    cells: Sequence[str]


@dataclass(frozen=True)
class Figures:
    """What a tile shows of ``day``: how many customers, and of its kind alone the rest.

    ``change`` is how many more than on ``since``; None where nothing is scored to compare with.
    """

    day: date
    count: int
    filters: str
    order: str
    query: str
    change: int | None = None
    since: date | None = None
    trend: Chart | None = None
    shares: Sequence[tuple[Share, str]] = ()
    header: Sequence[str] = ()
    rows: Sequence[TileRow] = ()

    @property
    def change_in_words(self) -> str:
        """Return the change with its date, such as ``+2 since 3 May 2025``; '' where there is none to tell."""
        if self.change is None or self.since is None:
            return ""
        if not self.change:
            return say("no change since {day}", day=self.since)
        return say("{change} since {day}", change=signed(self.change), day=self.since)


@dataclass(frozen=True)
class Tile:
    """A tile of a board as somebody sees it; without ``figures`` the ``problem`` says why."""

    tile: BoardTile
    figures: Figures | None = None
    problem: str = ""

    @property
    def address(self) -> str:
        """Where its customers are listed."""
        return self.address_of(self.figures.query) if self.figures else ""

    def address_of(self, query: str) -> str:
        """Return where a query of its report lists customers, as of the tile's date."""
        return _address(self.tile, query, self.figures.day) if self.figures else ""

    @property
    def shares(self) -> Sequence[tuple[Share, str]]:
        """The statuses, each with the address of its customers."""
        return [(share, self.address_of(query)) for share, query in self.figures.shares] if self.figures else []


def _address(tile: BoardTile, query: str, day: date) -> str:
    """Return where a query of a tile's report lists customers as of a date."""
    asked = "&".join(part for part in (query, f"report={tile.report_id}", f"as_of={day}") if part)
    return f"{reverse('admin:index')}?{asked}#customers"


class TileKey(page_cache.StateKey):
    """Of what a tile shows to somebody."""

    today: date
    day: date
    report: int
    kind: str
    tile: int
    user: int


def tiles_of(board: Board, newest: PortfolioDay, user: User, today: date, version: StateVersion | None) -> list[Tile]:
    """Return the tiles as ``user`` may see them, of ``newest`` as the newest date; kept where there is a version."""
    tiles = list(board.tiles.select_related("report__owner"))
    visible = set(Report.objects.visible_to(user).filter(tiles__board=board).values_list("pk", flat=True))
    return [
        _tile(tile, newest, user, today, version)
        if tile.report_id in visible
        else Tile(tile, problem=gettext("Its report is private."))
        for tile in tiles
    ]


def _tile(tile: BoardTile, newest: PortfolioDay, user: User, today: date, version: StateVersion | None) -> Tile:
    def make() -> Tile:
        try:
            day = scored_day(tile.report, today, newest).date
            return Tile(tile, _figures(tile, report_list(tile.report, user, day)))
        except ReportUnavailable as fault:
            return Tile(tile, problem=str(fault))

    if version is None:
        return make()
    key = TileKey(
        version=version,
        today=today,
        day=newest.date,
        report=tile.report_id,
        kind=tile.kind,
        tile=tile.pk,
        user=user.pk,
    )
    return page_cache.get_or_set(key, make)


def _figures(tile: BoardTile, asked: CustomerList) -> Figures:
    """Return what a tile shows: a few queries, however many customers there are."""
    named = with_owner_named(asked.address, tile.report.owner_id)
    shown = Figures(
        day=asked.day,
        count=asked.customers.count(),
        filters=in_one_sentence(asked.filters),
        order=asked.order_words,
        query=asked.query(named),
    )
    match Kind(tile.kind):
        case Kind.COUNT:
            return _with_change(shown, asked)
        case Kind.TREND:
            return _with_trend(_with_change(shown, asked), asked, tile)
        case Kind.CHART:
            return _with_shares(shown, asked, named)
        case Kind.TABLE:
            return _with_rows(shown, asked)


def _found(asked: CustomerList, day: date) -> SnapshotQuerySet:
    """Return whom the same filters find on another date."""
    filters = asked.filters
    changes = ScoreChanges(day)
    other = SnapshotFilter(asked.address, day, changes=changes, user=filters.user, me=filters.me, known=filters.known)
    found: SnapshotQuerySet = other.qs
    return found.select_related(None).order_by()


def _with_change(shown: Figures, asked: CustomerList) -> Figures:
    since = comparison_dates(shown.day)[7]
    if since is None:
        return shown
    return replace(shown, change=shown.count - _found(asked, since).count(), since=since)


def _with_trend(shown: Figures, asked: CustomerList, tile: BoardTile) -> Figures:
    """Count on the date and on the same day of each week before; of a date that is not scored nothing is known."""
    days = [shown.day - timedelta(weeks=weeks) for weeks in reversed(range(WEEKS))]
    scored = set(PortfolioDay.objects.filter(date__in=days).values_list("date", flat=True))
    first, *others = [_found(asked, day).values_list("date").annotate(Count("pk")) for day in days if day in scored]
    counts = dict(first.union(*others, all=True))
    values = [counts.get(day, 0) if day in scored else None for day in days]
    is_one_year = days[0].year == days[-1].year
    labels = [written.day_of_year(day) if is_one_year else written.day(day) for day in days]
    title = say("{name}, {first} to {last}", name=tile.report.name, first=days[0], last=days[-1])
    addresses = [_address(tile, shown.query, day) if day in scored else "" for day in days]
    series = [Series(gettext("Customers"), values)]
    return replace(shown, trend=Chart(f"tile-{tile.pk}", title, "line", labels, series, addresses=addresses))


def _with_shares(shown: Figures, asked: CustomerList, named: QueryDict) -> Figures:
    found = asked.customers.select_related(None).order_by().values_list("status").annotate(Count("pk"))
    counts = dict(found)
    shares = []
    for status in HealthStatus:
        query = named.copy()
        query["status"] = status.value
        shares.append(
            (Share(status.value, status.label, counts.get(status.value, 0), shown.count), asked.query(query))
        )
    return replace(shown, shares=shares)


def _with_rows(shown: Figures, asked: CustomerList) -> Figures:
    """Return the first customers in the report's order, with the columns that its table has."""
    columns = [TABLE_COLUMNS[column.name] for column in asked.table.columns if column.name != "customer"]
    fields = [field for one in columns for field in one.file_fields]
    found = asked.changes.beside(asked.customers.select_related(None).with_forecasts(of_over=False))
    rows = []
    for key, name, *values in found.values_list("customer_id", "customer__organization", *fields)[:ROWS]:
        rest = iter(values)
        cells = [_in_words(one, one.value(*islice(rest, len(one.file_fields)))) for one in columns]
        rows.append(TileRow(key, name, cells))
    return replace(shown, header=[str(one.heading) for one in columns], rows=rows)


def _in_words(column: ListColumn, cell: Cell) -> str:
    if cell is None or cell == "":
        return DASH
    if isinstance(cell, date):
        return written.day(cell)
    if isinstance(cell, int):
        return signed(cell) if column.name in COLUMN_OF.values() else f"{written.number(cell)}{column.unit}"
    return cell
