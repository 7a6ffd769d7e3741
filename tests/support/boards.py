"""Boards, and what their pages show."""

import re
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse

from analytics.models import Board, BoardTile, Report
from tests.support.pages import main_part, words


def make_board(owner: User, *tiles: tuple[Report, str], **overrides: Any) -> Board:
    """A private board of these reports, each shown in its way."""
    board = Board.objects.create(owner=owner, **{"name": "Weekly review", **overrides})
    for position, (report, kind) in enumerate(tiles):
        BoardTile.objects.create(board=board, report=report, kind=kind, position=position)
    return board


def saved(owner: User, name: str, query: str = "", **overrides: Any) -> Report:
    """A shared report that is not mailed."""
    return Report.objects.create(owner=owner, name=name, query=query, **{"shared": True, **overrides})


def shown(page: HttpResponse) -> list[str]:
    """The words of each tile, in the order of the page."""
    found = re.findall(r'<section class="panel tile .*?</section>', main_part(page), re.DOTALL)
    # The data of a chart are the script's, and its table says the same.
    return [words(re.sub(r"<script.*?</script>", "", one, flags=re.DOTALL)) for one in found]
