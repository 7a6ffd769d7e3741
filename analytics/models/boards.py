"""Boards: saved reports side by side, as a meeting looks at them, and their deliveries."""

from django.db import models

from analytics.models.reports import MailedCopy, Report, Shared, SharedQuerySet


class Board(Shared):
    """A page of tiles; everybody sees of it those whose report they may see."""

    MOST_TILES = 12

    objects = SharedQuerySet.as_manager()

    class Meta(Shared.Meta):
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="board_name_once")]


class BoardTile(models.Model):
    """What a board shows of a report; the report gives the filters, and for a table the columns and the order."""

    class Kind(models.TextChoices):
        """How the report's customers are shown."""

        COUNT = "count", "Number"
        TREND = "trend", "Trend of 13 weeks"
        CHART = "chart", "Chart by health status"
        TABLE = "table", "Table of the first 10"

    board = models.ForeignKey(Board, models.CASCADE, related_name="tiles")
    report = models.ForeignKey(Report, models.CASCADE, related_name="tiles")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.COUNT)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        # Whoever may change a board may change its tiles.
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.report}"


class BoardDelivery(MailedCopy):
    """A scheduled board to one person."""

    board = models.ForeignKey(Board, models.CASCADE, related_name="deliveries")

    class Meta(MailedCopy.Meta):
        constraints = [models.UniqueConstraint(fields=["board", "recipient", "day"], name="board_sent_once")]

    def __str__(self) -> str:
        return f"{self.board} on {self.day}"
