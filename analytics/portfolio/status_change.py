"""How a status differs from that of a week or a month before: a column, a filter, an order; and its newest change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from django.db.models import Case, IntegerField, Q, SmallIntegerField, Value, When
from django.db.models.expressions import Combinable, CombinedExpression, ExpressionWrapper
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.models import HealthStatus, Snapshot
from analytics.portfolio.comparison import MONTH, SPANS
from customers.text.choices import SpokenChoices
from customers.text.say import say

STATUS_COLUMN_OF = {days: f"status_change_{days}" for days in SPANS}
"""What the column and the filter of each span are called."""
WAS_OF = {days: f"was_{days}" for days in SPANS}
"""What the earlier status of each span is called beside a snapshot."""
_PLACES = {status.value: place for place, status in enumerate(HealthStatus)}
"""From best to worst, and away is worst."""


class StatusMove(SpokenChoices):
    """Which way a status went."""

    WORSE = "worse", _("Got worse")
    BETTER = "better", _("Got better")
    CHANGED = "changed", _("Changed")


def places_risen(was: str | None, now: str) -> int | None:
    """Return how many places a status rose, below 0 where it got worse; None where there is nothing to compare with.

    The places are those of ``HealthStatus``: from Champion to At risk it fell by three.
    """
    return None if was is None else _PLACES[was] - _PLACES[now]


def is_worse(was: str, now: str) -> bool:
    """Return whether a status is worse than it was."""
    return _PLACES[now] > _PLACES[was]


def places_risen_in_sql(days: int) -> Combinable:
    """Return the same for the database, of snapshots with their earlier status."""
    difference = CombinedExpression(_place(WAS_OF[days]), "-", _place("status"))
    return ExpressionWrapper(difference, output_field=IntegerField())


def _place(field: str) -> Case:
    whens = [When(**{field: status}, then=Value(place)) for status, place in _PLACES.items()]
    return Case(*whens, output_field=SmallIntegerField())


def went(move: StatusMove, risen: str) -> Q:
    """Return the condition that the status went this way, ``risen`` being the field with the places."""
    return {
        StatusMove.WORSE: Q(**{f"{risen}__lt": 0}),
        StatusMove.BETTER: Q(**{f"{risen}__gt": 0}),
        StatusMove.CHANGED: Q(**{f"{risen}__lt": 0}) | Q(**{f"{risen}__gt": 0}),
    }[move]


def move_in_words(was: str | None, now: str) -> str:
    """``Worse, was Healthy``, ``Same``; '' where there is nothing to compare with."""
    risen = places_risen(was, now)
    if was is None or risen is None:
        return ""
    if not risen:
        return gettext("Same")
    status = HealthStatus(was).label
    return say("Better, was {status}", status=status) if risen > 0 else say("Worse, was {status}", status=status)


@dataclass(frozen=True)
class StatusChange:
    """The newest change of a status: from which to which, and the first scored date of the new one."""

    was: str
    now: str
    day: date


def status_change(snapshots: Sequence[Snapshot]) -> StatusChange | None:
    """Return the newest change of a customer's status within a month; None where there was none."""
    first = snapshots[-1].date - timedelta(days=MONTH)
    for earlier, later in reversed(list(pairwise(snapshots))):
        if later.date < first:
            break
        if earlier.status != later.status:
            return StatusChange(HealthStatus(earlier.status).label, HealthStatus(later.status).label, later.date)
    return None
