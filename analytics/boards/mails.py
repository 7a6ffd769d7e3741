"""The mail of a scheduled board: its tiles in words, each with its filters and the link to its customers."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import get_language, gettext, gettext_lazy

from analytics.boards.tiles import Figures, Tile, tiles_of
from analytics.mail.compose import (
    RenderedEmail,
    customer_address,
    customer_label,
    in_languages,
    render_email,
    staff_name,
)
from analytics.mail.message import address_of
from analytics.models import Board, BoardDelivery, PortfolioDay
from analytics.portfolio.figures import stale_days
from analytics.reports.mails import MAX_NAME_LENGTH, Made, Mailing
from analytics.reports.saved_views import ReportUnavailable
from analytics.wording import counted, one_line
from customers.core.sql import read_snapshot
from customers.text import written
from customers.text.say import SOURCE, in_english, say

MAX_WORDS_LENGTH = 300


@dataclass(frozen=True)
class MailedTile:
    """A tile as a mail says it: texts on one line, and addresses, which are '' without ``SITE_URL``."""

    title: str
    filters: str
    day: date | None
    count: str
    change: str
    lines: list[tuple[str, str, str]]
    opens: str
    problem: str = ""


def scheduled_boards() -> Iterator[Mailing]:
    """Yield the boards that have a schedule."""
    found = Board.objects.exclude(schedule=Board.Schedule.NEVER).select_related("owner").order_by("pk")
    yield from map(ScheduledBoard, found.prefetch_related("recipients"))


@dataclass(frozen=True)
class ScheduledBoard:
    """A board, whose mail is all there is of it."""

    row: Board
    noun: ClassVar[str] = "board"
    page: ClassVar[str] = "analytics:boards"

    @property
    def copies(self) -> "QuerySet[BoardDelivery]":
        """What was planned or sent of it."""
        return BoardDelivery.objects.filter(board=self.row)

    def copy(self, recipient: User, day: date) -> BoardDelivery:
        """Return an unsaved copy to somebody."""
        return BoardDelivery(board=self.row, recipient=recipient, day=day)

    def make(self, owner: User, today: date, languages: Collection[str]) -> Made:
        """Return the mail of the newest scored date, as the board's owner sees it."""
        with read_snapshot():
            newest = PortfolioDay.objects.newest()
            if newest is None:
                raise ReportUnavailable(gettext_lazy("Nothing is scored yet."))
            tiles = in_languages({SOURCE, *languages}, lambda: _tiles(self.row, newest, owner, today))
        in_source = tiles[SOURCE]
        if not in_source:
            raise ReportUnavailable(gettext_lazy("It has no tiles."))
        with in_english():
            found = f"{counted(len(in_source), 'tile')} as of {written.day(newest.date)}"
        words = "\n".join([found, *(f"{tile.title}: {tile.filters}" for tile in in_source)])
        emails = in_languages(languages, lambda: _mail(self.row, newest, owner, tiles[get_language() or SOURCE]))
        return Made(emails, None, len(in_source), words)


def _mail(board: Board, newest: PortfolioDay, owner: User, tiles: Sequence[MailedTile]) -> RenderedEmail:
    """Return the mail in the language of now, in which the tiles are."""
    name = one_line(board.name, MAX_NAME_LENGTH)
    context = {
        "day": newest.date,
        "days_old": stale_days(newest.date),
        "tiles": tiles,
        "owner": staff_name(owner),
        "opens": address_of(reverse("analytics:board", args=[board.pk])),
    }
    return render_email("board", say("{board}, as of {day}", board=name, day=newest.date), context)


def _tiles(board: Board, newest: PortfolioDay, owner: User, today: date) -> list[MailedTile]:
    return [_mailed(tile) for tile in tiles_of(board, newest, owner, today, None)]


def _mailed(tile: Tile) -> MailedTile:
    title = one_line(tile.tile.report.name, MAX_NAME_LENGTH)
    figures = tile.figures
    if figures is None:
        return MailedTile(title, "", None, "", "", [], "", tile.problem)
    return MailedTile(
        title=title,
        filters=one_line(figures.filters or gettext("All customers"), MAX_WORDS_LENGTH),
        day=figures.day,
        count=counted(figures.count, "customer"),
        change=figures.change_in_words,
        lines=list(_lines(tile, figures)),
        opens=address_of(tile.address),
    )


def _lines(tile: Tile, figures: Figures) -> Iterator[tuple[str, str, str]]:
    """Yield what a tile lists: a label, a value and a link, of weeks, of statuses or of customers."""
    if figures.trend:
        values = figures.trend.series[0].values
        for label, value in zip(figures.trend.labels, values, strict=True):
            if value is not None:
                yield label, written.number(value), ""
    for share, address in tile.shares:
        said = f"{written.number(share.count)} ({written.percentage(share.percent or 0)})"
        yield share.label, said, address_of(address)
    for row in figures.rows:
        shown = [f"{heading}: {cell}" for heading, cell in zip(figures.header, row.cells, strict=True)]
        yield customer_label(row.name), one_line(", ".join(shown), MAX_WORDS_LENGTH), customer_address(row.key)
