"""How much a score differs from that of a week or a month before: a column, a filter, an order.

The status of then comes along, for ``status_change``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from django.db.models import ExpressionWrapper, F, FilteredRelation, IntegerField, Q
from django.db.models.expressions import Combinable

from analytics.models import Snapshot, SnapshotQuerySet
from analytics.page_cache.version import DataVersion
from analytics.portfolio.comparison import SPANS, WEEK, comparison_dates, kept_comparison_dates
from analytics.portfolio.status_change import WAS_OF, StatusMove, places_risen_in_sql, went
from analytics.wording import signed
from customers.text.say import say

NOTICED_FALL = 5
"""A score that fell by as many points in a week got worse, whatever the status."""
COLUMN_OF = {days: f"change_{days}" for days in SPANS}
FILTER_OF = {days: f"fell_{days}" for days in SPANS}
RISEN_OF = {days: f"risen_{days}" for days in SPANS}


class ScoreChanges:
    """The changes of the scores of a scored date, and the statuses before.

    The comparison dates are asked for once, and only where needed.
    A change is score less score, whatever policies gave the two.
    """

    def __init__(self, day: date, version: DataVersion | None = None) -> None:
        self.day = day
        self.version = version

    @cached_property
    def since(self) -> dict[int, date | None]:
        """By span the date to compare with."""
        return kept_comparison_dates(self.version, self.day) if self.version else comparison_dates(self.day)

    def beside(self, snapshots: SnapshotQuerySet) -> SnapshotQuerySet:
        """Return the snapshots of the date with their changes and earlier statuses; annotated but once.

        Both are None without an earlier score.
        """
        columns: dict[str, Combinable] = {}
        for days, name in COLUMN_OF.items():
            if name not in snapshots.query.annotations:
                # A date before all there is stands for none.
                earlier = self.since[days] or date.min
                then = FilteredRelation("customer__snapshots", condition=Q(customer__snapshots__date=earlier))
                snapshots = snapshots.annotate(**{f"then_{days}": then})
                difference = F("score") - F(f"then_{days}__score")
                columns[name] = ExpressionWrapper(difference, output_field=IntegerField())
                columns[WAS_OF[days]] = F(f"then_{days}__status")
        return snapshots.annotate(**columns)

    def fell(self, snapshots: SnapshotQuerySet, days: int, least: int) -> SnapshotQuerySet:
        """Return those whose score fell by at least so many points."""
        return self.beside(snapshots).filter(**{f"{COLUMN_OF[days]}__lte": -least})

    def moved(self, snapshots: SnapshotQuerySet, days: int, move: StatusMove) -> SnapshotQuerySet:
        """Return those whose status went this way."""
        return self._risen(snapshots, days).filter(went(move, RISEN_OF[days]))

    def got_worse(self, snapshots: SnapshotQuerySet) -> SnapshotQuerySet:
        """Return those who got worse in a week: the score fell by ``NOTICED_FALL`` points, or the status got worse."""
        fell = Q(**{f"{COLUMN_OF[WEEK]}__lte": -NOTICED_FALL})
        return self._risen(snapshots, WEEK).filter(fell | went(StatusMove.WORSE, RISEN_OF[WEEK]))

    def _risen(self, snapshots: SnapshotQuerySet, days: int) -> SnapshotQuerySet:
        """Return the snapshots with how many places the status rose."""
        return self.beside(snapshots).alias(**{RISEN_OF[days]: places_risen_in_sql(days)})


@dataclass(frozen=True)
class ScoreChange:
    """What a score changed by since ``then``."""

    days: int
    points: int
    then: date

    @property
    def words(self) -> str:
        """``−5 in 7 days``."""
        return say("{points} in {days} days", points=signed(self.points), days=self.days)

    @property
    def since(self) -> str:
        """What it is the difference to."""
        return say("Score less the score of {day}, whatever policy each was scored by", day=self.then)


def score_changes(snapshots: Sequence[Snapshot], since: dict[int, date | None]) -> list[ScoreChange]:
    """Return the changes of a customer's newest snapshot, of those given oldest first; none without a score then."""
    scores = {one.date: one.score for one in snapshots}
    now = snapshots[-1]
    return [
        ScoreChange(days, now.score - scores[then], then) for days, then in since.items() if then and then in scores
    ]
