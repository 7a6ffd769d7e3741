"""Boards: saved reports side by side, as a meeting looks at them, and their deliveries."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from analytics.models.reports import MailedCopy, Report, Shared, SharedQuerySet
from customers.text.choices import SpokenChoices
from customers.text.say import say


class Board(Shared):
    """A page of tiles; everybody sees of it those whose report they may see."""

    MOST_TILES = 12

    objects = SharedQuerySet.as_manager()

    class Meta(Shared.Meta):
        verbose_name = _("board")
        verbose_name_plural = _("boards")
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="board_name_once")]


class BoardTile(models.Model):
    """What a board shows of a report; the report gives the filters, and for a table the columns and the order."""

    class Kind(SpokenChoices):
        """How the report's customers are shown."""

        COUNT = "count", _("Number")
        TREND = "trend", _("Trend of 13 weeks")
        CHART = "chart", _("Chart by health status")
        TABLE = "table", _("Table of the first 10")

    board = models.ForeignKey(Board, models.CASCADE, related_name="tiles")
    report = models.ForeignKey(Report, models.CASCADE, related_name="tiles", verbose_name=_("report"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.COUNT)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = _("board tile")
        verbose_name_plural = _("board tiles")
        # Whoever may change a board may change its tiles.
        default_permissions = ()

    def __str__(self) -> str:
        return say("{kind} of {report}", kind=self.get_kind_display(), report=str(self.report))


class BoardDelivery(MailedCopy):
    """A scheduled board to one person."""

    board = models.ForeignKey(Board, models.CASCADE, related_name="deliveries")

    class Meta(MailedCopy.Meta):
        verbose_name = _("board delivery")
        verbose_name_plural = _("board deliveries")
        constraints = [models.UniqueConstraint(fields=["board", "recipient", "day"], name="board_sent_once")]

    def __str__(self) -> str:
        return say("{what} on {day}", what=str(self.board), day=self.day.isoformat())
