"""The forms of a board and of a new tile."""

from django import forms
from django.contrib.auth.models import User
from django.db.models import Max
from django.utils.translation import gettext

from analytics.models import Board, BoardTile, Report
from analytics.reports.forms import SharedForm
from customers.text.say import say_n


class BoardForm(SharedForm):
    """Name, who sees it, and how it is mailed."""

    class Meta:
        model = Board
        fields = ["name", "shared", "schedule", "recipients"]


class TileForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """A report that the user may see, and how it is shown; on a shared board a shared report."""

    class Meta:
        model = BoardTile
        fields = ["report", "kind"]

    def __init__(self, *args: object, board: Board, user: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # what a form takes
        self.board = board
        found = Report.objects.visible_to(user)
        field = self.fields["report"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = found.filter(shared=True) if board.shared else found
            field.empty_label = gettext("Choose a report")

    def clean(self) -> None:
        """A board has room for so many."""
        super().clean()
        if self.board.tiles.count() >= Board.MOST_TILES:
            raise forms.ValidationError(
                say_n(
                    "A board has at most {number} tile. Remove one first.",
                    "A board has at most {number} tiles. Remove one first.",
                    Board.MOST_TILES,
                )
            )

    def save(self, commit: bool = True) -> BoardTile:
        """Put the tile behind the others."""
        last = self.board.tiles.aggregate(last=Max("position"))["last"]
        self.instance.board, self.instance.position = self.board, 0 if last is None else last + 1
        saved: BoardTile = super().save(commit)
        return saved
