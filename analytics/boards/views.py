"""The pages of the boards: the list, a board, and the forms that make and change one; all work without a script."""

from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext

from analytics.boards.forms import BoardForm, TileForm
from analytics.boards.tiles import tiles_of
from analytics.models import Board
from analytics.pages.as_of import as_of
from analytics.pages.user_summary import user_summary
from analytics.reports.saved_list import saved_list
from analytics.reports.saved_views import may_change
from customers.clock import program_today
from customers.core.pages import StaffRequest, admin_page, admin_response, sent_by_form
from customers.editing.conflicts import tell_kept
from customers.editing.edit_admin import warn_if_changed
from customers.editing.form_keys import answer_once, create_once
from customers.text.numbers import number_or_none
from customers.text.say import say


@admin_page("analytics.view_board", "customers.view_customer")
def boards(request: StaffRequest) -> HttpResponse:
    """One's own boards, then those of others that one may see."""
    visible = Board.objects.visible_to(request.user).annotate(count=Count("tiles"))
    context = {"title": gettext("Boards"), "one": "board", **saved_list(request, visible)}
    return admin_response(request, "analytics/boards/list.html", context)


@admin_page("analytics.view_board", "customers.view_customer")
def board(request: StaffRequest, pk: int) -> HttpResponse:
    """A board's tiles as of the date that the address asks for."""
    found, shown = _visible(request, pk), as_of(request)
    tiles = []
    if shown.portfolio:
        today = program_today() if shown.is_newest else shown.portfolio.date
        tiles = tiles_of(found, shown.portfolio, request.user, today, user_summary(request).version)
    context = {
        "title": found.name,
        "board": found,
        "as_of": shown,
        "tiles": tiles,
        "may_change": may_change(request.user, found),
    }
    return admin_response(request, "analytics/boards/board.html", context)


@admin_page("analytics.add_board", "customers.view_customer")
@create_once
def new_board(request: StaffRequest) -> HttpResponse:
    """Make a board, and lead to where its tiles are chosen."""
    form = BoardForm(request.POST or None, instance=Board(owner=request.user), owner=request.user)
    if request.method == "POST" and form.is_valid() and (saved := form.store()):
        messages.success(request, say("Saved “{name}”. Now add its tiles.", name=saved.name))
        return redirect("analytics:edit-board", pk=saved.pk)
    context = {"title": gettext("New board"), "form": form, "back": reverse("analytics:boards")}
    return admin_response(request, "analytics/boards/form.html", context)


@admin_page("analytics.change_board", "customers.view_customer")
def edit_board(request: StaffRequest, pk: int) -> HttpResponse:
    """Change a board's name, who sees it and how it is mailed; one that nobody owns becomes the visitor's."""
    with transaction.atomic():
        found = _changeable(request, pk)
        form = BoardForm(request.POST or None, instance=found, owner=found.owner or request.user)
        saved = form.store() if request.method == "POST" and form.is_valid() else None
    if saved:
        tell_kept(request, form)
        messages.success(request, say("Saved “{name}”.", name=saved.name))
        return redirect("analytics:board", pk=pk)
    status = HTTPStatus.CONFLICT if form.is_bound and form.is_refused else 200
    return _edit_page(request, found, form, TileForm(board=found, user=request.user), status)


def _edit_page(request: StaffRequest, found: Board, form: BoardForm, tile: TileForm, status: int) -> HttpResponse:
    context = {
        "title": gettext("Edit board"),
        "form": form,
        "board": found,
        "tiles": list(found.tiles.select_related("report")),
        "tile_form": tile,
        "adopts": found.owner is None,
        "back": reverse("analytics:board", args=[found.pk]),
        "may_delete": may_change(request.user, found, "delete"),
    }
    return admin_response(request, "analytics/boards/form.html", context, status=status)


@admin_page("analytics.change_board", "customers.view_customer")
@sent_by_form(lambda pk: reverse("analytics:edit-board", args=[pk]))
def change_tiles(request: StaffRequest, pk: int) -> HttpResponse:
    """Add a tile, or move or remove one."""
    if request.POST.get("action") == "add":
        return answer_once(request, lambda: _add(request, pk))
    with transaction.atomic():
        _move(request, _changeable(request, pk))
    return _to_tiles(pk)


def _add(request: StaffRequest, pk: int) -> HttpResponse:
    found = _changeable(request, pk)
    form = TileForm(request.POST, board=found, user=request.user)
    if form.is_valid():
        form.save()
        return _to_tiles(pk)
    return _edit_page(
        request, found, BoardForm(instance=found, owner=found.owner or request.user), form, HTTPStatus.OK
    )


def _to_tiles(pk: int) -> HttpResponse:
    return redirect(f"{reverse('analytics:edit-board', args=[pk])}#tiles")


def _move(request: StaffRequest, found: Board) -> None:
    """Put a tile one place earlier or later, or remove it; what is gone already stays gone."""
    tiles = list(found.tiles.all())
    place = next((at for at, one in enumerate(tiles) if one.pk == number_or_none(request.POST.get("tile"))), None)
    if place is None:
        messages.info(request, gettext("That tile is gone already."))
        return
    tile = tiles.pop(place)
    match request.POST.get("action"):
        case "remove":
            tile.delete()
        case "up":
            tiles.insert(max(place - 1, 0), tile)
        case "down":
            tiles.insert(place + 1, tile)
        case _:
            return
    for position, one in enumerate(tiles):
        if one.position != position:
            one.position = position
            one.save(update_fields=["position"])


@admin_page("analytics.delete_board")
def delete_board(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask, then delete; its reports stay."""
    found = _visible(request, pk)
    if not may_change(request.user, found, "delete"):
        raise PermissionDenied
    if request.method == "POST":
        with transaction.atomic():
            Board.objects.select_for_update().filter(pk=pk).first()
            found = _visible(request, pk)
            if not warn_if_changed(request, [found]):
                found.delete()
                messages.success(request, say("Deleted “{name}”.", name=found.name))
                return redirect("analytics:boards")
    context = {"title": gettext("Delete board"), "board": found}
    return admin_response(request, "analytics/boards/delete.html", context)


def _visible(request: StaffRequest, pk: int) -> Board:
    return get_object_or_404(Board.objects.visible_to(request.user).select_related("owner"), pk=pk)


def _changeable(request: StaffRequest, pk: int) -> Board:
    """The board; where it is about to be changed, locked first."""
    if request.method == "POST":
        Board.objects.select_for_update().filter(pk=pk).first()
    found = _visible(request, pk)
    if not may_change(request.user, found):
        raise PermissionDenied
    return found
